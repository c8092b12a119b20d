// What a box's environment holds, and what is kept out of it.

import { describe, expect, test } from "bun:test";
import { boxEnvironment, observedEnvironment } from "../../../src/supervise/environment.ts";

const secrets = [
  ["a token by name", "GITHUB_TOKEN", "x"],
  ["a token in the middle of a name", "MY_TOKEN_FILE", "x"],
  ["a token in a name of capitals and small letters", "githubToken", "x"],
  ["a package manager's token", "npm_config_//registry.example/:_authToken", "x"],
  ["several tokens", "ACCESS_TOKENS", "abc,def"],
  ["an API key", "ANTHROPIC_API_KEY", "x"],
  ["an API key in one word", "OPENAI_APIKEY", "x"],
  ["an API key with a small letter", "apiKey", "x"],
  ["an access key id", "AWS_ACCESS_KEY_ID", "x"],
  ["an access key id's secret", "AWS_SECRET_ACCESS_KEY", "x"],
  ["a session token", "AWS_SESSION_TOKEN", "x"],
  ["a file of credentials", "GOOGLE_APPLICATION_CREDENTIALS", "/home/me/key.json"],
  ["a password", "PGPASSWORD", "x"],
  ["a short password's name", "DB_PASS", "x"],
  ["a password called pwd", "MYSQL_ROOT_PWD", "x"],
  ["a database address", "DATABASE_URL", "x"],
  ["a connection string", "AZURE_STORAGE_CONNECTION_STRING", "x"],
  ["a web hook", "SLACK_WEBHOOK_URL", "https://hooks.example/T0/B0/x"],
  ["a collector's key", "OTEL_EXPORTER_OTLP_HEADERS", "x-team=abc"],
  ["a collector's key for traces", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-team=abc"],
  ["an error tracker's address", "SENTRY_DSN", "https://example.com/1"],
  ["a key by its value", "HARMLESS", "sk-ant-0123456789"],
  ["a payment key by its value", "HARMLESS", "sk_live_0123456789abcdef"],
  ["a GitHub key by its value", "SOMETHING", "ghp_0123456789abcdefghijklmnopqrstuvwxyz"],
  ["a GitHub login by its value", "SOMETHING", "gho_0123456789abcdefghijklmnopqrstuvwxyz"],
  ["a fine-grained GitHub key", "SOMETHING", "github_pat_0123456789abcdefghij_x"],
  ["a GitLab key by its value", "SOMETHING", "glpat-0123456789abcdefghij"],
  ["a chat key by its value", "SOMETHING", "xoxb-0123456789-abcdef"],
  ["an AWS key by its value", "SOMETHING", "AKIAIOSFODNN7EXAMPLE"],
  ["a temporary AWS key by its value", "SOMETHING", "ASIAIOSFODNN7EXAMPLE"],
  ["a Google key by its value", "SOMETHING", "AIzaSyA0123456789abcdefghijklmnopqrstu"],
  ["a model hub's key by its value", "SOMETHING", "hf_abcdefghijklmnopqrstuvwxyz"],
  ["a key inside a longer value", "HEADERS", "Authorization: Bearer ghp_0123456789abcdefghij"],
  ["a header", "HTTP_AUTHORIZATION", "Basic eA=="],
  ["a Groq key by its value", "SOMETHING", "gsk_abcdefghijklmnopqrstuvwx"],
  ["an xAI key by its value", "SOMETHING", "xai-abcdefghijklmnopqrstuvwx"],
  ["a registry's key by its value", "SOMETHING", "dckr_pat_abcdefghijklmnopqrst"],
  ["a tracker's key by its value", "SOMETHING", "lin_api_abcdefghijklmnopqrst"],
  ["a shop's key by its value", "SOMETHING", "sq0atp-abcdefghijklmnopqrstuv"],
  ["a bot's key by its value", "SOMETHING", "123456789:AAabcdefghijklmnopqrstuvwxyz-_01234"],
  ["a chat's address", "NOTIFY", "https://hooks.slack.com/services/T0/B0/abcdef"],
  ["another chat's address", "NOTIFY", "https://discord.com/api/webhooks/123/abcdef"],
  ["a signed address", "BLOB", "https://a.blob.example/c?sv=1&sig=abcdef%3D"],
  ["an account's key", "STORE", "AccountName=a;AccountKey=abcdefgh==;EndpointSuffix=x"],
  ["a password among an address's members", "DB", "jdbc:postgresql://h/d?user=a&password=abcdef"],
  ["a JSON web token", "SOMETHING", "eyJhbGciOiJIUzI1NiJ9.e30.x"],
  ["a private key", "SOMETHING", "-----BEGIN OPENSSH PRIVATE KEY-----"],
  ["a private key without its kind", "SOMETHING", "x\n-----BEGIN PRIVATE KEY-----\n"],
  ["a password in an address", "PROXY", "http://user:word@proxy.example:8080"],
  ["a password without a user", "CACHE", "redis://:word@cache.example:6379/0"],
  ["a token as a user", "REMOTE", "https://0123456789abcdef01234567@git.example/x.git"],
  ["randomness under a hinting name", "APP_SESSION", "q8Zr1xT0vB7nKd42LmPw"],
  ["hex under a hinting name", "STORE_SALT", "9f86d081884c7d659a2feaa0c55ad015"],
  ["the ssh agent", "SSH_AUTH_SOCK", "/tmp/agent"],
  ["the gpg agent", "GPG_AGENT_INFO", "/tmp/agent:1:1"],
  ["the display", "WAYLAND_DISPLAY", "wayland-0"],
  ["the X display", "DISPLAY", ":0"],
  ["the X display's key", "XAUTHORITY", "/home/me/.Xauthority"],
  ["the session bus", "DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1/bus"],
  ["the terminal multiplexer", "TMUX", "/tmp/tmux-0/default,1,0"],
  ["the other multiplexer", "STY", "1.pts-0.host"],
  ["the editor", "VSCODE_IPC_HOOK_CLI", "/run/user/1/vscode.sock"],
  ["containers of the host", "DOCKER_HOST", "unix:///run/docker.sock"],
  ["a library for every program", "LD_PRELOAD", "/tmp/x.so"],
  ["a library on a Mac", "DYLD_INSERT_LIBRARIES", "/tmp/x.dylib"],
  ["what steers this program", "BUN_OPTIONS", "--preload=x"],
  ["a module for every node", "NODE_OPTIONS", "--max-old-space-size=4096 --require /tmp/x.js"],
  ["a debugger for every node", "NODE_OPTIONS", "--inspect=0.0.0.0:9229"],
  ["a script for every python", "PYTHONSTARTUP", "/home/me/.pythonrc"],
  ["a script for every bash", "BASH_ENV", "/tmp/x"],
  ["a script for every sh", "ENV", "$HOME/.shrc"],
  ["a function for every bash", "BASH_FUNC_ls%%", "() { evil; }"],
  ["an option for every perl", "PERL5OPT", "-Mx"],
  ["an option for every ruby", "RUBYOPT", "-rx"],
  ["an agent in every JVM", "JAVA_TOOL_OPTIONS", "-Xmx1g -javaagent:/tmp/x.jar"],
  ["git's way to a server", "GIT_SSH_COMMAND", "ssh -i key"],
  ["another repository for git", "GIT_DIR", "/elsewhere/.git"],
  ["settings for git", "GIT_CONFIG_VALUE_0", "x"],
] as const;

const lsColors = "di=01;34:ln=01;36:mh=00:pi=40;33:*.tar=01;31:*.tgz=01;31:".repeat(30);

const harmless = [
  ["the path", "PATH", "/usr/bin:/bin"],
  ["the home", "HOME", "/home/me"],
  ["the shell", "SHELL", "/bin/bash"],
  ["the folder", "PWD", "/home/me/0123456789abcdef0123456789abcdef"],
  ["the folder before", "OLDPWD", "/home/me/0123456789abcdef0123456789abcdef"],
  ["the language", "LANG", "C.UTF-8"],
  ["a language that begins like a key", "LANGUAGE", "sk-SK:sk:en"],
  ["the terminal's kind", "TERM", "xterm"],
  ["the colours of ls", "LS_COLORS", lsColors],
  ["a long value of one letter", "PADDING", "a".repeat(100_000)],
  ["a long list", "LIST", "word-1,word-2,word-3,".repeat(500)],
  ["a keyboard", "KEYBOARD_LAYOUT", "de"],
  ["a monkey", "MONKEY_ISLAND", "q8Zr1xT0vB7nKd42LmPw"],
  ["an author", "GIT_AUTHOR_NAME", "Ada"],
  ["git's editor", "GIT_EDITOR", "true"],
  ["a prompt of git", "GIT_TERMINAL_PROMPT", "0"],
  ["a class path", "CLASSPATH", "/usr/share/java/a.jar:/usr/share/java/b.jar"],
  ["a path that begins like a key", "TOOL", "skeleton"],
  ["words that begin like a key", "TOOL", "sk-learn-environment-name"],
  ["an address without a password", "HOMEPAGE", "https://example.com/a@b"],
  ["an address with a port", "API_BASE", "http://localhost:8080/path?mail=a@b"],
  ["a proxy without a password", "HTTP_PROXY", "http://proxy.example:8080"],
  ["a user in an address", "REMOTE", "ssh://git@example.com/x.git"],
  ["a number of tokens", "MAX_OUTPUT_TOKENS", "32000"],
  ["a library of tokenizers", "TOKENIZERS_PARALLELISM", "false"],
  ["the stage", "ENV", "production"],
  ["memory for node", "NODE_OPTIONS", "--max-old-space-size=4096 --no-warnings"],
  ["memory for the JVM", "JAVA_TOOL_OPTIONS", "-Xmx1g"],
  ["modules of python", "PYTHONPATH", "src:lib"],
  ["a commit", "COMMIT", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"],
  ["a session's number", "XDG_SESSION_ID", "c2"],
  ["a session's id", "TERM_SESSION_ID", "w0t0p0-9f86d081884c7d659a2feaa0"],
  ["a session's kind", "DESKTOP_SESSION", "ubuntu-wayland-2404"],
  ["a certificate's path", "SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"],
  ["a public key", "SOMETHING", "-----BEGIN PUBLIC KEY-----"],
  ["a module path", "NODE_PATH", "/usr/lib/node_modules"],
  ["a pass that is none", "COMPASS_HEADING", "north"],
  ["how a secret is not named", "SECRETARY", "Ada"],
  ["a pattern", "PATTERN", "*.ts"],
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

  test("drops settings of aegis itself without a word, because no program misses them", () => {
    expect(boxEnvironment({ AEGIS_HOME: "/x" }, [], {})).toEqual({ variables: [], removed: [] });
  });

  test("takes less than 0.2 ms for 100 variables", () => {
    const rows = [...secrets, ...harmless].filter(([, , value]) => value.length < 4096);
    const parent: Record<string, string> = {};
    for (let i = 0; i < 100; i++) {
      const [, name, value] = rows[i % rows.length] ?? rows[0] ?? [];
      parent[`${name}${i < rows.length ? "" : `_${i}`}`] = value ?? "";
    }
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 200; i++) {
      const start = performance.now();
      boxEnvironment(parent, [], {});
      best = Math.min(best, performance.now() - start);
    }
    expect(best).toBeLessThan(0.2);
  });

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
