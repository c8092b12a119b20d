// Credentials on the real kernel: programs that know no proxy speak plain HTTP to a host, the
// gateway speaks TLS to it with the real secret. Every other way out carries the placeholder.

import { afterAll, expect } from "bun:test";
import { type Credential, parseCredential } from "../../src/gateway/credential.ts";
import { runBox, type Setting, settings } from "../support/box.ts";
import { testWith } from "../support/features.ts";
import { permit, port, to } from "../support/ir.ts";
import { certificate } from "../support/tls.ts";

const needs = ["linux", "landlock", "seccomp", "userns"] as const;
const secret = "sk-real/0123456789";
const placeholder = "aegis_00112233445566778899";

const { key, cert } = certificate("api.test");
const seen: string[] = [];
const redirect = { to: "" };
const fetch = (request: Request): Response => {
  const { pathname, search } = new URL(request.url);
  const given = request.headers.get("authorization") ?? request.headers.get("x-api-key");
  seen.push(`${given ?? ""}${search}`);
  if (pathname === "/elsewhere") return Response.redirect(redirect.to, 307);
  return new Response("served\n");
};
const local = { hostname: "127.0.0.1", port: 0 } as const;
const api = Bun.serve({ ...local, tls: { key, cert }, fetch });
const other = Bun.serve({ ...local, fetch });
afterAll(() => Promise.all([api.stop(true), other.stop(true)]));
const [apiPort, otherPort] = [api.port ?? 0, other.port ?? 0];
redirect.to = `http://other.test:${otherPort}/`;

const grants = [
  permit("all"),
  permit("NetConnect NetRequest", to("api.test"), port(apiPort)),
  permit("NetConnect NetRequest", to("other.test"), port(otherPort)),
  permit("NetConnect NetRequest", to("127.0.0.1")),
];

function credential(): Credential {
  const spec = parseCredential(`API_KEY=env:REAL@api.test:${apiPort}`);
  if (!spec.ok) throw new Error(spec.error);
  return { ...spec.value, secret, placeholder };
}

async function run(setting: Setting, argv: readonly string[]) {
  seen.length = 0;
  const ran = await runBox(setting, grants, [], {
    argv,
    environment: ["PATH=/usr/bin:/bin", `API_KEY=${placeholder}`],
    resolve: () => ["127.0.0.1"],
    secrets: { credentials: [credential()], authorities: [cert] },
  });
  const rows = ran.connections.filter(({ action }) => action === "NetRequest");
  expect(JSON.stringify(ran.connections)).not.toContain(secret);
  return { ...ran, rows };
}

const shell = (script: string) => ["/bin/sh", "-c", script];
const curl = "curl -sS --max-time 60";
const python = (lines: string) => [
  "/usr/bin/python3",
  "-c",
  `import os, urllib.request as u, http.client as h\nkey = os.environ["API_KEY"]\n${lines}`,
];

const used: readonly [string, readonly string[], string][] = [
  [
    "curl",
    shell(`${curl} -H "Authorization: Bearer $API_KEY" http://api.test/v1/models`),
    `Bearer ${secret}`,
  ],
  [
    "a field in another case",
    shell(`${curl} -H "aUTHORIZATION: bearer $API_KEY" http://api.test/`),
    `bearer ${secret}`,
  ],
  [
    "a password",
    shell(`${curl} -u "me:$API_KEY" http://api.test/`),
    `Basic ${btoa(`me:${secret}`)}`,
  ],
  [
    "the query",
    shell(`${curl} "http://api.test/?key=$API_KEY"`),
    `?key=${encodeURIComponent(secret)}`,
  ],
  [
    "python's urllib, with a body",
    python(`
r = u.Request("http://api.test/", b"{}", {"X-Api-Key": key}); print(u.urlopen(r).read().decode())`),
    secret,
  ],
  [
    "the second request of a connection",
    python(`
c = h.HTTPConnection("api.test")
for _ in range(2):
    c.request("GET", "/", headers={"Authorization": key}); print(c.getresponse().read().decode())`),
    secret,
  ],
];

for (const setting of settings()) {
  for (const [what, argv, expected] of used)
    testWith(needs, `${setting.name}: the real secret goes by TLS: ${what}`, async () => {
      const { stdout, rows } = await run(setting, argv);
      expect(stdout).toContain("served");
      expect(new Set(seen)).toEqual(new Set([expected]));
      expect(rows[0]).toMatchObject({ host: "api.test", credentials: ["API_KEY"] });
    });

  testWith(needs, `${setting.name}: another granted host gets the placeholder`, async () => {
    const to = `http://other.test:${otherPort}/`;
    const { stdout, rows } = await run(
      setting,
      shell(`${curl} -H "Authorization: $API_KEY" ${to}`),
    );
    expect(stdout).toContain("served");
    expect(seen).toEqual([placeholder]);
    expect(rows[0]).toMatchObject({ host: "other.test", strayed_credentials: ["API_KEY"] });
  });

  testWith(needs, `${setting.name}: a redirect elsewhere takes the placeholder`, async () => {
    const follow = `${curl} -L --location-trusted -H "Authorization: $API_KEY"`;
    const { stdout } = await run(setting, shell(`${follow} http://api.test/elsewhere`));
    expect(stdout).toContain("served");
    expect(seen).toEqual([secret, placeholder]);
  });

  testWith(needs, `${setting.name}: TLS of the box's own takes the placeholder`, async () => {
    const script = `${curl} -k -H "Authorization: $API_KEY" https://api.test:${apiPort}/`;
    const { stdout } = await run(setting, shell(script));
    expect(stdout).toContain("served");
    expect(seen).toEqual([placeholder]);
  });

  testWith(needs, `${setting.name}: a Host that is another's is refused`, async () => {
    const script = `${curl} -H "Host: other.test" -H "Authorization: $API_KEY" http://api.test/`;
    const { stdout } = await run(setting, shell(script));
    expect(stdout).toContain("aegis: refused");
    expect(seen).toEqual([]);
  });
}
