// The part of the optional package `fsevents` that is used; it is installed on macOS alone.

declare module "fsevents" {
  /** Calls `handler` for every change below `path`, until the returned function is called. */
  export function watch(
    path: string,
    handler: (path: string, flags: number, id: number) => void,
  ): () => Promise<void>;
}
