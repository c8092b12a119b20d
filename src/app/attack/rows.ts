// What `aegis setup --attack` tries: techniques of native/attack that do no harm where they work,
// because they act only on files, sockets and processes made for them. The whole catalogue is in
// test/escape.

export interface AttackRow {
  readonly name: string;
  readonly what: string;
  /**
   * A technique and its arguments. `{in}` is a folder in the workspace, `{out}` one that nothing
   * grants, `{tcp}` and `{socket}` a server on loopback and one in `{out}`, `{pid}` a process of
   * the same account.
   */
  readonly words: readonly string[];
}

const row = (name: string, what: string, ...words: string[]): AttackRow => ({ name, what, words });

export const attackRows: readonly AttackRow[] = [
  row("read", "read a file nothing grants", "read", "{out}/file"),
  row("write", "write to it", "write", "{out}/file"),
  row("create", "make a file beside it", "create", "{out}/new"),
  row("truncate", "truncate one", "truncate", "{out}/removable"),
  row("unlink", "remove one", "unlink", "{out}/removable"),
  row("list", "list its folder", "list", "{out}"),
  row("mkdir", "make a folder there", "mkdir", "{out}/folder"),
  row("rename", "move it into the workspace", "rename-read", "{out}/movable", "{in}/moved"),
  row("link", "read it through a new hard link", "link-read", "{out}/file", "{in}/hard"),
  row("symlink", "read it through a link", "symlink-read", "{out}/file", "{in}/soft"),
  row("proc-root", "read it through /proc/self/root", "own-root", "{out}/file"),
  row("dirfd", "read it below a folder's descriptor", "read-dirfd", "{out}", "file"),
  row("chmod", "change its mode", "chmod", "{out}/file"),
  row("utime", "change its times", "utime", "{out}/file"),
  row("xattr", "set an attribute of it", "xattr", "{out}/file"),
  row("handle", "take a handle of it", "handle", "{out}/file"),
  row("hook", "write a git hook", "plant", "{in}/.git/hooks", "pre-commit"),
  row("agent-settings", "make agent settings", "plant", "{in}/.claude", "settings.json"),
  row("moved-settings", "move editor settings in", "move-folder-in", "{in}/d", "{in}/.vscode", "x"),
  row("device", "make a device node", "character-device", "{in}/device"),
  row("user-namespace", "make a user namespace", "unshare", "10000000"),
  row("clone3", "make one by clone3", "clone3", "10000000"),
  row("userns-mount", "mount inside one", "userns-mount"),
  row("setns", "join a namespace outside", "setns", "{pid}", "net"),
  row("mount", "mount a file system", "mount-tmpfs", "{in}"),
  row("capabilities", "have capabilities", "capabilities"),
  row("new-privileges", "gain rights by a set-uid program", "new-privileges"),
  row("kill", "signal a process outside", "kill", "{pid}"),
  row("ptrace", "trace a process outside", "ptrace", "{pid}"),
  row("memory", "read the memory of a process outside", "vm-read", "{pid}"),
  row("environ", "read its environment", "proc-read", "{pid}", "environ"),
  row("steal-fd", "take a descriptor of it", "steal-fd", "{pid}", "0"),
  row("limit", "set a limit of it", "prlimit", "{pid}"),
  row("ptrace-child", "trace a process of one's own", "ptrace-child"),
  row("io-uring", "make an io_uring", "ring-setup"),
  row("i386", "a call of the 32-bit table", "i386", "20"),
  row("typing", "type into the terminal", "terminal", "5412"),
  row("typing-high", "the same with higher bits", "terminal", "100005412"),
  row("tcp", "connect to a server on this machine", "tcp", "127.0.0.1", "{tcp}"),
  row("mptcp", "the same by multipath TCP", "mptcp", "127.0.0.1", "{tcp}"),
  row("fast-open", "the same by fast open", "fast-open", "127.0.0.1", "{tcp}"),
  row("packet", "a packet socket", "socket", "17", "3", "768"),
  row("vsock", "a socket to the hypervisor", "socket", "40", "1", "0"),
  row("crypto", "a socket of the kernel's crypto", "socket", "38", "5", "0"),
  row("unix", "connect to a socket nothing grants", "unix", "{socket}"),
  row(
    "unix-datagram",
    "send to a datagram socket of the system",
    "unix-send",
    "/run/systemd/notify",
  ),
  row("docker", "connect to the Docker daemon", "unix", "/var/run/docker.sock"),
];
