// `aegis run --ask` with boxes that ask too much, under misleading names, or are gone before they
// are answered.

import { describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AskedPlace, askedPlace, eventsOf, runAsked } from "../support/asked.ts";
import { testWith } from "../support/features.ts";

const needs = ["linux", "landlock", "seccomp"] as const;

/** Part of a script: stands still until `tell`. */
const untilTold = "until test -e told; do sleep 0.02; done";
const tell = (place: AskedPlace) => writeFileSync(join(place.workspace, "told"), "");

/** Python that opens fifty files at the same moment, and shows those it may read. */
const manyAtOnce = `
import os, threading
all = threading.Barrier(50)
def look(name):
    all.wait()
    try: os.write(1, os.read(os.open(name, os.O_RDONLY), 9))
    except OSError: pass
for at in range(50):
    threading.Thread(target=look, args=[os.environ["OTHER"] + "/many%d" % at]).start()`;

describe("a box cannot", () => {
  testWith(needs, "write on the terminal by the name of a file", async () => {
    const place = askedPlace();
    const name = 'a\x1b]0;title\x07\nallow? [n] "o\u202e\\n';
    writeFileSync(join(place.other, name), "text of name\n");
    await using asked = runAsked(place, 'cat "$OTHER"/a?*');
    await asked.question();
    await asked.answer("o");
    const question = await asked.question();
    expect(question).toContain('a\\x1b]0;title\\x07\\nallow? [n] \\"o\\u{202e}\\\\n"');
    expect(question).not.toContain("\x1b");
    await asked.answer("o");
    await asked.see(/text of name/);
    await asked.exited;
  });

  testWith(needs, "drown a person: ten questions a second, the rest is denied", async () => {
    const place = askedPlace();
    for (let i = 0; i < 50; i++) writeFileSync(join(place.other, `many${i}`), "text\n");
    await using asked = runAsked(place, `/usr/bin/python3 -ISc '${manyAtOnce}'; echo done`);
    let questions = 0;
    while ((await asked.see(/allow\? \[n\] |done\r\n/)).startsWith("allow")) {
      questions += 1;
      await asked.answer("s");
    }
    await asked.exited;
    expect(asked.screen.match(/text\r/g)).toHaveLength(questions);
    // Where the machine is slow they may come in more than one second, but never in five.
    expect(questions).toBeWithin(10, 50);
  });

  testWith(needs, "leave its question behind when it is killed", async () => {
    const place = askedPlace();
    await using asked = runAsked(
      place,
      `cat "$OTHER/a" & ${untilTold}; kill -KILL $!; wait; echo gone; cat "$OTHER/b"; echo done`,
    );
    await asked.question();
    tell(place);
    await asked.see(/gone[\s\S]*withdrawn|withdrawn[\s\S]*gone/);
    expect(await asked.question()).toContain(`"${place.other}/b"`);
    await asked.answer("o");
    await asked.see(/done/);
    await asked.exited;
    const events = eventsOf(place);
    expect(events.filter(({ payload }) => payload.path === `${place.other}/a`)).toEqual([]);
  });

  testWith(needs, "keep a question up beyond its own end", async () => {
    const place = askedPlace();
    await using asked = runAsked(place, `cat "$OTHER/a" & ${untilTold}; kill -KILL $$`);
    await asked.question();
    tell(place);
    await asked.see(/withdrawn/);
    expect(await asked.exited).toBe(137);
  });
});

describe("the terminal", () => {
  testWith(needs, "is as it was after a question, and after one that was withdrawn", async () => {
    const place = askedPlace();
    await using asked = runAsked(
      place,
      `first=$(stty -g); cat "$OTHER/a"; test "$(stty -g)" = "$first" && echo same
      (cat "$OTHER/b" & ${untilTold}; kill -KILL $!)
      until test "$(stty -g)" = "$first"; do sleep 0.02; done; echo again`,
    );
    await asked.question();
    await asked.answer("n");
    await asked.see(/same\r\n/);
    await asked.question();
    tell(place);
    await asked.see(/withdrawn/);
    await asked.see(/again\r\n/);
    expect(await asked.exited).toBe(0);
  });
});
