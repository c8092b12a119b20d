// Every family, type and protocol of sockets in each setting: what the filter hands over to be
// refused is refused by the supervisor with the answer the filter itself would give, and recorded;
// what is granted is made, and leaves no row.

import { expect } from "bun:test";
import { type BoxResult, containers, runBox, settings } from "../support/box.ts";
import { runBpf } from "../support/bpf-interpreter.ts";
import { testWith } from "../support/features.ts";
import { auditArch } from "../support/filter-answers.ts";
import { permit, port } from "../support/ir.ts";

const needs = ["linux", "landlock", "seccomp"] as const;
const files = permit("FileRead FileWrite FileDelete DirCreate DirList ProcessSpawn");
const grants = {
  nothing: [files],
  "one port": [files, permit("NetConnect", port(443))],
  "the network": [permit("FileRead DirList ProcessSpawn"), permit("NetConnect NetBind")],
  everything: [permit("all"), permit("NetConnect NetBind")],
} as const;

const families = [1, 2, 10, 16, 17, 31, 38, 40];
const types = [1, 2, 3, 5];
const protocols = [0, 1, 6, 17, 58, 132, 136, 262];
const kinds = families.flatMap((family) =>
  types.flatMap((type) => protocols.map((protocol) => [family, type, protocol] as const)),
);
const attempts = kinds.map((kind) => `socket ${kind.join(" ")}`);

const errnos: Readonly<Record<number, string>> = { 327693: "EACCES", 327777: "EAFNOSUPPORT" };

/** What the filter of the same plan answers when nobody is to be told. */
function untold(result: BoxResult): readonly (string | undefined)[] {
  const { seccomp } = result.planned.plan;
  if (seccomp === undefined) throw new Error("there is no filter");
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const nr = arch === "x86_64" ? 41 : 198;
  return kinds.map((kind) => {
    const data = { nr, arch: auditArch[arch], args: kind.map(BigInt) };
    return errnos[runBpf(seccomp, data).action];
  });
}

for (const setting of [...settings(), ...containers()]) {
  for (const [name, capabilities] of Object.entries(grants)) {
    testWith(needs, `${setting.name}: sockets of a box that is granted ${name}`, async () => {
      const told = await runBox(setting, capabilities, attempts, { audit: "full" });
      const mute = await runBox(setting, capabilities, attempts, { audit: "off" });
      expect(told.failed).toBeUndefined();
      const refused = untold(mute);
      // A container refuses some families by itself, before anybody hears of it.
      const heard = kinds.filter(
        (_, at) => refused[at] !== undefined && told.answers[at] !== "EPERM",
      );
      for (const [at, kind] of kinds.entries()) {
        const expected = refused[at] ?? mute.answers[at];
        const isOuter = told.answers[at] === "EPERM" && setting.name.endsWith("container");
        expect([kind, isOuter ? expected : told.answers[at]]).toEqual([kind, expected]);
      }
      const rows = told.accesses.filter(({ path }) => path.startsWith("socket:"));
      expect(rows.every(({ allowed, action }) => !allowed && action === "NetConnect")).toBe(true);
      expect(rows).toHaveLength(heard.length);
    });
  }
}
