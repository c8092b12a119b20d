// Programs that do one thing very often: the ledger has to have the exact number, refusals
// included.

import { expect } from "bun:test";
import { join } from "node:path";
import { testWith } from "../support/features.ts";
import {
  makePlace,
  type Place,
  removePlacesAfterwards,
  runBare,
  runBoxed,
  runners,
} from "./place.ts";
import { countAccesses, lastSession } from "./recorded.ts";

const children = 500;
const files = 50_000;
const readAgain = files / 10;
const refusedTries = files / 100;
const needs = ["linux", "landlock", "seccomp", "tool gcc"] as const;

removePlacesAfterwards();
for (const runner of runners) {
  testWith(
    needs,
    `${children} children are all started, ended and recorded, as ${runner}`,
    async () => {
      const place = await built(runner, "children");
      const command = ["./children", `${children}`, "/usr/bin/true"];
      const outcome = await runBoxed(place, command);
      expect(outcome).toEqual({ stdout: `${children} ended well\n`, stderr: "", exitCode: 0 });
      const session = await lastSession(place);
      const spawns = countAccesses(
        session,
        (access) => access.action === "ProcessSpawn" && access.path === "/usr/bin/true",
      );
      expect(spawns).toBe(children);
      expect(session.exitStatus).toBe(0);
    },
  );

  testWith(needs, `${files} files made are recorded to the last one, as ${runner}`, async () => {
    const place = await built(runner, "files");
    const key = join(place.home, ".ssh/id_ed25519");
    const bare = await runBare(place, ["./files", "100", key]);
    expect(bare.stdout).toBe("made 100 read 10 refused 0\n");
    await runBare(place, ["rm", "-r", "many"]);

    const boxed = await runBoxed(place, ["./files", `${files}`, key]);
    expect(boxed.stdout).toBe(`made ${files} read ${readAgain} refused ${refusedTries}\n`);
    const session = await lastSession(place);
    const many = `${join(place.workspace, "many")}/`;
    const total = (action: string, decision: string, prefix: string) =>
      countAccesses(
        session,
        (access) =>
          access.action === action &&
          access.decision === decision &&
          access.path.startsWith(prefix),
      );
    expect({
      made: total("FileWrite", "allow", many),
      read: total("FileRead", "allow", many),
      folders: total("DirCreate", "allow", many),
      refused: total("FileRead", "deny", key),
    }).toEqual({ made: files, read: readAgain, folders: files / 500, refused: refusedTries });
    const written = session.accesses.filter((access) => access.action === "FileWrite");
    expect(new Set(written.map(({ path }) => path)).size).toBe(files);
  });
}

/** A place whose working folder holds the program `name`, compiled. */
async function built(runner: (typeof runners)[number], name: string): Promise<Place> {
  const place = makePlace(runner, "volume");
  const compiled = await runBare(place, ["gcc", "-O1", "-Wall", "-o", name, `${name}.c`]);
  expect(compiled).toEqual({ stdout: "", stderr: "", exitCode: 0 });
  return place;
}
