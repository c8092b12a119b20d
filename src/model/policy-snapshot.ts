// The text a session ran under, kept so that a later reader can replay its verdicts.

/** A policy source as it was read: a file, a template, a profile, a manifest or flags written as Cedar. */
export interface PolicySource {
  readonly kind: "cedar" | "manifest";
  /** Name shown to people: file path, `template:workspace`, `profile:python`, `flags`. */
  readonly name: string;
  readonly text: string;
}

/** SHA-256 hex over the sources sorted by name, each as `name`, LF, `text`, LF with lengths prefixed. */
export interface PolicySnapshot {
  readonly hash: string;
  readonly sources: readonly PolicySource[];
}
