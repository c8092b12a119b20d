// How a variable is recognised that should not enter a box: by its name, by its value, or by both
// together. Patterns are compiled once and bounded, because a value may be long and is whatever the
// person's session holds.

/** Words that make a name a secret's. */
const secretWords = new Set(
  `TOKEN SECRET SECRETS PASSWORD PASSWD PASSPHRASE PASSCODE PASS CREDENTIAL CREDENTIALS CRED CREDS
  APIKEY APIKEYS COOKIE COOKIES PAT AUTH JWT BEARER MNEMONIC OTP WEBHOOK DSN KEYFILE KEYTAB HTPASSWD
  PGPASSWORD SSHPASS GOAUTH AUTHORIZATION`.split(/\s+/),
);

/** Words that do so before KEY or KEYS; also where the two are written as one. */
const keyKinds = new Set(
  `API ACCESS PRIVATE SECRET SIGNING ENCRYPTION SSH GPG DEPLOY ACCOUNT MASTER SERVICE CLIENT APP
  LICENSE STORAGE SHARED`.split(/\s+/),
);

const secretNames = new Set([
  "MYSQL_PWD",
  "DATABASE_URL",
  "REDIS_URL",
  "MONGODB_URI",
  "AMQP_URL",
  "CONNECTION_STRING",
  "CONN_STR",
  // Where traces and their like are sent with a key of whoever collects them.
  "OTLP_HEADERS",
  "TRACES_HEADERS",
  "METRICS_HEADERS",
  "LOGS_HEADERS",
]);

/** A plural is as often a number of them, such as a bound on a model's output. */
const secretPlurals = new Set(["TOKENS", "PASSWORDS"]);

/** Words that only hint at a secret; the value has to look random as well. */
const hintingWords = new Set(
  `KEY KEYS SIG SIGNATURE SALT SEED SESSION LICENSE CERT PRIVATE ENCRYPTED LOGIN HMAC PSK`.split(
    /\s+/,
  ),
);

/**
 * Parts of what follows, to pass most variables by: a launch pays for compiling a pattern and for
 * every look into a set.
 */
const maybeSecretName =
  /tok|secr|pass|cred|key|cook|pat|auth|jwt|bear|mnem|otp|hook|dsn|pwd|_url|conn|_headers/i;
const maybeHintingName = /key|sig|sal|see|ses|lic|cer|priv|encr|logi|hma|psk/i;
const maybeSecretValue =
  /[sr]k[-_]|whs|gh[pousr]_|b_pat|gl\w+-|xox|xapp|A[KSR][IO]A|AID|AIza|ya29|GOCS|npm_|pypi|hf_|dop_|shpat|SG\.|AGE-|hv[sbr]\.|eyJ|---B|gsk_|xai-|dckr|lin_|sq0|\d:A|webhooks|hooks\.|AccountK|[?&;]\w+=/;

/** Ids are meant to be known. */
const idWords = new Set(["ID", "UUID", "FINGERPRINT"]);

/** Prefixes their issuers made recognisable, PEM blocks, JSON web tokens. */
const secretValues =
  /(?:^|[^A-Za-z0-9_-])(?:sk-(?=[\w-]{0,80}\d)[\w-]{12,}|[sr]k_(?:live|test)_\w{8,}|whsec_\w{16,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|gl(?:pat|dt|rt|ptt|cbt|soat|ft)-[\w-]{16,}|xox[abeoprs]-[\w-]{8,}|xapp-[\w-]{8,}|(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{12,}|AIza[\w-]{30,}|ya29\.[\w-]{16,}|GOCSPX-[\w-]{16,}|npm_\w{30,}|pypi-[\w-]{16,}|hf_\w{20,}|dop_v1_\w{16,}|shpat_\w{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|AGE-SECRET-KEY-\w{16,}|hv[sbr]\.[\w-]{20,}|gsk_\w{20,}|xai-[\w-]{20,}|dckr_[po]at_[\w-]{16,}|lin_(?:api|oauth)_\w{16,}|sq0[a-z]{3}-[\w-]{16,}|\d{8,12}:A[\w-]{33,}|eyJ[\w-]{8,}\.[\w-]{2,}\.[\w-]*)|-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY/;

/** Addresses that are secrets as a whole: who knows one may write there. */
const secretAddress =
  /hooks\.slack\.com\/(?:services|workflows|triggers)\/|discord(?:app)?\.com\/api\/webhooks\/\d|webhook\.office\.com\/webhookb2\//i;

/** Members of an address or a connection string: `?password=…`, `&sig=…`, `AccountKey=…`. */
const secretMember =
  /(?:^|[?&;])(?:password|passwd|pwd|access_?token|auth_?token|token|api_?key|client_?secret|secret|sig|signature|x-amz-signature|accountkey|sharedaccesskey|sharedaccesssignature)=[^&;\s]{6}/i;

/** `scheme://user:password@` and `scheme://token@`. */
const addressWithPassword =
  /[a-z][a-z0-9+.-]{0,20}:\/\/(?:[^\s/@:?#]{0,256}:[^\s/@?#]{1,1024}|[\w-]{20,256})@/i;

/** Bits a character below which nothing counts as random: hex digits have 4, words about 3. */
const randomBitsMin = 3;
const randomLengthMin = 16;

/** True when a variable looks like a secret by its name or its value. */
export function looksSecret(name: string, value: string): boolean {
  if (maybeSecretName.test(name) && hasSecretName(wordsOf(name), value)) return true;
  if (value.length < 12) return false;
  if (maybeSecretValue.test(value) && hasSecretValue(value)) return true;
  if (value.includes("://") && addressWithPassword.test(value)) return true;
  if (!maybeHintingName.test(name)) return false;
  const words = wordsOf(name);
  if (!words.some((word) => hintingWords.has(word))) return false;
  return !idWords.has(words.at(-1) ?? "") && looksRandom(value);
}

function hasSecretValue(value: string): boolean {
  return secretValues.test(value) || secretAddress.test(value) || secretMember.test(value);
}

/** In capitals, set apart by punctuation or a change of case. */
function wordsOf(name: string): readonly string[] {
  const apart = /[a-z][A-Z]/.test(name) ? name.replace(/([a-z\d])([A-Z])/g, "$1_$2") : name;
  return apart.toUpperCase().split(/[_.:-]/);
}

function hasSecretName(words: readonly string[], value: string): boolean {
  for (const [index, word] of words.entries()) {
    if (secretWords.has(word)) return true;
    if (secretPlurals.has(word) && !/^\d{0,12}$/.test(value)) return true;
    if (word === "KEY" || word === "KEYS") {
      if (keyKinds.has(words[index - 1] ?? "")) return true;
    } else if (word.endsWith("KEY") && keyKinds.has(word.slice(0, -3))) return true;
    // PWD and OLDPWD are folders.
    if (word === "PWD" && index > 0 && index === words.length - 1) return true;
  }
  return secretNames.has(words.slice(-2).join("_"));
}

/** One word without a path's slashes, of letters and digits that hardly repeat. */
function looksRandom(value: string): boolean {
  if (value.length < randomLengthMin || value.length > 4096) return false;
  if (!/^[A-Za-z0-9+=_.~-][A-Za-z0-9+/=_.~-]*$/.test(value)) return false;
  // Words joined by dashes are no key.
  if (!/[A-Za-z\d]{12}/.test(value) || !/\d/.test(value) || !/[A-Za-z]/.test(value)) return false;
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / value.length);
  return bits / value.length >= randomBitsMin;
}

/** Each is an address of something that acts outside the box on the caller's behalf. */
const outsideNames = new Set(
  `SSH_AUTH_SOCK SSH_AGENT_PID GPG_AGENT_INFO GPG_TTY AT_SPI_BUS_ADDRESS DISPLAY WAYLAND_DISPLAY
  WAYLAND_SOCKET XAUTHORITY ICEAUTHORITY SESSION_MANAGER XDG_RUNTIME_DIR PULSE_SERVER PULSE_COOKIE
  PIPEWIRE_REMOTE I3SOCK SWAYSOCK NIRI_SOCKET HYPRLAND_INSTANCE_SIGNATURE TMUX TMUX_PANE STY ZELLIJ
  ZELLIJ_SESSION_NAME KITTY_LISTEN_ON ALACRITTY_SOCKET WEZTERM_UNIX_SOCKET NVIM NVIM_LISTEN_ADDRESS
  EMACS_SERVER_FILE VSCODE_INSPECTOR_OPTIONS CLAUDE_CODE_SSE_PORT GIT_ASKPASS SSH_ASKPASS
  SUDO_ASKPASS DOCKER_HOST CONTAINER_HOST KUBECONFIG LIBVIRT_DEFAULT_URI NOTIFY_SOCKET
  JOURNAL_STREAM LISTEN_FDS LISTEN_PID LISTEN_FDNAMES KRB5CCNAME CREDENTIALS_DIRECTORY`.split(
    /\s+/,
  ),
);
const outsidePrefixes = /^(?:DBUS_|GNOME_KEYRING_|VSCODE_IPC_|VSCODE_GIT_)/;

/**
 * Each makes a loader, an interpreter, a shell or git run code or read files that the command did
 * not name. BUN_* would turn this binary itself into an interpreter.
 */
const steeringNames = new Set(
  `GLIBC_TUNABLES MALLOC_TRACE GCONV_PATH LOCPATH NLSPATH HOSTALIASES RES_OPTIONS LOCALDOMAIN
  BASH_ENV PROMPT_COMMAND PS4 SHELLOPTS BASHOPTS BASH_XTRACEFD ZDOTDIR PERL5OPT PERL5DB RUBYOPT
  PYTHONSTARTUP PYTHONHOME PYTHONINSPECT PYTHONBREAKPOINT PYTHONWARNINGS NODE_REPL_EXTERNAL_MODULE
  ELECTRON_RUN_AS_NODE OPENSSL_CONF OPENSSL_ENGINES OPENSSL_MODULES GTK_MODULES QT_PLUGIN_PATH
  LESSOPEN LESSCLOSE GIT_SSH GIT_SSH_COMMAND GIT_PROXY_COMMAND GIT_EXTERNAL_DIFF GIT_EXEC_PATH
  GIT_TEMPLATE_DIR GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_OBJECT_DIRECTORY
  GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_NAMESPACE GIT_ATTR_SOURCE`.split(/\s+/),
);
const steeringPrefixes =
  /^(?:BUN_|LD_|DYLD_|BASH_FUNC_|LUA_INIT|GIT_CONFIG|GIT_TRACE|GIT_REDIRECT_STD)/;

/** Options of node that load nothing; anything else in NODE_OPTIONS keeps it out. */
const plainNodeOption =
  /^--(?:max-(?:old|semi)-space-size|max-http-header-size|stack-trace-limit|no-warnings|disable-warning|(?:no|trace|throw|pending)-deprecation|trace-warnings|trace-uncaught|enable-source-maps|unhandled-rejections|dns-result-order|use-(?:openssl|bundled|system)-ca|experimental-[\w-]*(?:modules|strip-types|fetch)|no-network-family-autoselection)(?:=\S*)?$/;

/** True when a variable leads to something outside the box that acts for whoever asks. */
export function leadsOutside(name: string): boolean {
  return outsideNames.has(name) || outsidePrefixes.test(name);
}

/** True when a variable makes programs load or run what the command did not name. */
export function steers(name: string, value: string): boolean {
  if (steeringNames.has(name) || steeringPrefixes.test(name)) return true;
  switch (name) {
    case "ENV":
      // A shell reads the file named here; the same name often holds a word like "production".
      return /[/$`~]/.test(value);
    case "NODE_OPTIONS":
      return !value.split(/\s+/).every((word) => word === "" || plainNodeOption.test(word));
    case "JAVA_TOOL_OPTIONS":
    case "JDK_JAVA_OPTIONS":
    case "_JAVA_OPTIONS":
      return /-javaagent|-agent(?:path|lib)|-Xrun|-Xbootclasspath|(?:^|\s)@/.test(value);
    default:
      return false;
  }
}
