import { expect, test } from "bun:test";
import { compileSeatbelt } from "../../../../src/enforce/seatbelt/plan.ts";
import { renderProfile } from "../../../../src/enforce/seatbelt/sbpl.ts";
import { type FlagContext, flagsToCapabilities } from "../../../../src/policy/flags.ts";
import { SbplProfile } from "../../../support/sbpl-evaluator.ts";

const none = { read: [], write: [], deny: [], net: [], denyNet: [], listen: [], exec: [] };
const context: FlagContext = {
  directory: "/ws",
  home: "/Users/me",
  realPath: () => undefined,
  findProgram: () => [],
};

function planOf(flags: Partial<typeof none> | Record<string, readonly string[]>) {
  const lowered = flagsToCapabilities({ ...none, ...flags }, context);
  if (!lowered.ok) throw new Error(JSON.stringify(lowered.error));
  const { capabilities } = lowered.value;
  return compileSeatbelt({ capabilities, agent: "agent", wide: "exact", tellsIoctls: true });
}

type Protocol = "tcp" | "udp";

test("network flags Seatbelt has words for are held by the profile", () => {
  const rows: [Record<string, string[]>, string, number, Protocol, boolean][] = [
    [{ net: ["localhost:5432"] }, "127.0.0.1", 5432, "tcp", true],
    [{ net: ["localhost:5432"] }, "::1", 5432, "tcp", true],
    [{ net: ["localhost:5432"] }, "127.0.0.1", 5433, "tcp", false],
    [{ net: ["localhost:5432"] }, "127.0.0.1", 5432, "udp", false],
    [{ net: ["localhost:5432"] }, "192.0.2.1", 5432, "tcp", false],
    [{ net: [":443"] }, "192.0.2.1", 443, "tcp", true],
    [{ net: [":443"] }, "192.0.2.1", 443, "udp", false],
    [{ net: ["udp::53"] }, "192.0.2.1", 53, "udp", true],
    [{ net: ["udp::53"] }, "192.0.2.1", 53, "tcp", false],
    [{ net: ["all"] }, "192.0.2.1", 53, "udp", true],
    [{ net: ["all"], denyNet: ["localhost"] }, "127.0.0.1", 80, "tcp", false],
    [{ net: ["all"], denyNet: ["localhost"] }, "::1", 80, "udp", false],
    [{ net: ["all"], denyNet: ["localhost"] }, "192.0.2.1", 80, "tcp", true],
    [{ net: ["all"], denyNet: ["udp:all"] }, "192.0.2.1", 80, "udp", false],
    [{ net: ["all"], denyNet: ["udp:all"] }, "192.0.2.1", 80, "tcp", true],
  ];
  for (const [flags, host, port, protocol, allowed] of rows) {
    const plan = planOf(flags);
    if (!plan.ok) throw new Error(JSON.stringify([flags, plan.error]));
    const profile = new SbplProfile(renderProfile(plan.value.profile, "TAG"));
    const endpoint = { side: "remote", host, port, protocol } as const;
    const answer = profile.decide({ operation: "network-outbound", endpoint }).allowed;
    expect([flags, host, port, protocol, answer]).toEqual([flags, host, port, protocol, allowed]);
  }
});

test("rules by host leave the gateway, this machine's ports that are granted, and nothing else", () => {
  const rows: [Record<string, string[]>, string, number, Protocol, boolean][] = [
    [{ net: ["example.com"] }, "127.0.0.1", 3128, "tcp", true],
    [{ net: ["example.com"] }, "127.0.0.1", 3128, "udp", false],
    [{ net: ["example.com"] }, "127.0.0.1", 3129, "tcp", false],
    [{ net: ["example.com"] }, "192.0.2.1", 3128, "tcp", false],
    [{ net: ["example.com"] }, "192.0.2.1", 443, "tcp", false],
    [{ net: ["10.0.0.0/8"] }, "10.0.0.1", 443, "tcp", false],
    [{ net: ["127.0.0.1:80"] }, "127.0.0.1", 80, "tcp", false],
    [{ net: ["example.com", ":443"] }, "192.0.2.1", 443, "tcp", false],
    [{ net: ["example.com", "localhost:5432"] }, "127.0.0.1", 5432, "tcp", true],
    [{ net: ["all"], denyNet: ["example.com"] }, "192.0.2.1", 443, "tcp", false],
    [{ net: ["all"], denyNet: ["example.com"] }, "127.0.0.1", 3128, "tcp", true],
    [{ net: ["localhost:80"], denyNet: ["*.example.com"] }, "127.0.0.1", 80, "tcp", false],
    [{ net: ["localhost:80"], denyNet: ["example.com"] }, "127.0.0.1", 80, "tcp", true],
    [{ net: ["example.com"], denyNet: [":3128"] }, "127.0.0.1", 3128, "tcp", true],
  ];
  for (const [flags, host, port, protocol, allowed] of rows) {
    const plan = planOf(flags);
    if (!plan.ok) throw new Error(JSON.stringify([flags, plan.error]));
    const profile = new SbplProfile(renderProfile(plan.value.profile, "TAG", 3128));
    const endpoint = { side: "remote", host, port, protocol } as const;
    const answer = profile.decide({ operation: "network-outbound", endpoint }).allowed;
    const resolves = { operation: "network-outbound", path: "/private/var/run/mDNSResponder" };
    expect([flags, host, port, protocol, plan.value.byName, answer]).toEqual([
      flags,
      host,
      port,
      protocol,
      true,
      allowed,
    ]);
    expect(profile.decide(resolves).allowed).toBe(false);
  }
});

test("network flags Seatbelt has no words for are refused", () => {
  const rows: [Record<string, string[]>, string][] = [
    [{ net: ["icmp:all"] }, "which carries TCP alone"],
    [{ net: ["udp:example.com:53"] }, "which carries TCP alone"],
    [{ net: ["example.com", "udp::53"] }, "which carries TCP alone"],
    [{ listen: ["127.0.0.1:80"] }, 'macOS cannot tell the host "127.0.0.1" from others'],
  ];
  for (const [flags, message] of rows) {
    const plan = planOf(flags);
    const text = plan.ok ? "held" : plan.error.map((problem) => problem.message).join("\n");
    expect(text).toContain(message);
  }
});
