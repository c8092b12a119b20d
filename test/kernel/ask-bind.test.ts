// `aegis run --ask` about a socket that is bound to a path: it gets the name that was asked about,
// in the folder that was, whatever the disk is like by then.

import { describe, expect } from "bun:test";
import { lstatSync, mkdirSync, readdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import {
  type AskedPlace,
  askedLaunchers,
  askedPlace,
  eventsOf,
  runAsked,
  tellingScript,
  textOf,
  toldIn,
} from "../support/asked.ts";
import { testWith } from "../support/features.ts";

const needs = ["linux", "landlock", "seccomp", "tool python3"] as const;

/** What each line of Python makes of `bind(path)` is shown. */
function scriptOf(place: AskedPlace, ...lines: readonly string[]): string {
  const prelude = `import errno, os, socket
o = os.environ["OTHER"]; kept = []
def bind(path, family=socket.AF_UNIX, kind=socket.SOCK_STREAM):
    s = socket.socket(family, kind); kept.append(s)
    try: s.bind(path); return s.getsockname()
    except OSError as e: return errno.errorcode[e.errno]`;
  return tellingScript(place, prelude, lines);
}

for (const [where, launcher, flags] of askedLaunchers) {
  describe(where, () => {
    testWith(needs, "a yes binds it, a no does not, and always is a rule", async () => {
      const place = askedPlace();
      const script = scriptOf(place, 'bind(o + "/no")', 'bind(o + "/yes")', 'bind(o + "/always")');
      await using asked = runAsked(place, script, flags, launcher());
      for (const [key, name] of [
        ["n", "no"],
        ["o", "yes"],
        ["a", "always"],
      ] as const) {
        expect(await asked.question()).toContain(`"${place.other}/${name}"`);
        await asked.answer(key);
      }
      await asked.see(/over\r\n/);
      expect(toldIn(asked.screen)).toEqual(["EACCES", "yes", "always"]);
      expect(await asked.exited).toBe(0);
      expect(readdirSync(place.other).sort()).toEqual(["a", "always", "b", "c", "d", "yes"]);
      expect(lstatSync(join(place.other, "yes")).isSocket()).toBe(true);
      expect(textOf(place.policy)).toContain(`"${place.other}/always"`);
      const rows = eventsOf(place).filter(({ payload }) => payload.path === `${place.other}/yes`);
      expect(rows.map(({ payload }) => payload.rule ?? payload.answer).sort()).toEqual([
        "ask:once",
        "once",
      ]);
    });

    testWith(needs, "a link that leads elsewhere by then changes nothing", async () => {
      const place = askedPlace();
      for (const name of ["real", "trap"]) mkdirSync(join(place.other, name));
      symlinkSync("real", join(place.other, "link"));
      const script = scriptOf(place, 'bind(o + "/link/s")');
      await using asked = runAsked(place, script, flags, launcher());
      expect(await asked.question()).toContain(`"${place.other}/real/s"`);
      symlinkSync("trap", join(place.other, "link2"));
      renameSync(join(place.other, "link2"), join(place.other, "link"));
      await asked.answer("o");
      await asked.see(/over\r\n/);
      expect(readdirSync(join(place.other, "trap"))).toEqual([]);
      expect(readdirSync(join(place.other, "real"))).toEqual(["s"]);
    });

    testWith(needs, "a folder that was moved is judged where it is then", async () => {
      const place = askedPlace();
      mkdirSync(join(place.other, "f"));
      const script = scriptOf(place, 'bind(o + "/f/s")');
      await using asked = runAsked(place, script, flags, launcher());
      await asked.question();
      renameSync(join(place.other, "f"), join(place.other, "moved"));
      mkdirSync(join(place.other, "f"));
      await asked.answer("o");
      expect(await asked.question()).toContain(`"${place.other}/f/s"`);
      await asked.answer("n");
      await asked.see(/over\r\n/);
      expect(toldIn(asked.screen)).toEqual(["EACCES"]);
      expect(readdirSync(join(place.other, "moved"))).toEqual([]);
    });

    testWith(needs, "nothing is asked where nothing can be bound, or a rule forbids", async () => {
      const place = askedPlace();
      const script = scriptOf(
        place,
        'bind(o + "/a")',
        'bind(o + "/none/s")',
        'bind(o + "/s/")',
        'bind(o + "/kept/s")',
        'bind("own")',
        'bind("\\0abstract")',
        'bind(("127.0.0.1", 1), socket.AF_INET)',
      );
      const denied = ["--deny", `${place.other}/kept`];
      mkdirSync(join(place.other, "kept"));
      await using asked = runAsked(place, script, [...flags, ...denied], launcher());
      await asked.see(/over\r\n/);
      expect(asked.screen).not.toContain("allow?");
      const told = ["EADDRINUSE", "ENOENT", "EACCES", "EACCES", "own"];
      expect(toldIn(asked.screen).slice(0, told.length)).toEqual(told);
      expect(readdirSync(join(place.other, "kept"))).toEqual([]);
    });
  });
}
