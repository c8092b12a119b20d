// What `run` and `wrap` were asked to do, as the command line said it; launch.ts gives it meaning.

import type { AbsPath } from "../../base/paths.ts";
import type { AuditLevel } from "../../enforce/backend.ts";
import type { LimitWish } from "../../model/limits.ts";
import type { Prompt } from "../../supervise/asking.ts";
import type { EnvironmentGrant } from "../../supervise/environment.ts";
import type { DryRunChoice } from "../dry-run/choice.ts";

export interface LaunchOptions {
  /**
   * `wrap` records and confines nothing; so does `learn`, which also records what was looked for in
   * vain.
   */
  readonly mode: "run" | "wrap" | "learn";
  /** Program and arguments, not empty. */
  readonly command: readonly string[];
  /** A named configuration; undefined: an ad-hoc run. */
  readonly config: string | undefined;
  /** Templates, files or folders, merged; empty: the configuration's, else the default template. */
  readonly policies: readonly string[];
  readonly manifest: string | undefined;
  /**
   * Told the very text that is compiled, before anything is; throws for one that is not trusted.
   * Absent: nobody is asked.
   */
  readonly judgeManifest?: (path: AbsPath, text: string) => Promise<void>;
  readonly profiles: readonly string[];
  readonly directory: string | undefined;
  readonly name: string | undefined;
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly deny: readonly string[];
  readonly net: readonly string[];
  readonly denyNet: readonly string[];
  readonly listen: readonly string[];
  /** Nothing but these programs is run, by name or path; empty: the policy alone says. */
  readonly exec: readonly string[];
  /** Record the SHA-256 of each program that is run. */
  readonly execHash: boolean;
  readonly environment: readonly EnvironmentGrant[];
  /** As `parseCredential` reads them, so no secret is in them; absent: none. */
  readonly credentials?: readonly string[];
  readonly limits: readonly LimitWish[];
  readonly audit: AuditLevel;
  /** Whom to ask about what no rule allows; absent: nobody, it is denied. */
  readonly prompt?: Prompt;
  readonly allowWeaker: boolean;
  readonly ledger: string | undefined;
  readonly tag: string | undefined;
  /** A session of the control plane to record into; absent: one of its own. */
  readonly joins?: {
    /** `TENANT/ID`. */
    readonly session: string;
    /** Absent: the token is in the environment. */
    readonly tokenFile: string | undefined;
  };
  readonly quiet: boolean;
  /** Told what the launch waits for, in one line; absent: nobody is. */
  readonly tell?: (line: string) => void;
  /** What is changed goes to a layer of this run; who decides what becomes of it. Absent: no. */
  readonly dryRun?: DryRunChoice | undefined;
  readonly json: boolean;
}
