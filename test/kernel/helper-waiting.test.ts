// Opens that wait for somebody: they hold nobody else up, mean what the caller meant, and are given
// up with the caller. Notify bit 8.

import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testWith } from "../support/features.ts";
import { audited, runShell, testProgram } from "../support/helper-box.ts";
import { has } from "../support/probes.ts";
import { tempDir } from "../support/temp.ts";

const act = testProgram("act");

async function play(script: string, folder = tempDir("waiting")) {
  writeFileSync(join(folder, "file"), "content");
  return (await runShell(script, { ...audited({ open: true }), directory: folder })).output;
}

describe("a FIFO", () => {
  testWith(["seccomp"], "has the ends that callers hold and no others", async () => {
    // With the processors busy, a thread of the broker is late with what it still has to close.
    const script = `spin() { while :; do :; done; }
      spin & a=$!; spin & b=$!; spin & c=$!; spin & d=$!
      mkfifo p; for i in $(seq 300); do cat <p & r=$!; echo $i >p; wait $r; done
      kill $a $b $c $d`;
    const numbers = Array.from({ length: 300 }, (_, i) => `${i + 1}\n`);
    expect(await play(script)).toBe(numbers.join(""));
  });

  testWith(["seccomp"], "waits for its other end, and nobody else waits", async () => {
    const script = `mkfifo p; cat p & cat file; echo through >p; wait
      cat <p & echo 'the other way' >p; wait; exec 3<>p; echo both >&3; head -n 1 <&3`;
    expect(await play(script)).toBe("contentthrough\nthe other way\nboth\n");
  });

  testWith(["seccomp"], "is given up on an alarm and on death", async () => {
    const script = `mkfifo p; ${act} alarm-fifo p; timeout 0.2 cat p; echo $?; cat file`;
    expect(await play(script)).toBe("EINTR\n124\ncontent");
  });

  testWith(["seccomp"], "three hundred of them wait at once", async () => {
    const script = `mkfifo p; i=0; while [ $i -lt 300 ]; do cat <p & i=$((i+1)); done
      exec 3>p; echo x >&3; cat file; exec 3>&-; wait; echo all`;
    expect(await play(script)).toMatch(/^(x\n)?content(x\n)?all\n$/);
  });
});

describe("a file system that does not answer", () => {
  const needs = has("root") && existsSync("/dev/fuse") ? [] : (["root"] as const);
  testWith(["seccomp", ...needs], "stops nobody but who looks into it", async () => {
    const folder = tempDir("waiting");
    const hung = join(folder, "hung");
    mkdirSync(hung);
    const server = Bun.spawn([testProgram("stuck"), hung], { stdio: ["pipe", "pipe", "inherit"] });
    const first = await server.stdout.getReader().read();
    expect(new TextDecoder().decode(first.value)).toBe("ready\n");
    try {
      // The box cannot end before what is stuck in the kernel does, so the server goes first.
      const script = `for i in 1 2 3 4 5; do cat hung/$i >/dev/null 2>&1 & done; ${act} open hung/6 0 0 >/dev/null & cat file
        echo a >new; cat new; mkdir made; mv made moved; ls; cat hung/7 2>/dev/null & cat file; kill -9 ${server.pid}`;
      expect(await play(script, folder)).toBe("contenta\nfile\nhung\nmoved\nnew\ncontent");
    } finally {
      server.kill("SIGKILL");
      await server.exited;
      Bun.spawnSync(["umount", "-l", hung]);
    }
  });
});

describe("terminals", () => {
  testWith(
    ["seccomp", "tool script"],
    "/dev/tty is the caller's, /dev/ptmx a new one",
    async () => {
      const script = `script -qec "sh -c 'tty; echo one >/dev/tty; cat file </dev/tty >/dev/null; test -c /dev/ptmx'" /dev/null </dev/null`;
      const output = await play(script);
      expect(output).toMatch(/^\/dev\/pts\/\d+\r\none\r\n/);
    },
  );

  testWith(["seccomp"], "without one, /dev/tty is ENXIO", async () => {
    expect(await play(`setsid -w ${act} open /dev/tty 2 0`)).toBe("ENXIO\n");
    expect(await play(`${act} open /dev/ptmx 2 0`)).toBe("ok kept\n");
  });
});

describe("many at once", () => {
  testWith(
    ["seccomp"],
    "ten thousand threads in open: each answered, the broker small",
    async () => {
      const script = `${act} threads 10000 file; grep VmHWM /proc/$PPID/status`;
      const [threads, memory = ""] = (await play(script)).split("\n");
      expect(threads).toBe("0 failed");
      expect(Number(/(\d+) kB/.exec(memory)?.[1])).toBeLessThan(8192);
    },
  );
});
