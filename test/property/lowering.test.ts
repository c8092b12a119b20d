// Where the broker opens, Landlock lies around the policy: whatever decide() allows to be read,
// written or listed, a Landlock rule lets through as well, or the broker's word would be worth
// nothing. Random capabilities on a made-up disk. AEGIS_LOWERING_CASES sets the number of policies.

import { expect, test } from "bun:test";
import { contains } from "../../src/base/paths.ts";
import { fsRight } from "../../src/enforce/linux/landlock.ts";
import { planLinux } from "../../src/enforce/linux/plan.ts";
import { prepareDecider } from "../../src/policy/decide.ts";
import { at, disk, host, namespaces, request } from "../support/ir.ts";
import {
  pick,
  randomCapabilities,
  randomFrom,
  randomPath,
  randomPathNear,
} from "../support/random-capabilities.ts";

const policiesWanted = Number(process.env.AEGIS_LOWERING_CASES ?? 4_000);
const rights = [
  ["FileRead", fsRight.readFile],
  ["FileWrite", fsRight.writeFile],
  ["DirList", fsRight.readDir],
] as const;

test("Landlock lies around what the policy grants", () => {
  const random = randomFrom(0x10ca7e);
  const count = { policies: 0, brokered: 0, allowed: 0 };
  while (count.policies < policiesWanted) {
    count.policies += 1;
    const capabilities = randomCapabilities(random).filter(({ agent }) => agent !== "another");
    // What nobody made is absent.
    const world = disk(...Array.from({ length: 12 }, () => `${randomPath(random)}/`));
    const on = host({ without: random(2) === 0 ? namespaces : [] });
    const planned = planLinux(request(capabilities, { audit: "off" }), on, world);
    if (!planned.ok || planned.value.plan.notify?.brokerOpen !== true) continue;
    count.brokered += 1;
    const { landlock } = planned.value.plan;
    const { decide } = prepareDecider({ version: 1, capabilities });
    for (let index = 0; index < 20; index += 1) {
      const [action, right] = pick(random, rights);
      const path = randomPathNear(random, capabilities);
      const resource = { path, host: undefined, port: undefined, protocol: undefined };
      // A folder is listed, neither read nor written.
      if (action !== "DirList" && world.look(at(path)).kind === "directory") continue;
      if (decide({ action, agent: "agent", resource }).outcome === "deny") continue;
      count.allowed += 1;
      const isInside = landlock?.paths.some(
        (rule) => contains(rule.path, path) && (rule.access & right) !== 0n,
      );
      if (isInside !== true) {
        const told = capabilities.map(({ effect, actions, where }) => ({ effect, actions, where }));
        throw new Error(
          JSON.stringify({ action, path, told, paths: landlock?.paths.map(({ path }) => path) }),
        );
      }
    }
  }
  console.log(
    `${count.policies} policies, ${count.brokered} by the broker, ${count.allowed} accesses`,
  );
  expect(count.brokered).toBeGreaterThan(count.policies / 20);
  expect(count.allowed).toBeGreaterThan(count.brokered);
});
