import { expect, test } from "bun:test";
import { adviseOnLimits } from "../../../../src/app/launch/limit-advice.ts";
import { isLimitName, type LimitHit, parseLimit } from "../../../../src/model/limits.ts";
import { policyLimits } from "../../../../src/policy/limits.ts";

const sources = [
  ["a default", "default", "--limit time=4s"],
  ["a flag", "--limit", "--limit time=4s"],
  ["a policy", "p.cedar:3", '@limit_time("4s") in p.cedar:3'],
  ["a configuration", "[limits] of /c/aegis.toml", 'time = "4s" in [limits] of /c/aegis.toml'],
  ["a manifest", "/m/aegis-manifest.json", '"max_wall_time_ms": 4000 in /m/aegis-manifest.json'],
] as const;

function hit(limit: string, value: number): LimitHit {
  if (!isLimitName(limit)) throw new Error(limit);
  return { limit, effect: "ended", value, seen: value, pid: 1, exe: "/bin/x" } as LimitHit;
}

test.each(sources)("a limit of %s is lifted where it was set", (_, source, fix) => {
  const [advice] = adviseOnLimits([hit("time", 2000)], [{ name: "time", value: 2000, source }]);
  expect(advice?.fix).toBe(fix);
});

test("what is said of a policy's line is a line of policy", () => {
  const limits = [{ name: "file-size", value: 1 << 20, source: "p.cedar:1" }] as const;
  const [advice] = adviseOnLimits([hit("file-size", 1 << 20)], limits);
  const line = advice?.fix.split(" in ")[0] ?? "";
  const text = `${line}\npermit(principal, action, resource);`;
  const { wishes, diagnostics } = policyLimits([{ kind: "cedar", name: "p.cedar", text }]);
  expect(diagnostics).toEqual([]);
  expect(wishes.map(({ name, value }) => [name, value])).toEqual([
    ["file-size", parseLimit("file-size", "2M") ?? 0],
  ]);
});
