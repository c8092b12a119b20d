import { describe, expect, test } from "bun:test";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { parseManifest } from "../../../src/policy/manifest/parse.ts";
import { testCedar } from "../../support/cedar.ts";
import { attemptOf, deciderOf, testPlaces } from "../../support/policies.ts";

const good = {
  schema: "aegis.dev/manifest/v0.1",
  name: "agent",
  version: "1",
  publisher: "someone",
  permissions: {},
};

function sourceOf(content: unknown) {
  const text = typeof content === "string" ? content : JSON.stringify(content, undefined, 1);
  return { kind: "manifest", name: "m.json", text } as const;
}

async function messagesOf(content: unknown): Promise<readonly string[]> {
  const parsed = await parseManifest(sourceOf(content));
  return parsed.ok ? [] : parsed.error.map(({ message }) => message);
}

const sandbox =
  "manifest: sandbox.required: must be true when exec, fs.write, or net permissions are declared";

describe("a manifest is refused with all that is wrong, in the order of the format", () => {
  const rows: readonly [string, unknown, readonly string[]][] = [
    ["a good one", good, []],
    ["one behind a byte order mark", `\ufeff${JSON.stringify(good)}`, []],
    [
      "one that says a thing twice",
      '{"permissions":{"fs":{"read_roots":["a"],"read_roots":["/"]}}}',
      ['manifest: decode: the name "read_roots" is given twice at character 41'],
    ],
    [
      "one with half a character",
      '{"name":"\\ud800"}',
      ["manifest: decode: it holds half a character at character 8"],
    ],
    [
      "an empty one",
      {},
      [
        'manifest: schema: expected "aegis.dev/manifest/v0.1", got ""',
        "manifest: name: required",
        "manifest: version: required",
        "manifest: publisher: required",
      ],
    ],
    [
      "another schema",
      { ...good, schema: "v2" },
      ['manifest: schema: expected "aegis.dev/manifest/v0.1", got "v2"'],
    ],
    ["no publisher", { ...good, publisher: "" }, ["manifest: publisher: required"]],
    [
      "programs and no sandbox",
      { ...good, permissions: { exec: { allowed_bins: ["sh"] } } },
      [sandbox],
    ],
    [
      "write roots and no sandbox",
      { ...good, permissions: { fs: { write_roots: ["."] } } },
      [sandbox],
    ],
    ["domains and no sandbox", { ...good, permissions: { net: { domains: ["a.b"] } } }, [sandbox]],
    ["the tool exec and no sandbox", { ...good, permissions: { tools: ["exec"] } }, [sandbox]],
    ["the tool exec.shell", { ...good, permissions: { tools: ["exec.shell", "net.post"] } }, []],
    ["read roots", { ...good, permissions: { fs: { read_roots: ["."] } } }, []],
    [
      "programs in a sandbox",
      { ...good, permissions: { exec: { allowed_bins: ["sh"] } }, sandbox: { required: true } },
      [],
    ],
    ["null for a list", { ...good, permissions: { tools: null } }, []],
    ["keys nobody knows", { ...good, extra: 1, permissions: { more: {} } }, []],
    [
      "a list that is a text",
      { ...good, permissions: { tools: "exec" } },
      ["manifest: permissions.tools: must be array"],
    ],
  ];
  for (const [name, content, messages] of rows) {
    test(name, async () => expect(await messagesOf(content)).toEqual(messages));
  }
  test("a text that is no JSON", async () => {
    const [message] = await messagesOf("{");
    expect(message).toStartWith("manifest: decode: ");
  });
  test("at the value in the text", async () => {
    const text = JSON.stringify({ ...good, sandbox: { required: false, image: 3 } }, undefined, 2);
    const parsed = await parseManifest(sourceOf(text));
    expect(parsed.ok ? [] : parsed.error.map(({ line, column }) => [line, column])).toEqual([
      [9, 14],
    ]);
  });
});

describe("a manifest permits what it declares", () => {
  const declared = {
    ...good,
    permissions: {
      tools: ["read_file", "exec"],
      fs: { read_roots: ["data", "/usr/share"], write_roots: ["./out/"] },
      net: {
        domains: [
          "API.example.com",
          "*.example.org",
          "198.51.100.0/24:22",
          "udp:ns.example.net:53",
          "localhost:5432",
        ],
      },
      exec: { allowed_bins: ["git", "./bin/tool", "nowhere"] },
    },
    sandbox: { required: true },
  };
  const options = {
    findProgram: (name: string) => (name === "git" ? ["/usr/bin/git"] : []),
    realPath: (path: string) => (path === "/usr/bin/git" ? "/opt/git/bin/git" : undefined),
  };
  const rows: readonly [string, "allow" | "deny"][] = [
    ["FileRead /home/ada/project/data/x", "allow"],
    ["DirList /home/ada/project/data", "allow"],
    ["FileWrite /home/ada/project/data/x", "deny"],
    ["FileRead /home/ada/project/other", "deny"],
    ["FileRead /usr/share/dict/words", "allow"],
    ["FileWrite /home/ada/project/out/x", "allow"],
    ["FileDelete /home/ada/project/out/x", "allow"],
    ["FileRead /home/ada/project/out/x", "deny"],
    ["NetConnect api.example.com:443", "allow"],
    ["NetConnect x.api.example.com:443", "deny"],
    ["NetConnect a.b.example.org:80", "allow"],
    ["NetConnect example.org:80", "deny"],
    ["NetRequest https://a.example.org/x", "allow"],
    ["NetBind 127.0.0.1:80", "deny"],
    ["NetConnect udp:api.example.com:443", "deny"],
    ["NetConnect 198.51.100.7:22", "allow"],
    ["NetConnect 198.51.100.7:23", "deny"],
    ["NetConnect udp:ns.example.net:53", "allow"],
    ["NetConnect ns.example.net:53", "deny"],
    ["NetConnect 127.0.0.1:5432", "allow"],
    ["NetConnect 127.0.0.1:5433", "deny"],
    ["ProcessSpawn /usr/bin/git", "allow"],
    ["ProcessSpawn /opt/git/bin/git", "allow"],
    ["ProcessSpawn /home/ada/project/bin/tool", "allow"],
    ["ProcessSpawn /bin/sh", "deny"],
    ["ToolCall read_file", "allow"],
    ["ToolCall read_files", "deny"],
  ];
  for (const [what, outcome] of rows) {
    test(`${what}: ${outcome}`, async () => {
      const decider = await deciderOf([sourceOf(declared)], options);
      expect(decider.decide(attemptOf(what)).outcome).toBe(outcome);
    });
  }
  test("and warns of what can grant nothing, at its place", async () => {
    const sources = [sourceOf(declared)];
    const compiled = await compilePolicy({
      cedar: async () => testCedar(),
      sources,
      places: testPlaces,
      ...options,
    });
    const warnings = compiled.ok ? compiled.value.warnings : [];
    expect(warnings.map(({ line, message }) => [line, message])).toEqual([
      [33, 'manifest: permissions.exec.allowed_bins: there is no program "nowhere" here'],
    ]);
  });
  test("and an empty list of hosts is none", async () => {
    const permissions = { net: { domains: [] } };
    const decider = await deciderOf([sourceOf({ ...good, permissions })], options);
    expect(decider.decide(attemptOf("NetConnect api.example.com:443")).outcome).toBe("deny");
  });
  test("and is refused where it names what is no host, at its place", async () => {
    const domains = ["api.example.com", "*", "*bad", "https://a.example/", "all", "10.0.0.1/8"];
    const permissions = { net: { domains: [...domains, "a b", "", "a:0", "icmp:a:1"] } };
    const sources = [sourceOf({ ...good, permissions, sandbox: { required: true } })];
    const compiled = await compilePolicy({
      cedar: async () => testCedar(),
      sources,
      places: testPlaces,
    });
    const problems = compiled.ok ? [] : compiled.error;
    const field = "manifest: permissions.net.domains:";
    expect(problems.map(({ line, message, hint }) => [line, message, hint.slice(0, 30)])).toEqual([
      [10, `${field} "*" is no pattern of names`, 'write "*.name.example" for all'],
      [11, `${field} "*bad" is no pattern of names`, 'write "*.name.example" for all'],
      [12, `${field} "https://a.example/" is no host or port`, "use HOST, HOST:PORT, *.HOST, A"],
      [13, `${field} "all" names no host`, "use HOST, HOST:PORT, *.HOST, A"],
      [14, `${field} "10.0.0.1/8" has bits beyond its range`, 'write "10.0.0.0/8"'],
      [15, `${field} "a b" is no host or port`, "use HOST, HOST:PORT, *.HOST, A"],
      [16, `${field} "" is no host or port`, "use HOST, HOST:PORT, *.HOST, A"],
      [17, `${field} "a:0" names the port 0`, "ports are 1 to 65535"],
      [18, `${field} "icmp:a:1" names a port, which ICMP has not`, "leave the port out"],
    ]);
  });
});
