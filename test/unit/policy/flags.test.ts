import { describe, expect, test } from "bun:test";
import { printCapabilities } from "../../../src/policy/cedar/print.ts";
import { prepareDecider } from "../../../src/policy/decide.ts";
import {
  type FlagContext,
  flagsToCapabilities,
  type PolicyFlags,
} from "../../../src/policy/flags.ts";
import { attemptOf, cedarSource, compiled } from "../../support/policies.ts";

const none: PolicyFlags = {
  read: [],
  write: [],
  deny: [],
  net: [],
  denyNet: [],
  listen: [],
  exec: [],
};
const context: FlagContext = {
  directory: "/home/ada/project",
  home: "/home/ada",
  realPath: (path) => ({ "/var/link": "/srv/target", "/data/a*b": "/data/a*b" })[path],
  findProgram: (name) => ({ git: ["/usr/bin/git"], "/ws/tool": ["/ws/tool"] })[name] ?? [],
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
    [{ read: ["/data/a*b"] }, "FileRead /data/a*b/x", "allow"],
    [{ read: ["/data/a*b"] }, "FileRead /data/axb", "deny"],
    [{ write: ["./$x"] }, "FileWrite /home/ada/project/$x", "allow"],
    [{ write: ["/data"] }, "FileRead /data/x", "allow"],
    [{ write: ["/data"] }, "FileDelete /data/x", "allow"],
    [{ write: ["/data"] }, "DirCreate /data/x", "allow"],
    [{ write: ["/data"] }, "ProcessSpawn /data/x", "deny"],
    [{ exec: ["git"] }, "ProcessSpawn /usr/bin/git", "allow"],
    [{ exec: ["git"] }, "FileRead /usr/bin/git", "allow"],
    [{ exec: ["git"] }, "ProcessSpawn /usr/bin/git2", "deny"],
    [{ exec: ["git"], write: ["/"] }, "FileWrite /usr/bin/git", "deny"],
    [{ exec: ["git"], write: ["/"] }, "FileDelete /usr/bin/git", "deny"],
    [{ exec: ["git"], write: ["/"] }, "FileWrite /usr/bin/git2", "allow"],
    [{ exec: ["git", "/ws/tool"] }, "ProcessSpawn /ws/tool", "allow"],
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
    [{ net: ["example.com"] }, "NetConnect udp:example.com:80", "deny"],
    [{ net: [":443"] }, "NetConnect udp:example.com:443", "deny"],
    [{ net: ["all"] }, "NetConnect udp:example.com:80", "allow"],
    [{ net: ["udp:example.com:53"] }, "NetConnect udp:example.com:53", "allow"],
    [{ net: ["udp:example.com:53"] }, "NetConnect example.com:53", "deny"],
    [{ net: ["udp::53"] }, "NetConnect udp:10.0.0.1:53", "allow"],
    [{ net: ["udp:all"] }, "NetConnect udp:10.0.0.1:54", "allow"],
    [{ net: ["udp:all"] }, "NetConnect 10.0.0.1:54", "deny"],
    [{ net: ["icmp:192.0.2.1"] }, "NetConnect icmp:192.0.2.1", "allow"],
    [{ net: ["icmp:192.0.2.1"] }, "NetConnect 192.0.2.1:443", "deny"],
    [{ net: ["EXAMPLE.com.:443"] }, "NetConnect example.com:443", "allow"],
    [{ net: ["bücher.example"] }, "NetConnect xn--bcher-kva.example:443", "allow"],
    [{ net: ["0x0a000001"] }, "NetConnect 10.0.0.1:443", "allow"],
    [{ net: ["[::ffff:10.0.0.1]:443"] }, "NetConnect 10.0.0.1:443", "allow"],
    [{ net: ["*.example.com"] }, "NetConnect a.b.example.com:443", "allow"],
    [{ net: ["*.example.com"] }, "NetConnect example.com:443", "deny"],
    [{ net: ["*.example.com"] }, "NetConnect badexample.com:443", "deny"],
    [{ net: ["*.example.com:443"] }, "NetConnect a.example.com:80", "deny"],
    [{ net: ["*.bücher.example"] }, "NetConnect a.xn--bcher-kva.example:80", "allow"],
    [{ net: ["10.0.0.0/8"] }, "NetConnect 10.200.0.1:22", "allow"],
    [{ net: ["10.0.0.0/8"] }, "NetConnect 11.0.0.1:22", "deny"],
    [{ net: ["10.0.0.0/8:443"] }, "NetConnect 10.200.0.1:22", "deny"],
    [{ net: ["10.0.0.0/8:443"] }, "NetConnect 10.200.0.1:443", "allow"],
    [{ net: ["10.0.0.7/32"] }, "NetConnect 10.0.0.7:443", "allow"],
    [{ net: ["2001:db8::/32"] }, "NetConnect [2001:db8:1::]:22", "allow"],
    [{ net: ["[2001:db8::/32]:443"] }, "NetConnect [2001:db8:1::]:443", "allow"],
    [{ net: ["[2001:db8::/32]:443"] }, "NetConnect [2001:db8:1::]:22", "deny"],
    [{ net: ["localhost:5432"] }, "NetConnect 127.0.0.1:5432", "allow"],
    [{ net: ["localhost:5432"] }, "NetConnect [::1]:5432", "allow"],
    [{ net: ["localhost:5432"] }, "NetConnect localhost:5432", "allow"],
    [{ net: ["localhost:5432"] }, "NetConnect 127.0.0.1:5433", "deny"],
    [{ net: ["localhost:5432"] }, "NetConnect 127.0.0.2:5432", "deny"],
    [{ net: ["unix:/run/x.sock"] }, "FileWrite /run/x.sock", "allow"],
    [{ net: ["unix:/run/x.sock"] }, "FileRead /run/x.sock", "deny"],
    [{ net: ["unix:run/x"] }, "FileWrite /home/ada/project/run/x", "allow"],
    [{ net: ["all"], denyNet: ["example.com"] }, "NetConnect example.com:443", "deny"],
    [{ net: ["all"], denyNet: ["example.com"] }, "NetConnect udp:example.com:443", "deny"],
    [{ net: ["all"], denyNet: ["example.com"] }, "NetConnect www.example.com:443", "allow"],
    [{ net: ["all"], denyNet: ["*.example.com"] }, "NetRequest https://a.example.com/", "deny"],
    [{ net: ["all"], denyNet: ["10.0.0.0/8"] }, "NetConnect 10.1.1.1:443", "deny"],
    [{ net: ["all"], denyNet: ["10.0.0.0/8"] }, "NetConnect 11.1.1.1:443", "allow"],
    [{ net: ["all"], denyNet: [":25"] }, "NetConnect example.com:25", "deny"],
    [{ net: ["all"], denyNet: ["udp:all"] }, "NetConnect udp:example.com:443", "deny"],
    [{ net: ["all"], denyNet: ["udp:all"] }, "NetConnect example.com:443", "allow"],
    [{ net: ["all"], denyNet: ["localhost"] }, "NetConnect 127.9.9.9:80", "deny"],
    [{ net: ["all"], denyNet: ["localhost"] }, "NetConnect [::1]:80", "deny"],
    [{ net: ["all"], denyNet: ["all"] }, "NetConnect example.com:443", "deny"],
    [{ net: ["all"], denyNet: ["all"] }, "NetBind 0.0.0.0:443", "deny"],
    [{ write: ["/run"], denyNet: ["unix:/run/x"] }, "FileWrite /run/x", "deny"],
    [{ write: ["/run"], denyNet: ["unix:/run/x"] }, "FileWrite /run/y", "allow"],
    [{ listen: ["8080"] }, "NetBind udp:0.0.0.0:8080", "deny"],
    [{ listen: ["udp:8080"] }, "NetBind udp:0.0.0.0:8080", "allow"],
    [{ listen: ["[::1]:8080"] }, "NetBind [::1]:8080", "allow"],
    [{ listen: ["localhost:8080"] }, "NetBind 127.0.0.1:8080", "allow"],
    [{ listen: ["localhost:8080"] }, "NetBind 0.0.0.0:8080", "deny"],
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
    [{ read: ["/data/*"] }, 'Cannot read "--read /data/*": it takes no patterns'],
    [{ write: ["src/**"] }, 'Cannot read "--write src/**": it takes no patterns'],
    [
      { deny: ["$workspace/x"] },
      'Cannot read "--deny $workspace/x": it starts with a "$" that no shell filled in',
    ],
    [
      { read: ["$HOME"] },
      'Cannot read "--read $HOME": it starts with a "$" that no shell filled in',
    ],
    [
      { net: ["unix:$XDG_RUNTIME_DIR/x"] },
      'Cannot read "--net unix:$XDG_RUNTIME_DIR/x": it starts with a "$" that no shell filled in',
    ],
    [{ deny: [""] }, 'Cannot read "--deny ": it is no path or pattern'],
    [{ deny: ["/s\ufffd"] }, 'Cannot read "--deny /s\ufffd": it has bytes that are no text'],
    [{ deny: ["*\ufffdff"] }, 'Cannot read "--deny *\ufffdff": it has bytes that are no text'],
    [{ read: ["\ufffd"] }, 'Cannot read "--read \ufffd": it has bytes that are no text'],
    [{ write: ["/\ufffd/a"] }, 'Cannot read "--write /\ufffd/a": it has bytes that are no text'],
    [{ net: ["unix:/\ufffd"] }, 'Cannot read "--net unix:/\ufffd": it has bytes that are no text'],
    [{ exec: ["/\ufffd"] }, 'Cannot read "--exec /\ufffd": it has bytes that are no text'],
    [{ deny: ["a?b"] }, 'Cannot read "--deny a?b": it is no path or pattern'],
    [{ deny: ["[ab]"] }, 'Cannot read "--deny [ab]": it is no path or pattern'],
    [{ net: ["8080"] }, 'Cannot read "--net 8080": it is no host or port'],
    [{ net: [":0"] }, 'Cannot read "--net :0": it names the port 0'],
    [{ net: ["a:65536"] }, 'Cannot read "--net a:65536": it names the port 65536'],
    [{ net: ["a:"] }, 'Cannot read "--net a:": it is no host or port'],
    [{ net: [""] }, 'Cannot read "--net ": it is no host or port'],
    [{ net: ["a\nb"] }, 'Cannot read "--net a\nb": it is no host or port'],
    [{ net: ["*"] }, 'Cannot read "--net *": it is no pattern of names'],
    [{ net: ["a.*.b"] }, 'Cannot read "--net a.*.b": it is no pattern of names'],
    [{ net: ["*.0.0.1"] }, 'Cannot read "--net *.0.0.1": it is no pattern of names'],
    [{ net: ["10.0.0.1/8"] }, 'Cannot read "--net 10.0.0.1/8": it has bits beyond its range'],
    [{ net: ["10.0.0.0/33"] }, 'Cannot read "--net 10.0.0.0/33": it is no range of addresses'],
    [{ net: ["a.example/8"] }, 'Cannot read "--net a.example/8": it is no range of addresses'],
    [{ net: ["[example.com]:1"] }, 'Cannot read "--net [example.com]:1": it is no host or port'],
    [{ net: ["fe80::1%eth0"] }, 'Cannot read "--net fe80::1%eth0": it is no host or port'],
    [{ net: ["udp:53"] }, 'Cannot read "--net udp:53": it is no host or port'],
    [{ net: ["udp:none"] }, 'Cannot read "--net udp:none": it is no host or port'],
    [{ denyNet: ["none"] }, 'Cannot read "--deny-net none": it is no host or port'],
    [{ listen: ["icmp:80"] }, 'Cannot read "--listen icmp:80": it is no port'],
    [{ net: ["icmp:a:80"] }, 'Cannot read "--net icmp:a:80": it names a port, which ICMP has not'],
    [{ net: ["unix:"] }, 'Cannot read "--net unix:": it is no path'],
    [{ denyNet: ["a b"] }, 'Cannot read "--deny-net a b": it is no host or port'],
    [{ listen: ["example.com:80"] }, 'Cannot read "--listen example.com:80": it is no port'],
    [{ listen: ["10.0.0.0/8:80"] }, 'Cannot read "--listen 10.0.0.0/8:80": it is no port'],
    [{ net: ["https://a/"] }, 'Cannot read "--net https://a/": it is no host or port'],
    [{ net: ["none", "all"] }, '"--net none" contradicts the other --net flags'],
    [{ listen: ["a"] }, 'Cannot read "--listen a": it is no port'],
    [{ listen: ["99999"] }, 'Cannot read "--listen 99999": it names the port 99999'],
    [
      { listen: ["x"], net: [":x"] },
      'Cannot read "--net :x": it is no host or port; Cannot read "--listen x": it is no port',
    ],
  ];
  for (const [flags, message] of rows) {
    test(JSON.stringify(message), () => expect(() => permitted(flags)).toThrow(message));
  }
});
