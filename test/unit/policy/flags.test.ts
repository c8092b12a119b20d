import { describe, expect, test } from "bun:test";
import { printCapabilities } from "../../../src/policy/cedar/print.ts";
import { prepareDecider } from "../../../src/policy/decide.ts";
import {
  type FlagContext,
  flagsToCapabilities,
  type PolicyFlags,
} from "../../../src/policy/flags.ts";
import { attemptOf, cedarSource, compiled } from "../../support/policies.ts";

const none: PolicyFlags = { read: [], write: [], deny: [], net: [], listen: [] };
const context: FlagContext = {
  directory: "/home/ada/project",
  home: "/home/ada",
  realPath: (path) => (path === "/var/link" ? "/srv/target" : undefined),
};

function permitted(flags: Partial<PolicyFlags>) {
  const result = flagsToCapabilities({ ...none, ...flags }, context);
  if (!result.ok) throw new Error(result.error.map(({ message }) => message).join("; "));
  return result.value;
}

describe("flags grant what they name", () => {
  const rows: readonly [Partial<PolicyFlags>, string, "allow" | "deny"][] = [
    [{ read: ["/data"] }, "FileRead /data/x", "allow"],
    [{ read: ["/data"] }, "DirList /data", "allow"],
    [{ read: ["/data"] }, "FileWrite /data/x", "deny"],
    [{ read: ["/data"] }, "FileRead /database", "deny"],
    [{ read: ["/data"] }, "ProcessSpawn /data/x", "deny"],
    [{ read: ["sub/../other/"] }, "FileRead /home/ada/project/other/x", "allow"],
    [{ read: ["~/notes"] }, "FileRead /home/ada/notes", "allow"],
    [{ read: ["~"] }, "FileRead /home/ada/x", "allow"],
    [{ read: ["/var/link"] }, "FileRead /srv/target/x", "allow"],
    [{ read: ["/"] }, "FileRead /anything", "allow"],
    [{ write: ["/data"] }, "FileRead /data/x", "allow"],
    [{ write: ["/data"] }, "FileDelete /data/x", "allow"],
    [{ write: ["/data"] }, "DirCreate /data/x", "allow"],
    [{ write: ["/data"] }, "ProcessSpawn /data/x", "deny"],
    [{ read: ["/"], deny: ["/etc"] }, "FileRead /etc/hosts", "deny"],
    [{ read: ["/"], deny: ["/etc"] }, "FileRead /etc2", "allow"],
    [{ read: ["/"], deny: ["/var/link"] }, "FileRead /srv/target/x", "deny"],
    [{ read: ["/"], deny: ["*.key"] }, "FileRead /home/ada/project/a/b.key", "deny"],
    [{ read: ["/"], deny: ["*.key"] }, "FileRead /home/ada/project/d.key/x", "deny"],
    [{ read: ["/"], deny: ["*.key"] }, "FileRead /elsewhere/b.key", "allow"],
    [{ read: ["/"], deny: ["/**/.env"] }, "FileRead /a/b/.env", "deny"],
    [{ read: ["/"], deny: ["/**/.env"] }, "FileRead /.env", "deny"],
    [{ read: ["/"], deny: ["**/.env"] }, "FileRead /home/ada/project/.env", "deny"],
    [{ read: ["/"], deny: ["**/.env"] }, "FileRead /home/ada/project/a/b/.env", "deny"],
    [{ read: ["/"], deny: ["**/.env"] }, "FileRead /home/ada/project/x.env", "allow"],
    [{ read: ["/"], deny: ["**/*.pem"] }, "FileRead /home/ada/project/x.pem", "deny"],
    [
      { read: ["/"], deny: ["src/**/gen/**/*.c"] },
      "FileRead /home/ada/project/src/gen/x.c",
      "deny",
    ],
    [{ read: ["/"], deny: ["src/**/gen/**/*.c"] }, "FileRead /home/ada/project/src/a.c", "allow"],
    [{ read: ["/"], deny: ["/a*b/c"] }, "FileRead /a/x/b/c", "deny"],
    [{ read: ["/"], deny: ["/secret*"] }, "FileRead /secrets/x", "deny"],
    [{ net: ["all"] }, "NetConnect example.com:443", "allow"],
    [{ net: ["all"] }, "NetBind 0.0.0.0:80", "allow"],
    [{ net: ["none"] }, "NetConnect example.com:443", "deny"],
    [{ net: [":443"] }, "NetConnect example.com:443", "allow"],
    [{ net: [":443"] }, "NetConnect example.com:80", "deny"],
    [{ net: ["Example.com"] }, "NetConnect example.com:80", "allow"],
    [{ net: ["example.com"] }, "NetRequest https://example.com/x", "allow"],
    [{ net: ["example.com"] }, "NetConnect www.example.com:80", "deny"],
    [{ net: ["example.com:443"] }, "NetConnect example.com:80", "deny"],
    [{ net: ["example.com:443"] }, "NetBind example.com:443", "deny"],
    [{ net: ["[::1]:8080"] }, "NetConnect [::1]:8080", "allow"],
    [{ net: ["::1"] }, "NetConnect [::1]:8080", "allow"],
    [{ listen: ["8080"] }, "NetBind 0.0.0.0:8080", "allow"],
    [{ listen: ["8080"] }, "NetConnect 0.0.0.0:8080", "deny"],
    [{ listen: ["127.0.0.1:8080"] }, "NetBind 127.0.0.1:8080", "allow"],
    [{ listen: ["127.0.0.1:8080"] }, "NetBind 0.0.0.0:8080", "deny"],
  ];
  for (const [flags, what, outcome] of rows) {
    test(`${JSON.stringify(flags)}: ${what} is answered "${outcome}"`, async () => {
      const capabilities = permitted(flags);
      const attempt = attemptOf(what);
      expect(prepareDecider(capabilities).decide(attempt).outcome).toBe(outcome);
      const printed = await compiled([cedarSource(printCapabilities(capabilities), "flags")]);
      expect(prepareDecider(printed.capabilities).decide(attempt).outcome).toBe(outcome);
    });
  }
  test("and say which one it was", () => {
    const { capabilities } = permitted({ read: ["/a"], write: ["/b"], deny: ["/c"], net: ["all"] });
    expect(capabilities.map(({ origin }) => origin.rule)).toEqual([
      "flag:--read",
      "flag:--write",
      "flag:--deny",
      "flag:--net",
    ]);
  });
});

describe("flags that cannot be read are refused, all at once", () => {
  const rows: readonly [Partial<PolicyFlags>, string][] = [
    [{ read: [""] }, 'Cannot read "--read ": it is no path'],
    [{ write: ["a\0b"] }, 'Cannot read "--write a\0b": it is no path'],
    [{ deny: [""] }, 'Cannot read "--deny ": it is no path or pattern'],
    [{ deny: ["a?b"] }, 'Cannot read "--deny a?b": it is no path or pattern'],
    [{ deny: ["[ab]"] }, 'Cannot read "--deny [ab]": it is no path or pattern'],
    [{ net: ["8080"] }, 'Cannot read "--net 8080": it is no host or port'],
    [{ net: [":0"] }, 'Cannot read "--net :0": it is no host or port'],
    [{ net: ["a:65536"] }, 'Cannot read "--net a:65536": it is no host or port'],
    [{ net: ["https://a/"] }, 'Cannot read "--net https://a/": it is no host or port'],
    [{ net: ["none", "all"] }, '"--net none" contradicts the other --net flags'],
    [{ listen: ["a"] }, 'Cannot read "--listen a": it is no port'],
    [{ listen: ["99999"] }, 'Cannot read "--listen 99999": it is no port'],
    [
      { listen: ["x"], net: [":x"] },
      'Cannot read "--net :x": it is no host or port; Cannot read "--listen x": it is no port',
    ],
  ];
  for (const [flags, message] of rows) {
    test(JSON.stringify(message), () => expect(() => permitted(flags)).toThrow(message));
  }
});
