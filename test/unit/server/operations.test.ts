// What the server says it does against what it does: the declared operations, their handlers, the
// document made of them.

import { describe, expect, test } from "bun:test";
import { type Code, codes } from "../../../src/server/api/codes.ts";
import { operations } from "../../../src/server/api/operations.ts";
import { docsHtml } from "../../../src/server/docs-page.ts";
import { codesOf, openApiDocument } from "../../../src/server/openapi.ts";
import { startLocalServer } from "../../support/local-server.ts";

const document = openApiDocument(operations, true);
const text = JSON.stringify(document);

describe("the document", () => {
  test("refers to nothing that is not in it", () => {
    const { schemas } = document.components as { readonly schemas: object };
    const wanted = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    expect(wanted.length).toBeGreaterThan(20);
    expect(wanted.filter((name) => !Object.hasOwn(schemas, name ?? ""))).toEqual([]);
    expect(text).not.toContain("$defs");
  });

  test("has each operation once, under a name of its own", () => {
    const ids = operations.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const places = operations.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(places).size).toBe(places.length);
    for (const { path, params } of operations) {
      const parts = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
      expect([path, Object.keys(params?.shape ?? {})]).toEqual([path, parts]);
    }
  });

  test("has every code but those of paths that it has not", () => {
    const used = new Set<Code>(operations.flatMap(codesOf));
    const others = (Object.keys(codes) as Code[]).filter((code) => !used.has(code));
    expect(others).toEqual(["route_not_found", "method_not_allowed"]);
  });
});

test("the page shows every operation and loads nothing", () => {
  const page = docsHtml(operations);
  for (const { id, path } of operations) {
    expect(page).toContain(`id="${id}"`);
    expect(page).toContain(path.split("{")[0] ?? "");
  }
  expect(page).not.toMatch(/<script|<link|<img|src=|@import|url\(/);
});

test("every operation is answered by the server, and other methods of its path are not", async () => {
  const server = startLocalServer();
  const base = `http://127.0.0.1:${server.port}`;
  for (const { method, path } of operations) {
    const url = `${base}${path.replace(/\{\w+\}/g, "x")}`;
    const { status } = await fetch(url, { method, ...(method === "POST" ? { body: "" } : {}) });
    expect([path, [404, 405, 500].includes(status) && !path.includes("{token}")]).toEqual([
      path,
      false,
    ]);
    const other = await fetch(url, { method: "DELETE" });
    const allowed = other.headers.get("Allow")?.split(", ") ?? [];
    expect([path, other.status, allowed.includes(method)]).toEqual([path, 405, true]);
  }
  await server.stop();
});

test("the page is styled by the style that its policy allows, and by nothing else", async () => {
  const server = startLocalServer();
  const response = await fetch(`http://127.0.0.1:${server.port}/docs`);
  const page = await response.text();
  const [, style = ""] = /<style>(.*?)<\/style>/s.exec(page) ?? [];
  const hash = new Bun.CryptoHasher("sha256").update(style).digest("base64");
  const policy = response.headers.get("Content-Security-Policy");
  expect(policy).toStartWith(`default-src 'none'; style-src 'sha256-${hash}';`);
  expect(page).not.toMatch(/ style=| on\w+=/);
  await server.stop();
});

test("without a body HEAD answers what GET does", async () => {
  const server = startLocalServer();
  const base = `http://127.0.0.1:${server.port}`;
  const headOf = async (path: string) => {
    const head = await fetch(`${base}${path}`, { method: "HEAD" });
    const { status, headers } = head;
    return { status, length: headers.get("Content-Length"), body: await head.text() };
  };
  for (const path of ["/healthz", "/docs", "/openapi.json", "/v1/sessions?tenant_id=a", "/none"]) {
    const { status, headers } = await fetch(`${base}${path}`);
    const length = headers.get("Content-Length");
    expect(Number(length)).toBeGreaterThan(0);
    expect([path, await headOf(path)]).toEqual([path, { status, length, body: "" }]);
  }
  const stream = "/v1/events/stream?tenant_id=a";
  expect(await headOf(stream)).toEqual({ status: 200, length: null, body: "" });
  await server.stop();
});
