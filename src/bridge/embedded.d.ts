// The helper and the attacker as `make -C native` leaves them; the bundler turns each import into
// the path of an embedded file.

declare module "*/aegis-helper-x86_64" {
  const path: string;
  export = path;
}

declare module "*/aegis-helper-aarch64" {
  const path: string;
  export = path;
}

declare module "*/aegis-attack-x86_64" {
  const path: string;
  export = path;
}

declare module "*/aegis-attack-aarch64" {
  const path: string;
  export = path;
}
