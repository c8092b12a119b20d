export type Health = {
  readonly status: "ok";
};
export type NotReady = {
  readonly status: "not ready";
  readonly error: string;
};
