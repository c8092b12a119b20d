// Files whose names are no text: from the box to the ledger, its readers and other policies; to
// programs that handle them; and where somebody asks about them, or writes a rule.

import { afterAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { settings } from "../../support/box.ts";
import { aegisBinary, cleanEnvironment, type Outcome } from "../../support/harness.ts";
import { makeScene, own, removeScenes, runIn, type Scene } from "../../support/in-setting.ts";
import { programMs, testMs } from "../../support/patience.ts";

afterAll(removeScenes);

interface Row {
  readonly action: string;
  readonly path: string;
  readonly count: number;
}

test(
  "three names are three rows, which another policy judges like the box did",
  async () => {
    const [setting] = settings();
    if (setting === undefined) throw new Error("there is no setting");
    const scene = makeScene(setting);
    const { home, ws: work } = scene;
    const aegis = (...args: readonly string[]) => runIn(scene, args);
    const script =
      `for name in "q\\377" "q\\376" "q\\375"; do echo x > "$(printf "$name")"; done; ` +
      'cat "$HOME/$(printf "s\\377")"; ' +
      'for i in $(seq 3000); do grep "\ufffdff" "$AEGIS_DENIED_LOG" && break; sleep 0.02; done';
    const { stdout } = await aegis("run", "--quiet", "--", "sh", "-c", script);
    expect(JSON.parse(stdout)).toMatchObject({
      path: `${home}/s\ufffdff`,
      grant: `--read ${home}`,
    });
    const shown = await aegis("log", "--json", "--last", "1000");
    const { entries } = JSON.parse(shown.stdout) as {
      entries: { session_id: string; payload: Row }[];
    };
    const rows = entries
      .map(({ payload }) => payload)
      .filter(({ action, path }) => action === "FileWrite" && path.startsWith(`${work}/q`))
      .map(({ path, count }) => [path, count]);
    const spelled = ["fd", "fe", "ff"].map((byte) => `${work}/q\ufffd${byte}`);
    expect(rows).toEqual(spelled.map((path) => [path, 1]));
    const session = entries[0]?.session_id ?? "";
    const replayed = await aegis("replay", session, "--policy", "workspace", "--json");
    expect(JSON.parse(replayed.stdout)).toMatchObject({ changes: [] });
    const told = await aegis("policy", "explain", "FileWrite", spelled[0] ?? "");
    expect(told.stdout).toStartWith("Allow: FileWrite");
    const other = await aegis("policy", "explain", "FileWrite", `${work}/q\ufffd`);
    expect(other.stdout).toContain("the name is not valid text");
  },
  testMs,
);

function scene(): Scene {
  const [setting] = settings();
  if (setting === undefined) throw new Error("there is no setting");
  return makeScene(setting);
}

/** Through a shell, because arguments are bytes and ours are text. */
async function typed({ setting, home, ws }: Scene, line: string): Promise<Outcome> {
  const child = Bun.spawn(setting.through(["bash", "-c", line.replaceAll("aegis", '"$AEGIS"')]), {
    cwd: ws,
    env: cleanEnvironment({ HOME: home, AEGIS: aegisBinary() }),
    stdio: ["ignore", "pipe", "pipe"],
    timeout: programMs,
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

test(
  "an access asked about by a path that is no text is denied, whatever the policy permits",
  async () => {
    const here = scene();
    const everything = "--policy permit-all";
    const asked = await typed(here, `aegis policy test FileRead $'/srv/q\\377' ${everything}`);
    expect(asked.stdout).toContain("Decision:      Deny\n");
    expect(asked.stdout).toContain(
      "Reason:        could not be judged: the name is not valid text",
    );
    const twin = await typed(here, `aegis policy test FileRead $'/srv/q\\303\\251' ${everything}`);
    expect(twin.stdout).toContain("Decision:      Allow\n");
    const told = await typed(here, `aegis policy explain FileRead $'/srv/q\\377' ${everything}`);
    expect(told.stdout).toStartWith("Deny: FileRead");
    expect(told.stdout).not.toContain("To allow it");
  },
  testMs,
);

test(
  "a rule that cannot be what was written ends the launch",
  async () => {
    const here = scene();
    const policy = `${here.ws}/own.cedar`;
    const forbid = "permit(principal, action, resource);\nforbid(principal, action, resource ==";
    const write = (name: Uint8Array) => {
      const tail = Buffer.from('");\n');
      const head = Buffer.from(`${forbid} Aegis::Resource::"${here.ws}/`);
      writeFileSync(policy, Buffer.concat([head, name, tail]), { mode: 0o644 });
      own(here, policy);
    };
    await typed(here, "echo secret | tee $'s\\377' > $'s\\303\\251'");
    for (const flag of ["--deny", "--read", "--write"]) {
      const { exitCode, stdout, stderr } = await typed(
        here,
        `aegis run ${flag} $'s\\377' -- sh -c 'cat s*'`,
      );
      expect([exitCode, stdout]).toEqual([2, ""]);
      expect(stderr).toContain("it has bytes that are no text");
    }
    write(Uint8Array.from([0x73, 0xff]));
    const refused = await typed(here, "aegis run --policy own.cedar -- sh -c 'cat s*'");
    expect([refused.exitCode, refused.stdout]).toEqual([125, ""]);
    expect(refused.stderr).toContain("it is not UTF-8");
    write(Buffer.from("s\u00e9"));
    const held = await typed(here, "aegis run --policy own.cedar -- sh -c 'cat s*'");
    expect([held.exitCode, held.stdout]).toEqual([1, "secret\n"]);
    const pattern = await typed(here, "aegis run --deny 's*' -- sh -c 'cat s*'");
    expect([pattern.exitCode, pattern.stdout]).toEqual([1, ""]);
  },
  testMs,
);

test(
  "tar and git handle such names where they are granted, and are refused where they are not",
  async () => {
    const here = scene();
    const make = "mkdir -p in out && echo text > $'in/caf\\351' && git init -q . && git add in && ";
    const work = `${make}tar cf a.tar in && tar xf a.tar -C out && cat out/in/caf* && git ls-files in`;
    await typed(here, `cat > work.sh <<'END'\n${work}\nEND`);
    const done = await typed(here, "aegis run -- bash work.sh");
    expect([done.exitCode, done.stdout]).toEqual([0, 'text\n"in/caf\\351"\n']);
    const shown = await typed(here, "aegis audit query --action FileWrite --search caf --json");
    expect(shown.stdout).toContain(`${here.ws}/out/in/caf\ufffde9`);
    const denied = await typed(
      here,
      "rm -r out/in; aegis run --deny '*/caf*' -- tar xf a.tar -C out",
    );
    expect(denied.exitCode).not.toBe(0);
    const log = await typed(here, "aegis log --denied --json");
    expect(log.stdout).toContain(`${here.ws}/out/in/caf\ufffde9`);
  },
  testMs,
);

test(
  "a command gets the bytes it was given, and the ledger has their spelling",
  async () => {
    const here = scene();
    // A byte that is no text, one that is, and the mark itself, which is text.
    await typed(
      here,
      "echo one > $'s\\377'; echo two > $'s\\303\\251'; echo three > $'s\\357\\277\\275'",
    );
    const names = "$'s\\377' $'s\\303\\251' $'s\\357\\277\\275'";
    for (const how of ["run --quiet", "wrap --quiet"]) {
      const { exitCode, stdout } = await typed(here, `aegis ${how} -- cat ${names}`);
      expect([how, exitCode, stdout]).toEqual([how, 0, "one\ntwo\nthree\n"]);
    }
    const shown = await typed(here, "aegis log --json --last 1000");
    const { entries } = JSON.parse(shown.stdout) as {
      entries: { event_type: string; payload: { command?: readonly string[] } }[];
    };
    const opened = entries.find(({ event_type }) => event_type === "SESSION_OPENED");
    const spelled = ["s\ufffdff", "s\u00e9", "s\ufffdef\ufffdbf\ufffdbd"];
    expect(opened?.payload.command).toEqual(["cat", ...spelled]);
    const script = "printf '%s' \"$LATIN$GIVEN$REAL\" | od -An -tx1";
    const variables = "LATIN=$'a\\351' REAL=$'\\357\\277\\275'";
    const given = `${variables} aegis run --quiet --env GIVEN=$'b\\376' -- sh -c`;
    const { stdout } = await typed(here, `${given} '${script.replaceAll("'", "'\\''")}'`);
    expect(stdout.trim()).toBe("61 e9 62 fe ef bf bd");
  },
  testMs,
);
