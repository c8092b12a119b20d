// Class K too: programs that give whoever runs them, outside, the rights of their owner or group.

import { refusedCall } from "../left.ts";
import { rows } from "../row.ts";

const ways = [
  ["open", "made by open"],
  ["openat2", "made by openat2"],
  ["creat", "made by creat"],
  ["mknod", "made by mknod"],
  ["tmpfile", "made without a name, and linked"],
  ["chmod", "changed to by chmod"],
  ["fchmod", "changed to by fchmod"],
  ["fchmodat", "changed to by fchmodat"],
  ["fchmodat2", "changed to by fchmodat2"],
] as const;
const kinds = [
  ["user", "4755"],
  ["group", "2755"],
] as const;
/** What has no name yet is refused for its folder. */
const objectOf = (way: string) => (way === "tmpfile" ? "{s}" : "{s}/program");

export const setIds = rows(
  "K",
  kinds.flatMap(([who, mode]) =>
    ways.map(([way, how]) => ({
      name: `set-${who}-id-${way}`,
      technique: `a set-${who}-ID program, ${how}`,
      words: ["set-id", way, mode, "{s}/program"],
      leaves:
        way === "mknod"
          ? refusedCall("mknod")
          : (["FileWrite", objectOf(way), "box:set-id"] as const),
      // Of a folder the bit for the group says whose what is made in it is.
      twin:
        who === "group" && way === "chmod"
          ? ["set-id", "folder", "2755", "{s}/folder"]
          : ["set-id", way, "755", "{s}/program"],
      untouched: [],
    })),
  ),
);
