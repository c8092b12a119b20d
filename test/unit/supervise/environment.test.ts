// What a box's environment holds, and what is kept out of it.

import { describe, expect, test } from "bun:test";
import { boxEnvironment, observedEnvironment } from "../../../src/supervise/environment.ts";

const secrets = [
  ["a token by name", "GITHUB_TOKEN", "x"],
  ["a token in the middle of a name", "MY_TOKEN_FILE", "x"],
  ["an API key", "ANTHROPIC_API_KEY", "x"],
  ["an API key in one word", "OPENAI_APIKEY", "x"],
  ["an access key id's secret", "AWS_SECRET_ACCESS_KEY", "x"],
  ["a password", "PGPASSWORD", "x"],
  ["a database address", "DATABASE_URL", "x"],
  ["a key by its value", "HARMLESS", "sk-ant-0123456789"],
  ["a GitHub key by its value", "SOMETHING", "ghp_0123456789abcdefghijklmnopqrstuvwxyz"],
  ["a JSON web token", "SOMETHING", "eyJhbGciOiJIUzI1NiJ9.e30.x"],
  ["a private key", "SOMETHING", "-----BEGIN OPENSSH PRIVATE KEY-----"],
  ["a password in an address", "PROXY", "http://user:word@proxy.example:8080"],
  ["the ssh agent", "SSH_AUTH_SOCK", "/tmp/agent"],
  ["the display", "WAYLAND_DISPLAY", "wayland-0"],
  ["the session bus", "DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1/bus"],
  ["the terminal multiplexer", "TMUX", "/tmp/tmux-0/default,1,0"],
] as const;

const harmless = [
  ["the path", "PATH", "/usr/bin:/bin"],
  ["the language", "LANG", "C.UTF-8"],
  ["the terminal's kind", "TERM", "xterm"],
  ["a keyboard", "KEYBOARD_LAYOUT", "de"],
  ["an author", "GIT_AUTHOR_NAME", "Ada"],
  ["a path that begins like a key", "TOOL", "skeleton"],
  ["an address without a password", "HOMEPAGE", "https://example.com/a@b"],
] as const;

describe("boxEnvironment()", () => {
  test.each(secrets)("keeps out %s and names it", (_, name, value) => {
    expect(boxEnvironment({ [name]: value }, [], {})).toEqual({ variables: [], removed: [name] });
  });

  test.each(secrets)("passes on %s when it is granted", (_, name, value) => {
    const granted = boxEnvironment({ [name]: value }, [{ name, value: undefined }], {});
    expect(granted).toEqual({ variables: [`${name}=${value}`], removed: [] });
  });

  test.each(harmless)("passes on %s", (_, name, value) => {
    expect(boxEnvironment({ [name]: value }, [], {}).variables).toEqual([`${name}=${value}`]);
  });

  test.each(["LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "BUN_OPTIONS", "AEGIS_HOME"])(
    "drops %s without a word, because it steers programs and is no secret",
    (name) => {
      expect(boxEnvironment({ [name]: "x" }, [], {})).toEqual({ variables: [], removed: [] });
    },
  );

  test("lets fixed variables win over the parent's and grants over both", () => {
    const parent = { TMPDIR: "/var/tmp", PWD: "/" };
    const grants = [{ name: "PWD", value: "/granted" }];
    const fixed = { TMPDIR: "/tmp", PWD: "/fixed" };
    expect(boxEnvironment(parent, grants, fixed).variables).toEqual([
      "PWD=/granted",
      "TMPDIR=/tmp",
    ]);
  });
});

test("observedEnvironment() changes nothing but what would steer aegis' own helper", () => {
  const parent = { GITHUB_TOKEN: "x", LD_PRELOAD: "y", BUN_OPTIONS: "z" };
  expect(observedEnvironment(parent, []).variables).toEqual(["GITHUB_TOKEN=x", "LD_PRELOAD=y"]);
});
