// Which names a server answers to, and which pages.

import { describe, expect, test } from "bun:test";
import {
  foreignHost,
  foreignPage,
  ownHosts,
  readHostNames,
} from "../../../../src/app/serve/own-hosts.ts";

const named = readHostNames([
  ...["Aegis.Example.", "other.example:8443"],
  ...["plain.example:80", "tls.example:443"],
]);
const guarded = ownHosts("0.0.0.0", { port: 8080, named, isGuarded: true });
const open = ownHosts("127.0.0.1", { port: 8080, named, isGuarded: false });

function host(text: string | undefined, of = guarded): boolean {
  const headers = new Headers(text === undefined ? {} : { Host: text });
  return foreignHost(headers, of) === undefined;
}

describe("a host", () => {
  test.each([
    ["localhost:8080", true, true],
    ["LOCALHOST", true, true],
    ["127.0.0.1:8080", true, true],
    ["[::1]:8080", true, true],
    ["aegis.example", true, true],
    ["AEGIS.example:9000", true, true],
    ["other.example:8443", true, true],
    // Clients leave the port out where it is their scheme's.
    ["plain.example", true, true],
    ["plain.example:80", true, true],
    ["plain.example:8080", false, false],
    ["tls.example", true, true],
    ["tls.example:443", true, true],
    ["tls.example:80", false, false],
    // Where a page has no key, it may be reached through another port, and by any address.
    ["localhost:9000", true, false],
    ["10.1.2.3:9000", true, false],
    ["[fe80::1]", true, false],
    [undefined, true, false],
    ["other.example", false, false],
    ["evil.example", false, false],
    ["aegis.example.evil.example", false, false],
    ["evil-aegis.example", false, false],
    ["aegis.example@evil.example", false, false],
    ["localhost:8080:8080", false, false],
    ["%", false, false],
  ])("%s is served with keys: %p, without: %p", (text, withKeys, without) => {
    expect([host(text), host(text, open)]).toEqual([withKeys, without]);
  });

  test("that is refused is told what would allow it", () => {
    expect(foreignHost(new Headers({ Host: "evil.example" }), guarded)).toBe(
      'host "evil.example" is not served here; the server has to be started with --host "evil.example"',
    );
    expect(foreignHost(new Headers(), open)).toBe("the request names no host");
  });

  test.each(["", "a b", "http://a", "a:99999", "*"])("%p cannot be configured", (text) => {
    expect(() => readHostNames([text])).toThrow("is no NAME[:PORT]");
  });
});

describe("a page", () => {
  const own = { Host: "aegis.example" };
  const tls = { Host: "tls.example" };
  const link = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" };
  const site = (text: string, more: object = {}) => ({ ...own, "Sec-Fetch-Site": text, ...more });
  const rows: readonly (readonly [string, boolean, object, string?])[] = [
    ["none at all: a program", true, own],
    ["our own, behind a proxy with TLS", true, { ...own, Origin: "https://aegis.example" }],
    ["our own, by an address", true, { Host: "10.1.2.3:9", Origin: "http://10.1.2.3:9" }],
    ["our own, by another name of this machine", true, { ...own, Origin: "http://[::1]:8080" }],
    [
      "our own, that a proxy sends on by its own name",
      true,
      {
        Host: "127.0.0.1:8080",
        Origin: "https://aegis.example",
      },
    ],
    ["our own, as browsers say it", true, site("same-origin")],
    ["a line that somebody typed", true, site("none")],
    ["a link that somebody followed", true, site("cross-site", link)],
    ["our own, by its scheme's port", true, { ...tls, Origin: "https://tls.example" }],
    ["our own, sent on by another name", true, { ...own, Origin: "http://plain.example" }],
    ["of another scheme's port of our name", false, { ...own, Origin: "http://tls.example" }],
    ["of another host", false, { ...own, Origin: "https://evil.example" }],
    ["of another port of this machine", false, { ...own, Origin: "http://localhost:3000" }],
    ["of this machine's web server", false, { ...own, Origin: "http://localhost" }],
    ["of another port of our name", false, { ...own, Origin: "https://aegis.example:3000" }],
    ["of nowhere", false, { ...own, Origin: "null" }],
    ["of a file", false, { ...own, Origin: "file://" }],
    ["of another host, that is fetched without an origin", false, site("cross-site")],
    ["of another port, that is fetched without an origin", false, site("same-site")],
    ["in a frame", false, site("cross-site", { ...link, "Sec-Fetch-Dest": "iframe" })],
    ["that sends a form", false, site("cross-site", link), "POST"],
    ["that says what no browser says", false, site("elsewhere")],
  ];
  test.each(rows)("%s: %p", (_, isOurs, headers, method = "GET") => {
    const request = { method, headers: new Headers(headers as Record<string, string>) };
    expect(foreignPage(request, guarded)).toBe(
      isOurs ? undefined : "requests of other pages are not answered",
    );
  });
});
