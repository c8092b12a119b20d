// The environment a box starts with. Names and values that look like secrets, desktop and agent
// sockets, and variables that steer a loader or this binary are left out unless granted by name;
// what was left out is reported by name, never by value.

/** `--env NAME` passes a variable on whatever it looks like; `--env NAME=VALUE` sets one. */
export interface EnvironmentGrant {
  readonly name: string;
  /** Undefined: the value aegis itself was started with. */
  readonly value: string | undefined;
}

export interface BoxEnvironment {
  /** `NAME=value`, sorted by name. */
  readonly variables: readonly string[];
  /** Names left out because they look like secrets or lead to a service outside the box, sorted. */
  readonly removed: readonly string[];
}

/**
 * BUN_* turns the compiled binary into an interpreter, LD_* and DYLD_* load code into every program
 * of the box.
 */
const loaderNames = /^(BUN_|LD_|DYLD_|GLIBC_TUNABLES$|AEGIS_)/;

const secretNames =
  /(^|_)(TOKEN|SECRET|SECRETS|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|CREDENTIALS|APIKEY|COOKIE|PAT|AUTH)(_|$)|(API|ACCESS|PRIVATE|SECRET|SIGNING|ENCRYPTION|SSH|GPG|DEPLOY|ACCOUNT|MASTER|SERVICE)_?KEY(_|$)|_(DSN|KEYFILE)$|^(PGPASSWORD|MYSQL_PWD|DATABASE_URL|REDIS_URL|MONGODB_URI)$/i;

/** Each is an address of something that acts outside the box on the caller's behalf. */
const outsideNames =
  /^(SSH_AUTH_SOCK|SSH_AGENT_PID|GPG_AGENT_INFO|GNOME_KEYRING_.*|DBUS_.*|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|XDG_RUNTIME_DIR|TMUX|TMUX_PANE|STY|VSCODE_IPC_.*|VSCODE_GIT_.*|GIT_ASKPASS|SSH_ASKPASS|SUDO_ASKPASS|DOCKER_HOST|KUBECONFIG|NOTIFY_SOCKET|LISTEN_FDS|LISTEN_PID|KRB5CCNAME)$/;

/** Prefixes of keys that their issuers made recognisable, PEM blocks, and JSON web tokens. */
const secretValues =
  /^(sk-|sk_live_|rk_live_|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AKIA[0-9A-Z]{12}|ASIA[0-9A-Z]{12}|AIza[0-9A-Za-z_-]{30}|npm_[0-9A-Za-z]{30}|pypi-|hf_|eyJ[0-9A-Za-z_-]{10,}\.)|-----BEGIN [A-Z ]*PRIVATE KEY|^[a-z][a-z0-9+.-]*:\/\/[^/@\s:]*:[^/@\s]+@/;

/**
 * @param parent the environment aegis was started with
 * @param fixed variables the box always gets, e.g. TMPDIR; they win over the parent's and lose
 * against grants
 */
export function boxEnvironment(
  parent: Readonly<Record<string, string | undefined>>,
  grants: readonly EnvironmentGrant[],
  fixed: Readonly<Record<string, string>>,
): BoxEnvironment {
  const kept = new Map<string, string>();
  const removed: string[] = [];
  for (const [name, value] of Object.entries(parent)) {
    if (value === undefined || loaderNames.test(name)) continue;
    if (leadsOutside(name, value)) removed.push(name);
    else kept.set(name, value);
  }
  for (const [name, value] of Object.entries(fixed)) kept.set(name, value);
  for (const grant of grants) {
    const value = grant.value ?? parent[grant.name];
    if (value !== undefined) kept.set(grant.name, value);
  }
  return {
    variables: [...kept].map(([name, value]) => `${name}=${value}`).sort(),
    removed: removed.filter((name) => !kept.has(name)).sort(),
  };
}

/** The whole environment but for what would steer aegis' own helper: what `wrap` passes on. */
export function observedEnvironment(
  parent: Readonly<Record<string, string | undefined>>,
  grants: readonly EnvironmentGrant[],
): BoxEnvironment {
  const kept = new Map<string, string>();
  for (const [name, value] of Object.entries(parent)) {
    if (value !== undefined && !name.startsWith("BUN_")) kept.set(name, value);
  }
  for (const grant of grants) {
    const value = grant.value ?? parent[grant.name];
    if (value !== undefined) kept.set(grant.name, value);
  }
  return { variables: [...kept].map(([name, value]) => `${name}=${value}`).sort(), removed: [] };
}

function leadsOutside(name: string, value: string): boolean {
  return secretNames.test(name) || outsideNames.test(name) || secretValues.test(value);
}
