// `aegis run --ask` about connecting to a socket with a path: a yes reaches the very socket that
// was asked about, and nothing is asked where there is none or a rule decides.

import { afterAll, describe, expect } from "bun:test";
import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { createServer, type Server } from "node:net";
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
const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

/** Says `word` to whoever connects. */
async function serve(path: string, word: string): Promise<void> {
  const server = createServer((peer) => peer.end(word));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

/** What each line of Python makes of `connect(path)` is shown. */
function scriptOf(place: AskedPlace, ...lines: readonly string[]): string {
  const prelude = `import errno, os, socket
o = os.environ["OTHER"]
def connect(path, blocks=True):
    s = socket.socket(socket.AF_UNIX); s.setblocking(blocks)
    try: s.connect(path); s.setblocking(True); return s.recv(16).decode()
    except OSError as e: return errno.errorcode[e.errno]`;
  return tellingScript(place, prelude, lines);
}

for (const [where, launcher, flags] of askedLaunchers) {
  describe(where, () => {
    testWith(needs, "a yes connects, a no does not, and always is a rule", async () => {
      const place = askedPlace();
      for (const name of ["no", "yes", "quick", "always"])
        await serve(`${place.other}/${name}`, name);
      const script = scriptOf(
        place,
        'connect(o + "/no")',
        'connect(o + "/yes")',
        'connect(o + "/quick", False)',
        'connect(o + "/always")',
        'connect(o + "/always")',
      );
      await using asked = runAsked(place, script, flags, launcher());
      for (const [key, name] of [
        ["n", "no"],
        ["o", "yes"],
        ["o", "quick"],
        ["a", "always"],
      ] as const) {
        const question = await asked.question();
        expect(question).toContain("wants to connect to");
        expect(question).toContain(`"${place.other}/${name}"`);
        await asked.answer(key);
      }
      await asked.see(/over\r\n/);
      expect(toldIn(asked.screen)).toEqual(["EACCES", "yes", "quick", "always", "always"]);
      expect(await asked.exited).toBe(0);
      expect(textOf(place.policy)).toContain(`"${place.other}/always"`);
      const rows = eventsOf(place).filter(({ payload }) => payload.path === `${place.other}/yes`);
      expect(rows.map(({ payload }) => payload.rule ?? payload.deed).sort()).toEqual([
        "ask:once",
        "connect",
      ]);
    });

    testWith(needs, "a name that is another socket by then is asked about again", async () => {
      const place = askedPlace();
      await serve(`${place.other}/s`, "judged");
      await serve(`${place.other}/trap`, "trap");
      const script = scriptOf(place, 'connect(o + "/s")');
      await using asked = runAsked(place, script, flags, launcher());
      expect(await asked.question()).toContain(`"${place.other}/s"`);
      renameSync(`${place.other}/s`, `${place.other}/moved`);
      renameSync(`${place.other}/trap`, `${place.other}/s`);
      await asked.answer("o");
      await asked.question();
      await asked.answer("n");
      await asked.see(/over\r\n/);
      expect(toldIn(asked.screen)).toEqual(["EACCES"]);
    });

    testWith(needs, "a link that leads elsewhere by then changes nothing", async () => {
      const place = askedPlace();
      await serve(`${place.other}/real`, "real");
      await serve(`${place.other}/trap`, "trap");
      symlinkSync("real", join(place.other, "link"));
      const script = scriptOf(place, 'connect(o + "/link")');
      await using asked = runAsked(place, script, flags, launcher());
      expect(await asked.question()).toContain(`"${place.other}/real"`);
      rmSync(join(place.other, "link"));
      symlinkSync("trap", join(place.other, "link"));
      await asked.answer("o");
      await asked.see(/over\r\n/);
      expect(toldIn(asked.screen)).toEqual(["real"]);
    });

    testWith(needs, "nothing is asked where there is no socket, or a rule decides", async () => {
      const place = askedPlace();
      mkdirSync(join(place.other, "kept"));
      await serve(`${place.other}/kept/s`, "kept");
      await serve(`${place.workspace}/own`, "own");
      const script = scriptOf(
        place,
        'connect(o + "/none")',
        'connect(o + "/a")',
        'connect(o + "/kept/s")',
        'connect("own")',
      );
      const denied = ["--deny", `${place.other}/kept`];
      await using asked = runAsked(place, script, [...flags, ...denied], launcher());
      await asked.see(/over\r\n/);
      expect(asked.screen).not.toContain("allow?");
      expect(toldIn(asked.screen)).toEqual(["ENOENT", "EACCES", "EACCES", "own"]);
    });
  });
}
