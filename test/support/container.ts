// Services of a compose file as containers that need no engine: a root of this machine's own
// programs and whatever the file mounts, a user, a network and an environment of their own. For
// programs that run as root of namespaces of their own.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Service {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly network_mode?: string;
  readonly read_only?: boolean;
  readonly healthcheck?: { readonly test: readonly string[] };
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

/** What its image says, where the service does not. */
export interface Image {
  readonly uid: number;
  readonly entrypoint: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Host path by its place inside. */
  readonly programs: Readonly<Record<string, string>>;
  readonly health: readonly string[];
}

export interface Scene {
  /** Of the compose file, which relative paths start from. */
  readonly directory: string;
  readonly compose: Compose;
  /** Where volumes, secrets and files of the containers are. */
  readonly folder: string;
  readonly hosts: string;
}

export interface Network {
  /** A process that holds it. */
  readonly pid: number;
}

export function readCompose(path: string, variables: Readonly<Record<string, string>>): Compose {
  const text = readFileSync(path, "utf8").replace(/\$\{(\w+):\?[^}]*\}/g, (_, name) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`${path} asks for ${name}`);
    return value;
  });
  return Bun.YAML.parse(text) as Compose;
}

/** A command as it runs in the service's container. */
export function inContainer(
  scene: Scene,
  { service, image, network }: { service: Service; image: Image; network: Network | undefined },
  argv: readonly string[],
): string[] {
  const { uid, env, programs } = image;
  const account = join(scene.folder, `passwd-${uid}`);
  writeFileSync(account, `aegis:x:${uid}:${uid}::/:/bin/sh\n`);
  const environment = { PATH: "/usr/local/bin:/usr/bin:/bin", ...env, ...service.environment };
  return [
    ...(network === undefined ? [] : ["nsenter", "-t", String(network.pid), "-n"]),
    ...["bwrap", "--unshare-user", "--uid", String(uid), "--gid", String(uid)],
    ...["--die-with-parent", "--new-session", "--clearenv"],
    ...(service.network_mode === "none" ? ["--unshare-net"] : []),
    ...systemMounts(),
    ...["--ro-bind", account, "/etc/passwd", "--ro-bind", scene.hosts, "/etc/hosts"],
    ...Object.entries(programs).flatMap(([inside, outside]) => ["--ro-bind", outside, inside]),
    ...mountsOf(scene, service),
    ...(service.read_only === true ? ["--remount-ro", "/"] : []),
    ...Object.entries(environment).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--", ...argv],
  ];
}

function systemMounts(): string[] {
  const parts = readdirSync("/usr").filter((name) => /^(bin|sbin|share|lib\w*)$/.test(name));
  return [
    ...parts.flatMap((name) => ["--ro-bind", `/usr/${name}`, `/usr/${name}`]),
    ...parts.flatMap((name) => (name === "share" ? [] : ["--symlink", `usr/${name}`, `/${name}`])),
    ...["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"],
  ];
}

function mountsOf({ directory, compose, folder }: Scene, service: Service): string[] {
  const volumes = (service.volumes ?? []).flatMap((volume) => {
    const [source = "", inside = ""] = volume.split(":");
    if (source.startsWith(".")) return ["--ro-bind", join(directory, source), inside];
    const outside = join(folder, "volumes", source);
    mkdirSync(outside, { recursive: true, mode: 0o700 });
    return ["--bind", outside, inside];
  });
  const secrets = (service.secrets ?? []).flatMap((name) => {
    const file = compose.secrets[name]?.file ?? "";
    return ["--ro-bind", join(folder, file), `/run/secrets/${name}`];
  });
  return [...volumes, ...secrets];
}

/** What a health check's words mean. */
export function healthCommand([kind = "", ...words]: readonly string[]): readonly string[] {
  return kind === "CMD-SHELL" ? ["sh", "-c", ...words] : words;
}

/** `ENTRYPOINT`, `ENV` and `HEALTHCHECK` of the image that the services are built from. */
export function readContainerfile(path: string) {
  const text = readFileSync(path, "utf8").replaceAll("\\\n", "");
  const list = (name: string): readonly string[] =>
    JSON.parse(new RegExp(`^${name} .*?(\\[.*\\])$`, "m").exec(text)?.[1] ?? "");
  const env = [...text.matchAll(/^ENV (\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value]);
  return {
    entrypoint: list("ENTRYPOINT"),
    health: ["CMD", ...list("HEALTHCHECK")],
    command: list("CMD"),
    uid: Number(/^USER (\d+)/m.exec(text)?.[1]),
    env: Object.fromEntries(env) as Readonly<Record<string, string>>,
  };
}
