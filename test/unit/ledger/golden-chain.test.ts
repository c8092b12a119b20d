// Small ledgers whose every byte is written down in conformance/chain, whole and damaged, with what
// verify must say of each. They pin the format: a ledger written today verifies for ever.
// UPDATE_GOLDEN=1 writes them anew.

import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseSessionId } from "../../../src/base/ids.ts";
import { buildAddition } from "../../../src/ledger/addition.ts";
import { createMemoryStore } from "../../../src/ledger/memory.ts";
import { createSealer } from "../../../src/ledger/seal.ts";
import type { Snapshot, StoredEvent } from "../../../src/ledger/store.ts";
import { emptyTree, rootOf } from "../../../src/ledger/tree/merkle.ts";
import { createSigner } from "../../../src/ledger/tree/signer.ts";
import { verifySnapshot } from "../../../src/ledger/verify/verify.ts";
import type { EventDraft } from "../../../src/model/event.ts";
import { access, denial, startMs } from "../../support/ledger.ts";

interface GoldenRow {
  readonly index: number;
  readonly session: string;
  readonly seq: number;
  readonly ts_ms: number;
  readonly type: string;
  readonly decision: StoredEvent["decision"] | null;
  /** Hex. */
  readonly leaf: string;
  /** Canonical text. */
  readonly body: string;
}

interface GoldenChain {
  readonly what: string;
  readonly origin: string;
  readonly verifier_key: string;
  readonly rows: readonly GoldenRow[];
  readonly checkpoints: readonly { readonly size: number; readonly note: string }[];
  /** Heads remembered outside the database. */
  readonly heads: readonly {
    readonly origin: string;
    readonly size: number;
    readonly root: string;
  }[];
  readonly findings: readonly { readonly kind: string; readonly index: number | null }[];
}

const folder = join(import.meta.dir, "../../../conformance/chain");
const origin = "aegis.example/golden";
const sessionA = "01890a5d-ac96-774b-bcce-b302099a8057";
const sessionB = "01890a5d-ac97-7c3a-9c11-0a1b2c3d4e5f";

function draft(type: EventDraft["type"], payload: EventDraft["payload"]): EventDraft {
  return { type, tsUnixMs: startMs, payload };
}

const history: readonly (readonly [session: string, drafts: readonly EventDraft[]])[] = [
  [
    sessionA,
    [
      draft("SESSION_OPENED", {
        name: "agent",
        mode: "run",
        command: ["python3", "agent.py"],
        directory: "/home/me/project",
        policy_hash: "00",
        tag: null,
      }),
      access("/usr/lib/libc.so.6"),
    ],
  ],
  [sessionB, [draft("SESSION_OPENED", { name: "é\u{1f602}", mode: "wrap", command: [] })]],
  [sessionA, [denial("/home/me/.ssh/id_ed25519"), access("/tmp/a\nb", { count: 12 })]],
  [sessionB, [access("/x", { 10: 1, 9: 2, A: 3, a: 0.1, "\u00e9": -0 })]],
  [sessionA, [draft("SESSION_CLOSED", { exit_status: 0, summary: {} })]],
];

async function wholeChain(): Promise<GoldenChain> {
  const store = createMemoryStore(origin);
  const sealer = createSealer();
  for (const [session, drafts] of history) {
    const id = parseSessionId(session);
    if (id === undefined) throw new Error(session);
    await store.append(id, (base) => {
      const request = { session: id, tenant: "local", user: "agent", policy: undefined };
      return buildAddition(sealer, base, { ...request, drafts: () => drafts }).addition;
    });
  }
  const signer = await createSigner(origin, new Uint8Array(32).fill(7));
  const root = rootOf(store.rows.head).toBase64();
  const size = store.rows.head.size;
  return {
    what: "two sessions, one closed, everything as it was written",
    origin,
    verifier_key: signer.verifierKey,
    rows: store.rows.events.map(goldenRow),
    checkpoints: [{ size, note: await signer.sign(`${origin}\n${size}\n${root}\n`) }],
    heads: [{ origin, size, root }],
    findings: [],
  };
}

function goldenRow(event: StoredEvent): GoldenRow {
  return {
    index: event.index,
    session: event.session,
    seq: event.seq,
    ts_ms: event.tsUnixMs,
    type: event.type,
    decision: event.decision ?? null,
    leaf: event.leaf.toHex(),
    body: new TextDecoder().decode(event.body),
  };
}

type Damage = (chain: GoldenChain) => Partial<GoldenChain>;

function changeRow(index: number, change: (row: GoldenRow) => Partial<GoldenRow>): Damage {
  return ({ rows }) => ({
    rows: rows.map((row) => (row.index === index ? { ...row, ...change(row) } : row)),
  });
}

const damages: Readonly<Record<string, { what: string; damage: Damage }>> = {
  whole: { what: "two sessions, one closed, everything as it was written", damage: () => ({}) },
  "edited-path": {
    what: "another path in event 1",
    damage: changeRow(1, ({ body }) => ({ body: body.replace("libc.so.6", "libc.so.7") })),
  },
  "edited-spelling": {
    what: "the same event 1 with a space in its text",
    damage: changeRow(1, ({ body }) => ({ body: body.replace(",", ", ") })),
  },
  "edited-column": {
    what: "the denial of event 3 listed as allowed",
    damage: changeRow(3, () => ({ decision: "allow" })),
  },
  "missing-event": {
    what: "event 3 is gone",
    damage: ({ rows }) => ({ rows: rows.filter(({ index }) => index !== 3) }),
  },
  "swapped-events": {
    what: "events 3 and 4 have changed places, columns and all but the index",
    damage: ({ rows }) => ({
      rows: rows.map((row) => {
        const other = rows[row.index === 3 ? 4 : row.index === 4 ? 3 : row.index];
        return { ...(other ?? row), index: row.index };
      }),
    }),
  },
  "cut-end": {
    what: "the last two events are gone",
    damage: ({ rows }) => ({ rows: rows.slice(0, -2) }),
  },
  "cut-end-unsigned": {
    what: "the last two events are gone, and the checkpoint with them",
    damage: ({ rows }) => ({ rows: rows.slice(0, -2), checkpoints: [] }),
  },
  "wrong-root": {
    what: "a checkpoint of another tree, signed by somebody else",
    damage: ({ checkpoints }) => ({
      checkpoints: checkpoints.map(({ size, note }) => ({
        size,
        note: note.replace("\n7\n", "\n6\n"),
      })),
    }),
  },
  "other-memory": {
    what: "the head memory knows other events",
    damage: ({ heads }) => ({
      heads: heads.map((head) => ({ ...head, root: btoa("another tree than this one here.") })),
    }),
  },
};

function snapshotOf(chain: GoldenChain): Snapshot {
  const events = chain.rows.map((row): StoredEvent => {
    const session = parseSessionId(row.session);
    if (session === undefined) throw new Error(row.session);
    return {
      index: row.index,
      session,
      seq: row.seq,
      tsUnixMs: row.ts_ms,
      type: row.type,
      decision: row.decision ?? undefined,
      leaf: Uint8Array.fromHex(row.leaf),
      body: new TextEncoder().encode(row.body),
    };
  });
  return {
    origin: chain.origin,
    head: () => emptyTree,
    eventsFrom: (first, limit) => events.filter(({ index }) => index >= first).slice(0, limit),
    purgedFrom: () => [],
    sessions: () => [],
    policyLoads: () => [],
    policies: () => [],
    nodes: () => [],
    checkpoints: () => chain.checkpoints,
    recordsFrom: () => [],
    schemaProblems: () => [],
    close: () => undefined,
  };
}

/** Of content, chains, tree and heads; golden chains have no tables derived from them. */
async function findingsOf(chain: GoldenChain): Promise<GoldenChain["findings"]> {
  const { findings } = await verifySnapshot(snapshotOf(chain), {
    remembered: { heads: chain.heads, unreadable: 0 },
    memoryPlace: "memory",
    verifierKey: chain.verifier_key,
    recordKey: undefined,
    areRecordsSealed: true,
    restored: undefined,
  });
  return findings
    .filter(({ kind }) => kind !== "derived-mismatch")
    .map(({ kind, index }) => ({ kind, index: index ?? null }));
}

describe.each(Object.entries(damages))("the golden chain %s", (name, { what, damage }) => {
  const file = join(folder, `${name}.json`);

  test("is written as it was when the format was fixed", async () => {
    const whole = await wholeChain();
    const chain = { ...whole, ...damage(whole), what };
    const golden = { ...chain, findings: await findingsOf(chain) };
    const text = `${JSON.stringify(golden, null, 2)}\n`;
    if (process.env.UPDATE_GOLDEN === "1") writeFileSync(file, text);
    expect(text).toBe(readFileSync(file, "utf8"));
  });

  test("verifies to the findings that stand beside it", async () => {
    const chain: GoldenChain = JSON.parse(readFileSync(file, "utf8"));
    expect(await findingsOf(chain)).toEqual(chain.findings);
  });
});

test("only the whole chain has no findings", async () => {
  const clean = [];
  for (const name of Object.keys(damages)) {
    const { findings }: GoldenChain = JSON.parse(
      readFileSync(join(folder, `${name}.json`), "utf8"),
    );
    if (findings.length === 0) clean.push(name);
  }
  expect(clean).toEqual(["whole"]);
});
