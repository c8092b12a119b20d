// Random calls through random filters, interpreted, against the reference predicate.
// AEGIS_PROPERTY_CASES raises the count.

import { expect, test } from "bun:test";
import { buildFilter, type FilterPlan } from "../../src/enforce/linux/filter/seccomp.ts";
import { type Arch, syscallTable } from "../../src/enforce/linux/filter/syscall-table.ts";
import { runBpf, type SeccompData } from "../support/bpf-interpreter.ts";
import { expectedAnswer } from "../support/expected-answer.ts";
import { testMs } from "../support/patience.ts";

const cases = Number(process.env.AEGIS_PROPERTY_CASES ?? 200_000);
const callsPerFilter = 2_000;
const seed = 0x5eed;

/** xorshift32: the same sequence on every machine. */
function randomFrom(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

type Random = (below: number) => number;

function pick<T>(random: Random, values: readonly T[]): T {
  const value = values[random(values.length)];
  if (value === undefined) throw new Error("nothing to pick from");
  return value;
}

function randomPlan(random: Random): FilterPlan {
  const yes = () => random(2) === 1;
  return {
    arch: pick<Arch>(random, ["x86_64", "aarch64"]),
    confine: random(4) !== 0,
    notify: {
      open: pick(random, ["all", "writes", "none"] as const),
      create: yes(),
      change: yes(),
      descriptor: yes(),
      exec: yes(),
      socket: yes(),
      send: yes(),
      sendConnected: yes(),
      refused: yes(),
    },
    sockets: {
      inet: pick(random, [
        "none",
        "tcp",
        "tcp-udp",
        "by-name",
        "any",
        "own",
        "unrestricted",
      ] as const),
      netlinkRoute: yes(),
      unixDatagrams: yes(),
      fastOpen: yes(),
    },
    sealMemfds: yes(),
    sharesProcesses: yes(),
    sharesSignals: yes(),
    sharesIpc: yes(),
  };
}

/** Values at which some rule turns, each with and without bits above the 32 that count. */
const telling = [
  0, 1, 2, 3, 4, 5, 6, 8, 10, 16, 17, 32, 35, 38, 40, 41, 57, 58, 64, 132, 136, 256, 262, 0o100,
  0o1000, 0o101, 0o2, 0o20200000, 0o100644, 0o104755, 0o2755, 0o4600, 0o020644, 0o060644, 0o010644,
  0x11, 0x80, 1024, 1040, 0x4b47, 0x4bfb, 0x540c, 0x5423, 0x5401, 0x5412, 0x541c, 0x40086602,
  0x401c5820, 0x40806685, 0x40087602, 0x50009417, 0x40049409, 0x4008bc10, 0x40186f04, 0x8912,
  0x8904, 0x80001, 0x80802, 0x20000000, 0x10000000, 0x7e020000, 0x3d0f00, 0x59616d61, 0xffffffff,
  0x20008,
];

function randomArgument(random: Random): bigint {
  const low = random(3) === 0 ? random(0x7fffffff) : pick(random, telling);
  const high = random(3) === 0 ? random(0x7fffffff) : 0;
  return (BigInt(high) << 32n) | BigInt(low);
}

const known = {
  x86_64: [...syscallTable("x86_64").numbers.values()],
  aarch64: [...syscallTable("aarch64").numbers.values()],
} as const;

function randomCall(random: Random, arch: Arch): SeccompData {
  const edges = [
    0xffffffff, 0x40000000, 0x40000001, 0x3fffffff, 0x80000000, 336, 400, 423, 450, 470, 1000,
  ];
  const nr = random(8) === 0 ? pick(random, edges) : pick(random, known[arch]);
  const right = arch === "x86_64" ? 0xc000003e : 0xc00000b7;
  const wrong = [0x40000003, 0x40000028, 0, 0xc000003f, right ^ 0x80000000];
  return {
    nr,
    arch: random(20) === 0 ? pick(random, wrong) >>> 0 : right,
    args: Array.from({ length: 6 }, () => randomArgument(random)),
  };
}

test(
  `a filter answers as the reference predicate says, for ${cases} random calls`,
  () => {
    const random = randomFrom(seed);
    let tried = 0;
    while (tried < cases) {
      const plan = randomPlan(random);
      const program = buildFilter(plan);
      for (let index = 0; index < callsPerFilter && tried < cases; index += 1, tried += 1) {
        const call = randomCall(random, plan.arch);
        const { action } = runBpf(program, call);
        const expected = expectedAnswer(plan, call);
        if (action === expected) continue;
        const name = syscallTable(plan.arch).names.get(call.nr);
        expect({ plan, name, call, action: action.toString(16) }).toEqual({
          plan,
          name,
          call,
          action: expected.toString(16),
        });
      }
    }
    console.log(`bpf filter: ${tried} random calls, 0 disagreements, seed ${seed}`);
  },
  testMs,
);
