// The PostgreSQL form of a ledger, in statements that CockroachDB, YugabyteDB and Citus take as
// well: no sequences, no advisory locks, no notifications, no references between tables, no
// arithmetic. docs/postgresql.md says why.

type ColumnType = "bigint" | "smallint" | "text" | "bytea";

interface Table {
  readonly columns: Readonly<Record<string, readonly [type: ColumnType, null?: "or null"]>>;
  /** Named, so that their absence can be told. */
  readonly keys: Readonly<Record<string, string>>;
}

/** Texts that are compared by order are bytes in order, whatever the database is set to. */
const ordered: ReadonlySet<string> = new Set(["id", "session", "kind", "key", "hash"]);
export const byteOrder = ' COLLATE "C"';

export const tables: Readonly<Record<string, Table>> = {
  aegis_head: {
    columns: {
      id: ["smallint"],
      format: ["smallint"],
      origin: ["text"],
      guarded: ["smallint"],
      size: ["bigint"],
      frontier: ["bytea"],
    },
    keys: { aegis_head_pkey: "PRIMARY KEY (id)", aegis_head_single: "CHECK (id = 1)" },
  },
  aegis_session: {
    columns: {
      id: ["text"],
      first_idx: ["bigint"],
      name: ["text"],
      mode: ["text"],
      command: ["text"],
      directory: ["text"],
      policy_hash: ["text"],
      tag: ["text", "or null"],
      opened_ms: ["bigint"],
      closed_ms: ["bigint", "or null"],
      exit_status: ["bigint", "or null"],
      access_count: ["bigint"],
      denied_count: ["bigint"],
      next_seq: ["bigint"],
      last_hash: ["text"],
    },
    keys: { aegis_session_pkey: "PRIMARY KEY (id)" },
  },
  aegis_event: {
    columns: {
      idx: ["bigint"],
      session: ["text"],
      seq: ["bigint"],
      ts_ms: ["bigint"],
      type: ["text"],
      decision: ["smallint", "or null"],
      leaf: ["bytea"],
      body: ["bytea"],
    },
    keys: {
      aegis_event_pkey: "PRIMARY KEY (idx)",
      aegis_event_chain: "UNIQUE (session, seq)",
      aegis_event_leaf: "CHECK (octet_length(leaf) = 32)",
    },
  },
  aegis_purged: {
    columns: { idx: ["bigint"], session: ["text"], leaf: ["bytea"] },
    keys: {
      aegis_purged_pkey: "PRIMARY KEY (idx)",
      aegis_purged_leaf: "CHECK (octet_length(leaf) = 32)",
    },
  },
  aegis_node: {
    columns: { level: ["smallint"], position: ["bigint"], hash: ["bytea"] },
    keys: { aegis_node_pkey: "PRIMARY KEY (level, position)" },
  },
  aegis_policy: {
    columns: { hash: ["text"], sources: ["text"] },
    keys: { aegis_policy_pkey: "PRIMARY KEY (hash)" },
  },
  aegis_policy_load: {
    columns: { idx: ["bigint"], session: ["text"], ts_ms: ["bigint"], hash: ["text"] },
    keys: { aegis_policy_load_pkey: "PRIMARY KEY (idx)" },
  },
  aegis_checkpoint: {
    columns: { size: ["bigint"], note: ["text"] },
    keys: { aegis_checkpoint_pkey: "PRIMARY KEY (size)" },
  },
  aegis_record: {
    columns: { kind: ["text"], key: ["text"], json: ["text"] },
    keys: { aegis_record_pkey: "PRIMARY KEY (kind, key)" },
  },
};

/** Beginning of a session's key: its tenant. What is computed cannot be changed apart from it. */
export const tenantOf = (column: string): string => `split_part(${column}, '/', 1)`;

const indexes: readonly string[] = [
  `CREATE INDEX aegis_session_tenant ON aegis_session ((${tenantOf("id")}), first_idx)`,
  "CREATE INDEX aegis_session_name ON aegis_session (name)",
  `CREATE INDEX aegis_event_tenant ON aegis_event ((${tenantOf("session")}), idx)`,
];

const { aegis_purged: purged, ...before } = tables;

/** What each format adds to the one before it; the first makes a ledger. */
export const formats: readonly (readonly string[])[] = [
  [...Object.entries(before).map(([name, table]) => creating(name, table)), ...indexes],
  // The same tables: those before it know of no seals of records.
  [],
  purged === undefined ? [] : [creating("aegis_purged", purged)],
];

function creating(name: string, { columns, keys }: Table): string {
  const parts = Object.entries(columns).map(([column, [type, nullable]]) => {
    const order = type === "text" && ordered.has(column) ? byteOrder : "";
    return `${column} ${type}${order}${nullable === undefined ? " NOT NULL" : ""}`;
  });
  const named = Object.entries(keys).map(([key, what]) => `CONSTRAINT ${key} ${what}`);
  return `CREATE TABLE ${name} (${[...parts, ...named].join(", ")})`;
}

const refusing = "RAISE EXCEPTION 'the ledger only grows';";
const refusingWhere = (what: string): string => `IF ${what} THEN ${refusing} END IF; RETURN NEW;`;

/** The row of a session whose events are gone may lose what they said. */
const isPurge =
  "NEW.next_seq = OLD.next_seq AND NEW.last_hash = '' AND " +
  "NOT EXISTS (SELECT 1 FROM aegis_event WHERE session = OLD.id)";
/** An event may go whose place in the tree is kept already. */
const lettingPurge =
  "IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'aegis_event' THEN " +
  "IF EXISTS (SELECT 1 FROM aegis_purged WHERE idx = OLD.idx AND leaf = OLD.leaf) " +
  "THEN RETURN OLD; END IF; END IF;";

const functions: Readonly<Record<string, string>> = {
  aegis_refuse: `${lettingPurge} ${refusing} RETURN NULL;`,
  aegis_head_grows: refusingWhere("NEW.origin <> OLD.origin OR NEW.size < OLD.size"),
  aegis_session_grows:
    `IF NEW.next_seq <= OLD.next_seq THEN IF ${isPurge} THEN RETURN NEW; END IF; ` +
    `${refusing} END IF; RETURN NEW;`,
};

const kept: readonly string[] = Object.keys(tables).filter((name) => name !== "aegis_record");
const grown: readonly string[] = ["aegis_head", "aegis_session"];

/** Triggers by name, with what each is on. They stop accidents; verify is what finds changes. */
export const triggers: Readonly<Record<string, string>> = Object.fromEntries(
  kept.flatMap((table) => [
    [`${table}_keep`, `BEFORE ${grown.includes(table) ? "" : "UPDATE OR "}DELETE ON ${table}`],
    [`${table}_whole`, `BEFORE TRUNCATE ON ${table}`],
    ...(grown.includes(table) ? [[`${table}_grow`, `BEFORE UPDATE ON ${table}`]] : []),
  ]),
);

/** For servers that have them; without, the ledger works the same. */
export const guards: readonly string[] = [
  ...definitions("CREATE FUNCTION"),
  ...Object.keys(triggers).map(guarding),
];

/** What a guarded ledger lacks that was made before events could be purged. */
export const purgeGuards: readonly string[] = [
  ...definitions("CREATE OR REPLACE FUNCTION"),
  ...Object.keys(triggers)
    .filter((name) => name.startsWith("aegis_purged_"))
    .map(guarding),
];

function definitions(create: string): readonly string[] {
  return Object.entries(functions).map(
    ([name, body]) =>
      `${create} ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} END $$`,
  );
}

function guarding(name: string): string {
  const each = name.endsWith("_whole") ? "STATEMENT" : "ROW";
  const does = name.endsWith("_grow") ? `${name}s` : "aegis_refuse";
  return `CREATE TRIGGER ${name} ${triggers[name]} FOR EACH ${each} EXECUTE FUNCTION ${does}()`;
}
