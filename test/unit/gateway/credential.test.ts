// Credentials: the box has a placeholder, listed hosts get the real value, everybody else the
// placeholder, and no row has either secret.

import { expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readSecretFile } from "../../../src/config/secret-file.ts";
import { type Credential, parseCredential } from "../../../src/gateway/credential.ts";
import { loadCredential } from "../../../src/gateway/credential-source.ts";
import { host, net, resolved, server, testGateway, through } from "../../support/gateway.ts";
import { tempDir } from "../../support/temp.ts";
import { certificate } from "../../support/tls.ts";

const secret = "s3cr3t/with+signs=";
const placeholder = "aegis_0123456789abcdef";
const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const names = { "api.example": ["127.0.0.1"], "other.example": ["127.0.0.1"] };
const grants = [net(host("api.example")), net(host("other.example")), net(host("127.0.0.1"))];

function credential(place: string): Credential {
  const spec = parseCredential(`API_KEY=env:REAL@${place}`);
  if (!spec.ok) throw new Error(spec.error);
  return { ...spec.value, secret, placeholder };
}

async function send(to: string, port: number, fields: string, path = "/", of = to) {
  await using box = await testGateway(grants, {
    names,
    credentials: [credential(`http://${of}:${port}`)],
  });
  const address = (await resolved(box, to)) ?? "";
  const { client } = await through(box, { address, port });
  client.send(`GET ${path} HTTP/1.1\r\nHost: ${to}\r\n${fields}\r\n`);
  await client.take(answer.length);
  expect(JSON.stringify(box.rows())).not.toContain(secret);
  expect(JSON.stringify(box.rows())).not.toContain(placeholder);
  return { request: box.rows()[1], environment: box.gateway.environment };
}

test("the box sees the placeholder alone", async () => {
  await using box = await testGateway([], { credentials: [credential("api.example")] });
  expect(box.gateway.environment).toContain(`API_KEY=${placeholder}`);
  expect(box.gateway.environment.join()).not.toContain(secret);
});

const places: readonly [string, string, string, string][] = [
  [
    "a field",
    `Authorization: Bearer ${placeholder}\r\n`,
    "/",
    `GET / HTTP/1.1\r\nHost: api.example\r\nAuthorization: Bearer ${secret}\r\n\r\n`,
  ],
  [
    "a password",
    `Authorization: Basic ${btoa(`user:${placeholder}`)}\r\n`,
    "/",
    `GET / HTTP/1.1\r\nHost: api.example\r\nAuthorization: Basic ${btoa(`user:${secret}`)}\r\n\r\n`,
  ],
  [
    "the query",
    "",
    `/?key=${placeholder}`,
    `GET /?key=${encodeURIComponent(secret)} HTTP/1.1\r\nHost: api.example\r\n\r\n`,
  ],
];
for (const [where, fields, path, expected] of places)
  test(`the real value is put into ${where}, and the row names the credential`, async () => {
    using web = server({ reply: () => answer });
    const { request } = await send("api.example", web.port, fields, path);
    expect(web.received).toEqual([expected]);
    expect(request).toMatchObject({ decision: "allow", credentials: ["API_KEY"] });
  });

test("to any other host the placeholder stays what it is, and its use is recorded", async () => {
  using web = server({ reply: () => answer });
  const fields = `Authorization: Bearer ${placeholder}\r\n`;
  const { request } = await send("other.example", web.port, fields, "/", "api.example");
  expect(web.received[0]).toContain(placeholder);
  expect(web.received[0]).not.toContain(secret);
  expect(request).toMatchObject({ strayed_credentials: ["API_KEY"] });
  expect(request).not.toHaveProperty("credentials");
});

test("a request without the placeholder is not touched", async () => {
  using web = server({ reply: () => answer });
  const { request } = await send("api.example", web.port, "X: y\r\n");
  expect(web.received[0]).not.toContain(secret);
  expect(request).not.toHaveProperty("credentials");
});

test("a large answer through the TLS of the gateway arrives whole", async () => {
  const { key, cert } = certificate("api.example");
  const body = "0123456789abcdef".repeat(1 << 19);
  await using web = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key, cert },
    fetch: () => new Response(body),
  });
  await using box = await testGateway(grants, {
    names,
    credentials: [credential(`api.example:${web.port}`)],
    authorities: [cert],
  });
  const address = (await resolved(box, "api.example")) ?? "";
  const { client } = await through(box, { address, port: 80 });
  client.send("GET / HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n");
  const reply = await client.rest();
  expect(reply.slice(reply.indexOf("\r\n\r\n") + 4) === body).toBe(true);
});

/** A box that speaks plain HTTP to port 80 of a host whose credential goes by TLS. */
async function overTls(name: string, authority: string | undefined) {
  const { key, cert } = certificate(name);
  const seen: (string | null)[] = [];
  await using web = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key, cert },
    fetch: (request) => {
      seen.push(request.headers.get("x-key"));
      return new Response("ok");
    },
  });
  await using box = await testGateway(grants, {
    names,
    credentials: [credential(`api.example:${web.port}`)],
    authorities: [authority ?? cert],
  });
  const address = (await resolved(box, "api.example")) ?? "";
  const { client, status } = await through(box, { address, port: 80 });
  if (status === 0) {
    client.send(`GET /x HTTP/1.1\r\nHost: api.example\r\nX-Key: ${placeholder}\r\n\r\n`);
    expect(await client.take(12)).toBe("HTTP/1.1 200");
  }
  return { status, seen, rows: box.rows(), port: web.port };
}

test("plain HTTP of the box goes to the host by TLS, with the real value", async () => {
  const { seen, rows, port } = await overTls("api.example", undefined);
  expect(seen).toEqual([secret]);
  expect(rows).toMatchObject([
    { host: "api.example", port, flags: "connect, with TLS by the gateway" },
    { method: "GET", url: `https://api.example:${port}/x`, credentials: ["API_KEY"] },
  ]);
});

test("a server whose certificate is for another name gets nothing", async () => {
  const { status, seen } = await overTls("other.example", undefined);
  expect(status).not.toBe(0);
  expect(seen).toEqual([]);
});

test("a server whose certificate nobody vouches for gets nothing", async () => {
  const { status, seen } = await overTls("api.example", certificate("api.example").cert);
  expect(status).not.toBe(0);
  expect(seen).toEqual([]);
});

test("TLS of the box inside the TLS of the gateway is refused", async () => {
  const { key, cert } = certificate("api.example");
  await using web = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key, cert },
    fetch: () => new Response("ok"),
  });
  await using box = await testGateway(grants, {
    names,
    credentials: [credential(`api.example:${web.port}`)],
    authorities: [cert],
  });
  const address = (await resolved(box, "api.example")) ?? "";
  const { client } = await through(box, { address, port: 80 });
  client.send("\0\x01\x02");
  expect(await client.rest()).toBe("");
  expect(box.rows()[1]).toMatchObject({ decision: "deny" });
});

const texts: readonly [string, boolean][] = [
  ["KEY=env:REAL@api.example", true],
  ["KEY=file:/run/key@api.example:8443,*.example", false],
  ["KEY=file:/run/key@api.example:8443,http://127.0.0.1:9", true],
  ["KEY=command:pass show key@api.example", true],
  ["KEY=env:REAL@", false],
  ["KEY=env:REAL", false],
  ["KEY=env:@api.example", false],
  ["KEY=file:relative@api.example", false],
  ["1KEY=env:REAL@api.example", false],
  ["KEY=vault:REAL@api.example", false],
  ["KEY=env:REAL@api.example:0", false],
  ["=env:REAL@api.example", false],
];
for (const [text, isRight] of texts)
  test(`${text} is ${isRight ? "read" : "refused"}`, () => {
    expect(parseCredential(text).ok).toBe(isRight);
  });

const load = (source: string, variables: Record<string, string> = {}) => {
  const spec = parseCredential(`KEY=${source}@api.example`);
  if (!spec.ok) throw new Error(spec.error);
  return loadCredential(spec.value, { variable: (name) => variables[name], file: readSecretFile });
};

test("a secret is read from the environment, a private file or a program", () => {
  const path = join(tempDir("key"), "key");
  writeFileSync(path, `${secret}\n`, { mode: 0o600 });
  expect(load("env:REAL", { REAL: secret }).secret).toBe(secret);
  expect(load(`file:${path}`).secret).toBe(secret);
  expect(load(`command:cat ${path}`).secret).toBe(secret);
  expect(readFileSync(path, "utf8")).toBe(`${secret}\n`);
});

test("every placeholder is another one", () => {
  const one = load("env:REAL", { REAL: "x" }).placeholder;
  expect(one).toMatch(/^aegis_[0-9a-f]{40}$/);
  expect(load("env:REAL", { REAL: "x" }).placeholder).not.toBe(one);
});

test("a file that others can read is refused", () => {
  const path = join(tempDir("key"), "key");
  writeFileSync(path, secret);
  chmodSync(path, 0o640);
  expect(() => load(`file:${path}`)).toThrow("others may read or write it");
});

const unusable: readonly [string, string, Record<string, string>][] = [
  ["a variable that is not set", "env:REAL", {}],
  ["an empty one", "env:REAL", { REAL: "" }],
  ["two lines", "env:REAL", { REAL: "a\r\nX: y" }],
  ["a control character", "env:REAL", { REAL: "a\0b" }],
  ["a file that is not there", "file:/nonexistent/key", {}],
  ["a folder", "file:/", {}],
  ["a program that is not there", "command:/nonexistent/program", {}],
  ["a program that fails", "command:false", {}],
];
for (const [what, source, variables] of unusable)
  test(`${what} is an error that holds no secret`, () => {
    expect(() => load(source, variables)).toThrow('Cannot use credential "KEY"');
  });
