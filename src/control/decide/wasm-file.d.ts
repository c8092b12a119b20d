// Compiled policies are part of the program: an import of one is the path of its file.

declare module "*/decide.wasm" {
  const path: string;
  export = path;
}
