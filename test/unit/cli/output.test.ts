import { expect, test } from "bun:test";
import { join } from "node:path";
import { repoRoot } from "../../support/harness.ts";

const fixture = join(repoRoot, "test/fixtures/cli/write-much.ts");

function start(lines: number) {
  return Bun.spawn([process.execPath, fixture, String(lines)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

test("writeOut() delivers everything through a pipe that is full most of the time", async () => {
  const child = start(16_384);
  let size = 0;
  for await (const chunk of child.stdout) size += chunk.length;
  expect(size).toBe(4 * 16_384 * 64);
  expect(await child.stderr.text()).toBe("accepted 4\n");
  expect(await child.exited).toBe(0);
});

test("writeOut() says so, without an error, when the reader went away", async () => {
  const child = start(16_384);
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const answer = await child.stderr.text();
  expect(answer).toMatch(/^accepted [0-3]\n$/);
  expect(await child.exited).toBe(0);
});

test("writeOut() waits on a descriptor that others made non-blocking", async () => {
  const program = `import os, subprocess, sys, time
r, w = os.pipe()
os.set_blocking(w, False)
child = subprocess.Popen(sys.argv[1:], stdout=w, stderr=subprocess.PIPE)
os.close(w)
size = 0
while True:
    part = os.read(r, 4096)
    if not part: break
    size += len(part)
print(size, child.stderr.read().decode().strip(), child.wait())
`;
  const child = Bun.spawn(["python3", "-c", program, process.execPath, fixture, "4096"], {
    stdout: "pipe",
    stderr: "inherit",
  });
  expect(await child.stdout.text()).toBe(`${4 * 4096 * 64} accepted 4 0\n`);
});
