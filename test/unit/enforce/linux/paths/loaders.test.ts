import { describe, expect, test } from "bun:test";
import type { FeatureName } from "../../../../../src/enforce/linux/features.ts";
import { fsRight } from "../../../../../src/enforce/linux/landlock.ts";
import { type DiskView, RecordingView } from "../../../../../src/enforce/linux/paths/disk-view.ts";
import { loaderNamedBy } from "../../../../../src/enforce/linux/paths/elf.ts";
import { planLinux } from "../../../../../src/enforce/linux/plan.ts";
import type { Capability } from "../../../../../src/model/capability.ts";
import { sealPrograms } from "../../../../../src/policy/seal.ts";
import { at, disk, exactly, host, permit, request, under } from "../../../../support/ir.ts";

const loader = "/usr/lib/ld-linux-x86-64.so.2";
const plainDisk = disk(
  "/lib64 -> usr/lib",
  loader,
  "/usr/bin/env",
  "/usr/bin/git",
  "/ws/tool",
  "/nix/store/x/ld.so",
);
/** `/ws/tool` has a loader of its own. */
const world: DiskView = {
  ...plainDisk,
  loaderOf: (path) => (path === "/ws/tool" ? at("/nix/store/x/ld.so") : undefined),
};
const origin = { rule: "flag:--exec", source: "flags", line: 0, column: 0 };
const open = [permit("all", under("/ws")), permit("read ProcessSpawn", under("/usr"))];

function plan(rules: readonly Capability[], without: readonly FeatureName[] = []) {
  const asked = request(rules, { audit: "off" });
  return planLinux(asked, host({ without }), new RecordingView(world));
}

/** Paths with the right to execute, and whether the broker looks at what runs. */
function told(rules: readonly Capability[]) {
  const planned = plan(rules);
  if (!planned.ok) return planned.error.map(({ message }) => message);
  const { landlock, notify } = planned.value.plan;
  const paths = landlock?.paths ?? [];
  const runs = paths.filter(({ access }) => (access & fsRight.execute) !== 0n);
  return {
    runs: runs.map(({ path }) => path).sort(),
    verifies: notify?.verifyPrograms === true,
    opens: notify?.brokerOpen === true,
  };
}

describe("what may be executed beside the programs that are granted", () => {
  const rows: readonly [string, readonly Capability[], ReturnType<typeof told>][] = [
    ["folders need nothing", open, { runs: ["/usr", "/ws"], verifies: false, opens: false }],
    [
      "a list needs the usual loader, and a broker",
      [...open, ...sealPrograms(["/usr/bin/git"], origin)],
      { runs: ["/usr/bin/git", loader].sort(), verifies: true, opens: true },
    ],
    [
      "and the one a program names",
      [...open, ...sealPrograms(["/ws/tool"], origin)],
      { runs: ["/nix/store/x/ld.so", loader, "/ws/tool"].sort(), verifies: true, opens: true },
    ],
    [
      "a loader that is listed is a program like any other",
      [...open, ...sealPrograms(["/usr/bin/git", loader], origin)],
      { runs: ["/usr/bin/git", loader].sort(), verifies: false, opens: false },
    ],
    [
      "an empty list needs none, because nothing runs",
      [...open, ...sealPrograms([], origin)],
      { runs: [], verifies: false, opens: false },
    ],
    [
      "one program granted by name, without a list",
      [permit("read ProcessSpawn", exactly("/usr/bin/git"))],
      { runs: ["/usr/bin/git", loader].sort(), verifies: true, opens: true },
    ],
  ];
  for (const [name, rules, expected] of rows)
    test(name, () => expect(told(rules)).toEqual(expected));

  test("without a listener a list is refused, and one with its loader is not", () => {
    const refused = plan([...open, ...sealPrograms(["/usr/bin/git"], origin)], ["notify"]);
    expect(refused.ok ? "" : refused.error[0]?.message).toContain(`their loader "${loader}"`);
    const listed = plan([...open, ...sealPrograms(["/usr/bin/git", loader], origin)], ["notify"]);
    expect(listed.ok).toBe(true);
  });

  test("a list keeps executable memory away where a listed program lies in a writable folder", () => {
    const memory = (rules: readonly Capability[]) => {
      const planned = plan(rules);
      const row = planned.ok ? planned.value.coverage : [];
      return row.find(({ protection }) => protection === "exec")?.by;
    };
    expect(memory([...open, ...sealPrograms(["/ws/tool"], origin)])).toContain("sealed memfds");
    expect(memory(open)).not.toContain("sealed memfds");
  });
});

test("the loader of this very program is read from its file", () => {
  const found = loaderNamedBy(at(process.execPath));
  expect(found ?? "/lib/ld-").toMatch(/\/ld-/);
  expect(loaderNamedBy(at("/etc/passwd"))).toBeUndefined();
  expect(loaderNamedBy(at("/no/such/file"))).toBeUndefined();
  expect(loaderNamedBy(at("/usr"))).toBeUndefined();
});
