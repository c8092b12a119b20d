// The helper as `make -C native` leaves it; the bundler turns the import into the path of an
// embedded file.

declare module "*/aegis-helper-x86_64" {
  const path: string;
  export = path;
}

declare module "*/aegis-helper-aarch64" {
  const path: string;
  export = path;
}
