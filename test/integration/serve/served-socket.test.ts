// The control plane of the built binary on a Unix socket: who may connect, who is known as whom,
// and what is recorded of it. Callers are real processes, as root of two accounts.

import { describe, expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endWithTests } from "../../support/endings.ts";
import { testWith } from "../../support/features.ts";
import {
  aegisBinary,
  asPlainUser,
  cleanEnvironment,
  plainUser,
  spawnAegis,
  waitFor,
} from "../../support/harness.ts";
import { conditionMs, programMs } from "../../support/patience.ts";
import { tempDir } from "../../support/temp.ts";

interface Answer {
  readonly status: number;
  /** Whatever an answer holds. */
  readonly body: { readonly [name: string]: never };
}

interface Listening {
  readonly path: string;
  readonly pid: number;
  said(): string;
  signal(name: NodeJS.Signals): Promise<number>;
}

const self = { uid: process.geteuid?.() ?? -1, gid: process.getegid?.() ?? -1 };

/** A folder on whose way others may go, and where nobody else may write. */
function publicFolder(): string {
  const folder = tempDir("socket");
  chmodSync(folder, 0o755);
  return folder;
}

function peerFile(...lines: readonly string[]): string {
  const path = join(tempDir("peers"), "peers");
  writeFileSync(path, `${lines.join("\n")}\n`, { mode: 0o600 });
  return path;
}

async function listen(folder: string, ...flags: readonly string[]): Promise<Listening> {
  const path = join(folder, "s");
  const argv = [aegisBinary(), "serve", "--listen", `unix:${path}`, ...flags];
  const child = Bun.spawn(argv, {
    env: cleanEnvironment({ HOME: tempDir("home") }),
    stdio: ["ignore", "ignore", "pipe"],
  });
  endWithTests(child);
  let said = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const piece of child.stderr) said += decoder.decode(piece, { stream: true });
  })();
  await Promise.race([
    waitFor("a socket", () => (said.includes("listening on unix:") ? true : undefined)),
    child.exited.then(async () => {
      await reading;
      throw new Error(`it did not start: ${said}`);
    }),
  ]);
  return {
    path,
    pid: child.pid,
    said: () => said,
    async signal(name) {
      child.kill(name);
      return child.exited;
    },
  };
}

/** As the account that runs the tests. */
async function ask(path: string, to: string, body?: object, headers = {}): Promise<Answer> {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(`http://localhost${to}`, { ...init, headers, unix: path });
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}

/** By a process of this command's account; the last line of its output is JSON. */
async function askBy(launcher: readonly string[], path: string, to: string): Promise<string> {
  const argv = ["curl", "-sS", "--max-time", "60", "--unix-socket", path, `http://localhost${to}`];
  const child = Bun.spawn([...launcher, ...argv], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: programMs,
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return `${out}${err}`.trim();
}

const sessions = "/v1/sessions?tenant_id=acme";
const event = { tenant_id: "acme", session_id: "s1", event_type: "NOTE", payload: {} };
const question = {
  event: { event_type: "TOOL_CALL_PROPOSED", payload: { tool_name: "t", args: {} } },
  session: { tenant_id: "acme", session_id: "s1" },
};

describe("the server's own account", () => {
  test("may everything on its socket, and is the one who asked", async () => {
    const server = await listen(tempDir("socket"));
    expect(lstatSync(server.path).mode & 0o777).toBe(0o600);
    expect((await ask(server.path, "/v1/policy/decide", question)).status).toBe(200);
    const { body } = await ask(server.path, "/v1/events?tenant_id=acme");
    expect(body).toMatchObject({
      Events: [
        {
          event_type: "POLICY_DECISION",
          payload: { asked_by: `uid:${self.uid}`, peer: { ...self, pid: process.pid } },
        },
      ],
    } as object);
    expect(await server.signal("SIGTERM")).toBe(0);
    expect(existsSync(server.path)).toBe(false);
  });

  test("has its line's role, whatever a request says", async () => {
    const peers = peerFile(`uid:${self.uid} agent acme bot`);
    const { path } = await listen(tempDir("socket"), "--peers", peers);
    const lies = { Authorization: "Bearer key", "X-Peer-Uid": "0", "X-Forwarded-User": "root" };
    expect((await ask(path, sessions, undefined, lies)).status).toBe(200);
    const other = await ask(path, "/v1/sessions?tenant_id=other", undefined, lies);
    expect(other).toMatchObject({ status: 403, body: { code: "tenant_forbidden" } } as object);
    const asked = { tenant_id: "acme", session_id: "s", tool_name: "t" };
    const { body } = await ask(path, "/v1/approvals", asked);
    const decided = await ask(path, `/v1/approvals/${body.token}`, { allow: true }, lies);
    expect(decided).toMatchObject({ status: 403, body: { code: "role_forbidden" } } as object);
  });

  test("decides as who it is, not as who it says it is", async () => {
    const peers = peerFile(`uid:${self.uid} approver acme ann`);
    const flags = ["--peers", peers, "--approval-by-requester"];
    const { path } = await listen(tempDir("socket"), ...flags);
    const asked = { tenant_id: "acme", session_id: "s", tool_name: "t" };
    const { body } = await ask(path, "/v1/approvals", asked);
    const decision = { allow: true, approver: "the boss" };
    expect((await ask(path, `/v1/approvals/${body.token}`, decision)).status).toBe(200);
    const events = await ask(path, "/v1/events?tenant_id=acme&event_type=APPROVAL_DECIDED");
    expect(events.body).toMatchObject({
      Events: [{ payload: { decided_by: "ann", peer: self } }],
    } as object);
  });

  test("does not decide what it asked for, where accounts are told apart", async () => {
    const peers = peerFile(`uid:${self.uid} approver acme ann`);
    const asked = { tenant_id: "acme", session_id: "s", tool_name: "t" };
    const decideOwn = async (...flags: readonly string[]) => {
      const { path } = await listen(tempDir("socket"), ...flags);
      const { body } = await ask(path, "/v1/approvals", asked);
      return ask(path, `/v1/approvals/${body.token}`, { allow: true });
    };
    expect(await decideOwn("--peers", peers)).toMatchObject({
      status: 403,
      body: { code: "approval_own_request" },
    } as object);
    expect((await decideOwn()).status).toBe(200);
  });

  test("is refused where it is not listed, on every route, and the log says so", async () => {
    const peers = peerFile(`uid:${self.uid + 1} admin * other`);
    const server = await listen(tempDir("socket"), "--peers", peers);
    for (const to of [sessions, "/healthz", "/nowhere"]) {
      const refused = await ask(server.path, to);
      expect(refused).toMatchObject({ status: 403, body: { code: "peer_forbidden" } } as object);
    }
    const line = `uid ${self.uid}, gid ${self.gid}, pid ${process.pid} is not listed`;
    await waitFor("a line", () => (server.said().includes(line) ? true : undefined));
    expect(server.said().match(/is not listed/g)).toHaveLength(1);
  });

  test("is let in by its group", async () => {
    const peers = peerFile(`gid:${self.gid} agent acme bots`);
    const { path } = await listen(tempDir("socket"), "--peers", peers);
    expect((await ask(path, sessions)).status).toBe(200);
  });

  test("needs a key where the server has keys and no peers", async () => {
    const hash = new Bun.CryptoHasher("sha256").update("secret").digest("hex");
    const keys = join(tempDir("keys"), "keys");
    writeFileSync(keys, `${hash} agent acme bot\n`, { mode: 0o600 });
    const { path } = await listen(tempDir("socket"), "--keys", keys);
    const keyless = await ask(path, sessions);
    expect(keyless).toMatchObject({ status: 401, body: { code: "unauthorized" } } as object);
    const headers = { Authorization: "Bearer secret" };
    expect((await ask(path, sessions, undefined, headers)).status).toBe(200);
    expect((await ask(path, "/v1/policy/decide", question, headers)).status).toBe(200);
    const { body } = await ask(path, "/v1/events?tenant_id=acme", undefined, headers);
    expect(body).toMatchObject({
      Events: [{ payload: { asked_by: "bot", peer: self } }],
    } as object);
  });
});

describe("other accounts", () => {
  const { uid, gid } = plainUser();
  const plain = asPlainUser([]);
  /** In the same group, and not listed. */
  const stranger = ["setpriv", `--reuid=${uid + 1000}`, `--regid=${gid}`, "--clear-groups", "--"];
  const member = [
    "setpriv",
    `--reuid=${uid + 1000}`,
    `--regid=${gid + 1000}`,
    `--groups=${gid}`,
    "--",
  ];

  testWith(["root", "tool curl", "tool setpriv"], "do not reach a socket of 0600", async () => {
    const peers = peerFile(`uid:${uid} agent acme bot`, "uid:0 admin * root");
    const { path } = await listen(publicFolder(), "--peers", peers);
    expect(await askBy(plain, path, sessions)).toContain("Failed to connect");
    expect((await ask(path, sessions)).status).toBe(200);
  });

  testWith(["root", "tool curl", "tool setpriv"], "are who their own line says", async () => {
    const peers = peerFile(`uid:${uid} agent acme bot`, "uid:0 approver * root");
    const flags = ["--peers", peers, "--listen-group", `${gid}`];
    const server = await listen(publicFolder(), ...flags);
    const { mode, gid: given } = lstatSync(server.path);
    expect([mode & 0o777, given]).toEqual([0o660, gid]);
    expect(await askBy(plain, server.path, sessions)).toContain('"sessions"');
    const foreign = await askBy(plain, server.path, "/v1/sessions?tenant_id=other");
    expect(foreign).toContain('"tenant_forbidden"');
    expect((await ask(server.path, "/v1/sessions?tenant_id=other")).status).toBe(200);
    const refused = await askBy(stranger, server.path, "/healthz");
    expect(refused).toContain('"peer_forbidden"');
    const line = `uid ${uid + 1000}, gid ${gid}`;
    await waitFor("a line", () => (server.said().includes(line) ? true : undefined));
  });

  testWith(["root", "tool curl", "tool setpriv"], "are let in by any of their groups", async () => {
    const peers = peerFile(`gid:${gid} agent acme bots`);
    const flags = ["--peers", peers, "--listen-group", `${gid}`];
    const { path } = await listen(publicFolder(), ...flags);
    expect(await askBy(stranger, path, sessions)).toContain('"sessions"');
    expect(await askBy(member, path, sessions)).toContain('"sessions"');
    const root = await ask(path, sessions);
    expect(root).toMatchObject({ status: 403, body: { code: "peer_forbidden" } } as object);
  });

  testWith(["root"], "have no folder where a socket may be", async () => {
    const folder = join(tempDir("socket"), "theirs");
    mkdirSync(folder);
    chownSync(folder, uid, gid);
    await expect(listen(folder)).rejects.toThrow("belongs to another user");
    chownSync(folder, 0, 0);
    await listen(folder);
  });
});

describe("a socket beside a port", () => {
  test("both are answered, over one ledger, and each knows its own callers", async () => {
    const server = await listen(tempDir("socket"), "--addr", ":0");
    const url = /http:\/\/\S+/.exec(server.said())?.[0];
    const stored = await ask(server.path, "/v1/events", event);
    expect(stored.status).toBe(201);
    const { status } = await fetch(`${url}/v1/policy/decide`, {
      method: "POST",
      body: JSON.stringify(question),
    });
    expect(status).toBe(200);
    const { body } = await ask(server.path, "/v1/events?tenant_id=acme");
    const [first, second] = (body as object as { Events: { seq: number; payload: object }[] })
      .Events;
    expect([first?.seq, second?.seq]).toEqual([0, 1]);
    expect(second?.payload).not.toHaveProperty("asked_by");
    expect(await server.signal("SIGTERM")).toBe(0);
  });

  test("whoever names peers is told that the port asks nobody", async () => {
    const peers = peerFile(`uid:${self.uid} agent acme bot`);
    const open = await listen(tempDir("socket"), "--addr", ":0", "--peers", peers);
    expect(open.said()).toContain("the port lets every account of this machine in");
    const alone = await listen(tempDir("socket"), "--peers", peers);
    expect(alone.said()).not.toContain("the port");
  });

  test("alone there is no port", async () => {
    const { pid, said } = await listen(tempDir("socket"));
    expect(said()).not.toContain("http://");
    const inodes = await socketInodes(pid);
    for (const table of ["tcp", "tcp6"]) {
      const lines = (await Bun.file(`/proc/${pid}/net/${table}`).text()).split("\n").slice(1);
      const listens = lines
        .map((line) => line.trim().split(/\s+/))
        .filter(([, , , at]) => at === "0A");
      expect(listens.filter(([, , , , , , , , , inode = ""]) => inodes.has(inode))).toEqual([]);
    }
  });
});

async function socketInodes(pid: number): Promise<ReadonlySet<string>> {
  const child = Bun.spawn(["ls", "-l", `/proc/${pid}/fd`], { stdio: ["ignore", "pipe", "ignore"] });
  const text = await child.stdout.text();
  return new Set([...text.matchAll(/socket:\[(\d+)\]/g)].map(([, inode = ""]) => inode));
}

describe("the life of a socket", () => {
  test("a killed server's is replaced, a living one's is not", async () => {
    const folder = tempDir("socket");
    const first = await listen(folder);
    await expect(listen(folder)).rejects.toThrow("a server listens there");
    expect((await ask(first.path, "/healthz")).status).toBe(200);
    await first.signal("SIGKILL");
    expect(lstatSync(first.path).isSocket()).toBe(true);
    const second = await listen(folder);
    expect((await ask(second.path, "/healthz")).status).toBe(200);
    expect(await second.signal("SIGTERM")).toBe(0);
    expect(existsSync(second.path)).toBe(false);
    expect(existsSync(`${second.path}.lock`)).toBe(false);
  });

  test("events are told as they are stored, until the server stops", async () => {
    const { path, signal } = await listen(tempDir("socket"));
    const to = "http://localhost/v1/events/stream?tenant_id=acme";
    const response = await fetch(to, { unix: path });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    const until = async (wanted: string): Promise<void> => {
      while (!said.includes(wanted)) {
        const piece = await reader?.read();
        if (piece?.value === undefined) throw new Error(`it ended before ${wanted}: ${said}`);
        said += piece.value;
      }
    };
    await until(": connected");
    const lines = [event, { ...event, event_type: "LAST" }].map((one) => JSON.stringify(one));
    const batch = await fetch("http://localhost/v1/events:batch", {
      method: "POST",
      body: lines.join("\n"),
      unix: path,
    });
    expect(batch.status).toBe(201);
    await until('"LAST"');
    const stopped = signal("SIGTERM");
    while ((await reader?.read())?.done === false);
    expect(await stopped).toBe(0);
  });

  test("a body has its bound, and what fits is taken", async () => {
    const { path } = await listen(tempDir("socket"));
    const large = { ...event, payload: { text: "a".repeat(3 << 20) } };
    expect((await ask(path, "/v1/events", large)).status).toBe(201);
    const tooLarge = { ...event, payload: { text: "a".repeat(9 << 20) } };
    const refused = await ask(path, "/v1/events", tooLarge);
    expect(refused).toMatchObject({ status: 413, body: { code: "body_too_large" } } as object);
  });

  test("the commands that ask a control plane reach it there", async () => {
    const folder = tempDir("socket");
    const { path } = await listen(folder);
    expect((await ask(path, "/v1/events", event)).status).toBe(201);
    // Programs that go through a proxy do not go through it to a socket.
    const env = { HTTP_PROXY: "http://127.0.0.1:1", http_proxy: "http://127.0.0.1:1" };
    const ctl = (server: string, ...args: readonly string[]) =>
      spawnAegis([...args, "--server", server], { calledAs: "aegisctl", cwd: folder, env });
    const session = ["--tenant", "acme", "--session", "s1"];
    const verified = await ctl(`unix:${path}`, "verify", ...session);
    expect(verified.stdout).toBe("OK: chain valid for session s1\n");
    expect((await ctl("unix:s", "export", ...session)).stdout).toContain('"NOTE"');
    const asked = { tenant_id: "acme", session_id: "s1", tool_name: "t" };
    const { body } = await ask(path, "/v1/approvals", asked);
    const approved = await ctl("unix:s", "approve", `${body.token}`, "--allow");
    expect(approved.exitCode).toBe(0);
    const conformance = ["conformance", "run", "baseline-safety", "--json", "--server"];
    const report = await spawnAegis([...conformance, `unix:${path}`], { env });
    expect(JSON.parse(report.stdout)).toMatchObject({
      aegisd_addr: `unix:${path}`,
      compliant: true,
    });
    const nobody = await ctl("unix:none", "verify", ...session);
    expect(nobody.stderr).toContain(`cannot ask unix:${folder}/none`);
    const certified = await ctl("unix:s", "verify", ...session, "--ca-file", "/etc/passwd");
    expect(certified.stderr).toContain("it is not https");
  });

  test.each([
    ["--peers without --listen", ["--peers", "/etc/passwd"], "there is no socket"],
    ["an address for a socket", ["--listen", "127.0.0.1:80"], "is no unix:PATH"],
    [
      "keys that nobody is asked for",
      ["--listen", "unix:s", "--peers", "p", "--keys", "k"],
      "peers take their place",
    ],
    ["a name for a group", ["--listen", "unix:s", "--listen-group", "wheel"], "no group's number"],
  ])("%s keeps it from starting", async (_, flags, why) => {
    const child = Bun.spawn([aegisBinary(), "serve", ...flags], {
      env: cleanEnvironment({ HOME: tempDir("home") }),
      cwd: tempDir("cwd"),
      stdio: ["ignore", "ignore", "pipe"],
      timeout: conditionMs,
    });
    expect(await child.stderr.text()).toContain(why);
    expect(await child.exited).not.toBe(0);
  });
});
