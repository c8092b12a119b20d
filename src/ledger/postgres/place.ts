// Where a PostgreSQL ledger is. The password is kept apart from everything that is shown.

export interface PostgresPlace {
  /** A name or address; an absolute path is the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  /** Undefined: no encryption. There is no "when the server has it": that lets others decide. */
  readonly tls: PostgresTls | undefined;
  /** Undefined: as the server has it for this user. */
  readonly searchPath: string | undefined;
  readonly applicationName: string;
}

export interface PostgresTls {
  /** `nobody`: encrypted, with whoever answers. */
  readonly trusts: "certificate" | "nobody";
  /** PEM text of who may vouch for the server; undefined: whom the system trusts. */
  readonly ca: string | undefined;
}

/** For messages: everything but the password. */
export function placeName({ host, port, database, user }: PostgresPlace): string {
  const where = host.includes(":") ? `[${host}]` : host;
  return `postgres://${user}@${where}:${port}/${database}`;
}
