// NativePlan to the bytes of native/README.md, version 1. A plan that does not fit its bounds is
// refused here with the name of what is too large; the helper would refuse it too, but with less to
// say. No I/O.

import { parseIp } from "../base/ip.ts";
import { bpfInstructionsMax, wordsMax } from "../base/limits.ts";
import { assert } from "../base/result.ts";
import type { Action, Atom, Protocol } from "../model/capability.ts";
import { type LimitPlan, limitNames } from "../model/limits.ts";
import type {
  GatewayPlan,
  JudgeRule,
  LandlockPlan,
  MountStep,
  NativePlan,
  NotifyPlan,
} from "./plan.ts";
import { countRecords, headerSize, PlanWriter, recordsOf, tooLarge } from "./plan-writer.ts";

/** The part of a plan that does not depend on the command, and the part that does. */
export type BoxPlan = Omit<NativePlan, keyof CommandPlan>;
export type CommandPlan = Pick<
  NativePlan,
  "directory" | "program" | "argv" | "environment" | "gateway" | "limits" | "asks"
>;

/** @throws {AegisError} `enforce/helper` when the plan is beyond a bound */
export function encodePlan(plan: NativePlan): Uint8Array {
  return appendCommand(encodeBox(plan), plan);
}

/**
 * A plan without its command: no plan the helper takes, but all of one that can be kept. @throws as
 * `encodePlan`
 */
export function encodeBox(box: BoxPlan): Uint8Array {
  const writer = new PlanWriter();
  writer.record(kinds.namespaces, () => writer.u32(namespaceFlags(box)));
  for (const { resource, soft, hard } of bounded("resource limits", box.rlimits, 16)) {
    writer.record(kinds.rlimit, () => {
      writer.u32(resource);
      writer.u32(0);
      writer.u64(soft);
      writer.u64(hard);
    });
  }
  const { umask } = box;
  if (umask !== undefined) writer.record(kinds.umask, () => writer.u32(umask));
  for (const step of bounded("mounts", box.mounts, 4096)) writeMount(writer, step);
  if (box.landlock !== undefined) writeLandlock(writer, box.landlock);
  if (box.seccomp !== undefined) writeFilter(writer, box.seccomp);
  const { notify } = box;
  if (notify !== undefined) {
    writer.record(kinds.notify, () => writer.u32(notifyBits(notify)));
  }
  for (const rule of bounded("rules", box.rules, 8192)) writeRule(writer, rule);
  return writer.finish(0);
}

/** The whole plan: `box` from `encodeBox` and the command to run in it. @throws as `encodePlan` */
export function appendCommand(box: Uint8Array, command: CommandPlan): Uint8Array {
  const writer = new PlanWriter(box);
  writer.record(kinds.directory, () => writer.path(command.directory));
  writer.record(kinds.program, () => writer.path(command.program));
  writer.words(kinds.argument, bounded("arguments", command.argv, wordsMax), () => "An argument");
  const variables = bounded("environment variables", command.environment, wordsMax);
  writer.words(kinds.environment, variables, nameOfVariable);
  const { gateway } = command;
  if (gateway !== undefined) writer.record(kinds.gateway, () => writeGateway(writer, gateway));
  if (command.limits !== undefined) writeLimits(writer, command.limits);
  if (command.asks === true) writer.record(kinds.ask, () => writer.u32(0));
  return writer.finish(countRecords(box));
}

/**
 * A kept box with one file of the host in it that may be read: the box as `encodeBox` made it, with
 * a mount, a Landlock rule and a rule for the judge where it has such a part at all.
 * @param access Landlock's rights to read a file
 * @returns the box, and the number of the new rule, which is the last
 */
export function showFile(
  box: Uint8Array,
  path: string,
  access: bigint,
): { readonly box: Uint8Array; readonly rule: number } {
  const records = [...recordsOf(box)];
  const flags = records.find(({ kind }) => kind === kinds.namespaces)?.firstWord ?? 0;
  const endOf = (last: number) => records.findLast(({ kind }) => kind <= last)?.end ?? headerSize;
  const mounts = endOf(kinds.mount);
  const rights = endOf(kinds.landlockPath);
  const rules = endOf(kinds.rule);
  const writer = new PlanWriter(box.slice(0, mounts));
  if ((flags & mountNamespace) !== 0) writeMount(writer, { kind: "show", path, optional: false });
  writer.bytes(box.subarray(mounts, rights));
  if (records.some(({ kind }) => kind === kinds.landlock))
    writeLandlockPath(writer, { path, access, optional: false });
  writer.bytes(box.subarray(rights, rules));
  writeRule(writer, {
    effect: "permit",
    actions: ["FileRead"],
    where: [{ kind: "path-equals", path, negated: false }],
  });
  writer.bytes(box.subarray(rules));
  return {
    box: writer.finish(countRecords(box)),
    rule: records.filter(({ kind }) => kind === kinds.rule).length,
  };
}

function nameOfVariable(entry: string): string {
  return `The environment variable "${entry.split("=", 1)[0]}"`;
}

/** Whether a box has a user namespace of its own: its first record says so. */
export function hasUserNamespace(box: Uint8Array): boolean {
  return (new DataView(box.buffer, box.byteOffset).getUint32(24, true) & userNamespace) !== 0;
}

/** Whether nobody but the box is on the network that its sockets are on. */
export function hasOwnNetwork(box: Uint8Array): boolean {
  const namespaces = [...recordsOf(box)].find(({ kind }) => kind === kinds.namespaces);
  return ((namespaces?.firstWord ?? 0) & netNamespace) !== 0;
}

/** Whether the sockets of a box are made for it, because none can be taken. */
export function makesSockets(box: Uint8Array): boolean {
  const notify = [...recordsOf(box)].find(({ kind }) => kind === kinds.notify);
  return ((notify?.firstWord ?? 0) & socketsBit) !== 0;
}

/** The cgroup is number 0, and comes first. */
function writeLimits(writer: PlanWriter, { cgroup, holds }: LimitPlan): void {
  const write = (number: number, means: number, value: number, path: string) =>
    writer.record(kinds.limit, () => {
      writer.u16(number);
      writer.u16(means);
      writer.u32(0);
      writer.u64(BigInt(value));
      if (path === "") writer.str("A path", "");
      else writer.path(path);
    });
  if (cgroup !== undefined) write(0, 0, 0, cgroup);
  for (const { name, value, by } of holds) {
    let bits = 0;
    for (const means of by) bits |= limitMeans[means];
    write(limitNames.indexOf(name) + 1, bits, value, "");
  }
}

/** Record flag: a missing path is skipped. */
const optionalFlag = 1;

export const kinds = {
  namespaces: 1,
  rlimit: 2,
  umask: 3,
  mount: 4,
  landlock: 5,
  landlockPath: 6,
  landlockPort: 7,
  seccomp: 8,
  notify: 9,
  rule: 10,
  directory: 11,
  program: 12,
  argument: 13,
  environment: 14,
  gateway: 15,
  limit: 16,
  ask: 18,
} as const;

const userNamespace = 0x10000000;
const limitMeans = { rlimit: 1, supervisor: 2, cgroup: 4 } as const;

export const mountSteps = {
  "read-only-root": 1,
  writable: 2,
  "read-only": 3,
  "mask-directory": 4,
  "mask-file": 5,
  tmpfs: 6,
  proc: 7,
  show: 8,
  names: 9,
  overlay: 10,
} as const;

/** Bit i stands for the i-th of these. */
export const judgedActions = [
  "FileRead",
  "FileWrite",
  "FileDelete",
  "DirCreate",
  "DirList",
  "ProcessSpawn",
  "NetConnect",
  "NetBind",
] as const satisfies readonly Action[];

const atomKinds = {
  "path-in": 1,
  "path-equals": 2,
  "path-like": 3,
  "host-equals": 4,
  "host-like": 5,
  port: 6,
  "host-cidr": 7,
  protocol: 8,
} as const;

/** Those of IP. */
const protocolNumbers: Readonly<Record<Protocol, number>> = { icmp: 1, tcp: 6, udp: 17 };

const ruleEffects = { forbid: 0, permit: 1, "permit-inside": 2, "permit-failing": 3 } as const;

const portOps = { "==": 0, "<": 1, "<=": 2, ">": 3, ">=": 4 } as const;

/** CLONE_NEWNS */
const mountNamespace = 0x00020000;
/** CLONE_NEWNET */
const netNamespace = 0x40000000;

function namespaceFlags({ namespaces }: BoxPlan): number {
  const { user, mount, pid, net, ipc } = namespaces;
  return (
    (user ? userNamespace : 0) |
    (mount ? mountNamespace : 0) |
    (pid ? 0x20000000 : 0) |
    (net ? netNamespace : 0) |
    (ipc ? 0x08000000 : 0)
  );
}

const socketsBit = 0x100;

function notifyBits(notify: NotifyPlan): number {
  const bits = [
    notify.recordAllowed,
    notify.brokerCreate,
    notify.brokerSocket,
    notify.brokerOpen,
    notify.brokerMessages,
    notify.recordFailed === true,
    notify.verifyPrograms,
    notify.hashPrograms === true,
    notify.makesSockets === true,
    notify.tellsUmasks === true,
    notify.brokerChange === true,
    notify.makes?.tcp === true,
    notify.makes?.udp === true,
    notify.makes?.others === true,
    notify.makes?.netlink === true,
    notify.tellsRefused === true,
    notify.tellsFolders === true,
  ];
  return bits.reduce((all, isSet, bit) => all | (isSet ? 1 << bit : 0), 0);
}

function writeMount(writer: PlanWriter, step: MountStep): void {
  const isOptional = "optional" in step && step.optional;
  writer.record(
    kinds.mount,
    () => {
      writer.u16(mountSteps[step.kind]);
      writer.u16(step.kind === "tmpfs" ? step.mode : 0);
      writer.u32(0);
      writer.u64(step.kind === "tmpfs" ? step.sizeBytes : 0n);
      if ("path" in step) writer.path(step.path);
      else writer.str("A path", "");
    },
    isOptional ? optionalFlag : 0,
  );
}

/** A mount step of its own: it names two more folders. */
export function writeOverlay(
  writer: PlanWriter,
  layer: { readonly place: string; readonly upper: string; readonly work: string },
): void {
  writer.record(kinds.mount, () => {
    writer.u16(mountSteps.overlay);
    writer.u16(0);
    writer.u32(0);
    writer.u64(0n);
    writer.path(layer.place);
    writer.path(layer.upper);
    writer.path(layer.work);
  });
}

function writeGateway(writer: PlanWriter, { port, resolverPort, token }: GatewayPlan): void {
  assert(token.length === gatewayTokenBytes, `a token has ${gatewayTokenBytes} bytes`);
  writer.u16(port);
  writer.u16(resolverPort);
  writer.u32(0);
  writer.bytes(token);
}

const gatewayTokenBytes = 32;

function writeLandlock(writer: PlanWriter, landlock: LandlockPlan): void {
  writer.record(kinds.landlock, () => {
    writer.u64(landlock.handledFs);
    writer.u64(landlock.handledNet);
    writer.u64(landlock.scoped);
  });
  for (const rule of bounded("Landlock paths", landlock.paths, 8192))
    writeLandlockPath(writer, rule);
  for (const { port, access } of bounded("Landlock ports", landlock.ports, 1024)) {
    writer.record(kinds.landlockPort, () => {
      writer.u64(access);
      writer.u16(port);
    });
  }
}

function writeLandlockPath(
  writer: PlanWriter,
  { path, access, optional }: LandlockPlan["paths"][number],
): void {
  writer.record(
    kinds.landlockPath,
    () => {
      writer.u64(access);
      writer.path(path);
    },
    optional ? optionalFlag : 0,
  );
}

function writeFilter(writer: PlanWriter, filter: Uint8Array): void {
  const instructions = filter.length / 8;
  if (!Number.isInteger(instructions) || instructions === 0 || instructions > bpfInstructionsMax)
    throw tooLarge("seccomp instructions", instructions, bpfInstructionsMax);
  writer.record(kinds.seccomp, () => writer.bytes(filter));
}

function writeRule(writer: PlanWriter, rule: JudgeRule): void {
  let bits = 0;
  for (const action of rule.actions) bits |= 1 << judgedActions.indexOf(action);
  const atoms = bounded("conditions in one rule", rule.where, 255);
  writer.record(kinds.rule, () => {
    writer.u16(bits);
    writer.u8(ruleEffects[rule.effect]);
    writer.u8(atoms.length);
    for (const atom of atoms) writeAtom(writer, atom);
  });
}

function writeAtom(writer: PlanWriter, atom: Atom): void {
  writer.u8(atomKinds[atom.kind]);
  writer.u8(atom.negated ? 1 : 0);
  switch (atom.kind) {
    case "path-in":
    case "path-equals":
      writer.str("A path", atom.path);
      break;
    case "host-equals":
      writer.str("A host", atom.host);
      break;
    case "path-like":
    case "host-like":
      writer.parts(atom.parts);
      break;
    case "host-cidr": {
      const ip = parseIp(atom.address);
      assert(ip !== undefined, `"${atom.address}" is an address`);
      writer.u16(2 + ip.bytes.length);
      writer.u8(ip.family);
      writer.u8(atom.bits);
      for (const byte of ip.bytes) writer.u8(byte);
      break;
    }
    case "protocol":
      writer.u16(1);
      writer.u8(protocolNumbers[atom.protocol]);
      break;
    case "port":
      writer.u16(4);
      writer.u8(portOps[atom.op]);
      writer.u8(0);
      writer.u16(atom.port);
      break;
  }
}

function bounded<T>(what: string, list: readonly T[], most: number): readonly T[] {
  if (list.length > most) throw tooLarge(what, list.length, most);
  return list;
}
