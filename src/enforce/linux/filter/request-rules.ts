// What may be asked of an open file by ioctl. By its second byte a request belongs to a family of
// requests, so those that nobody closes take few steps.

import { except, only, refused } from "./call-rule.ts";
import type { CallRule } from "./filter.ts";

export interface ClosedRequests {
  /**
   * What changes a file that is open for reading, which no mount then refuses and nobody can judge.
   */
  readonly changes: boolean;
  /**
   * Any socket tells about the interfaces, addresses and neighbours of the network namespace it was
   * made in.
   */
  readonly interfaces: boolean;
}

export function ioctlRule(closed: ClosedRequests): CallRule {
  const families = [
    ...always,
    ...(closed.changes ? changing : []),
    ...(closed.interfaces ? interfaces : []),
  ];
  const halves = [...new Set(families.map(([family]) => family & half))];
  const cases = halves.map((value) => ({
    values: [value],
    rule: oneOf(families.filter(([family]) => (family & half) === value)),
  }));
  return { argument: 1, mask: half, cases, otherwise: "allow" };
}

type Family = readonly [family: number, rule: CallRule];

function oneOf(families: readonly Family[]): CallRule {
  const cases = families.map(([family, rule]) => ({ values: [family], rule }));
  return { argument: 1, mask: familyMask, cases, otherwise: "allow" };
}

const familyMask = 0xff00;
/** Tells a few families from all others. */
const half = 0xc000;

/**
 * Of a terminal: TIOCSTI, TIOCLINUX type into it; TIOCEXCL closes it to whoever opens it, TIOCSETD
 * makes something else of it, and both stay after the box.
 */
const terminal = [0x5412, 0x541c, 0x540c, 0x5423];
/**
 * Of a console, whoever types there next: what its keys mean (KDSKBENT, KDSKBSENT, KDSKBDIACR,
 * KDSKBDIACRUC, KDSETKEYCODE) and whether they and the screen do anything (KDSKBMODE, KDSKBMUTE,
 * KDSETMODE).
 */
const console = [0x4b47, 0x4b49, 0x4b4b, 0x4bfb, 0x4b4d, 0x4b45, 0x4b51, 0x4b3a];
/**
 * Of btrfs, which makes, copies and removes whole trees by a folder that is open for reading, and
 * asks no Landlock: FICLONE, FICLONERANGE, FIDEDUPERANGE, which are every file system's, and
 * FS_INFO, DEV_INFO, SPACE_INFO, SUBVOL_GETFLAGS, GET_FEATURES, GET_FSLABEL, GET_SUBVOL_INFO.
 */
const harmless = [
  0x40049409, 0x4020940d, 0xc0189436, 0x8400941f, 0xd000941e, 0xc0109414, 0x80089419, 0x80189439,
  0x81009431, 0x81f8943c,
];
/** OCFS2_IOC_REFLINK names two files in memory. */
const naming = [0x40186f04];

const always: readonly Family[] = [
  [0x4b00, except(1, console, "allow")],
  [0x5400, except(1, terminal, "allow")],
  [0x6f00, except(1, naming, "allow")],
  [0x9400, only(1, harmless, "allow")],
  // bcachefs does what btrfs does.
  [0xbc00, refused],
];

const changing: readonly Family[] = [
  // FS_IOC_SETFLAGS, FS_IOC_ENABLE_VERITY, FS_IOC_SET_ENCRYPTION_POLICY; of ext4:
  // EXT4_IOC_SETVERSION, EXT4_IOC_MIGRATE, EXT4_IOC_ALLOC_DA_BLKS.
  [0x6600, except(1, [0x40086602, 0x40806685, 0x800c6613, 0x40086604, 0x6609, 0x660c], "allow")],
  // FS_IOC_FSSETXATTR.
  [0x5800, except(1, [0x401c5820], "allow")],
  // FS_IOC_SETVERSION.
  [0x7600, except(1, [0x40087602], "allow")],
  // FAT_IOCTL_SET_ATTRIBUTES.
  [0x7200, except(1, [0x40047211], "allow")],
  // F2FS_IOC_SET_PIN_FILE.
  [0xf500, except(1, [0x4004f50d], "allow")],
];

/**
 * FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP, SIOCATMARK, SIOCGSTAMP, SIOCGSTAMPNS, the last two
 * with longer times, SIOCOUTQNSD.
 */
const ofTheSocketItself = [
  0x8901, 0x8902, 0x8903, 0x8904, 0x8905, 0x8906, 0x8907, 0x80108906, 0x80108907, 0x894b,
];

const interfaces: readonly Family[] = [
  [0x8900, only(1, ofTheSocketItself, "allow")],
  // What is asked about wireless interfaces.
  [0x8b00, refused],
];
