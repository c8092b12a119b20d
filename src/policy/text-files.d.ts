// Data files that are part of the program: the bundler turns them into strings.

declare module "*.cedar" {
  const text: string;
  export = text;
}

declare module "*.cedarschema" {
  const text: string;
  export = text;
}
