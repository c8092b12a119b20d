// Which servers the machine's resolver asks, in a process of its own: they are the process's.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { repoRoot } from "../../support/harness.ts";
import { tempDir } from "../../support/temp.ts";

/** The servers after each content of the file, one look-up each. */
async function serversAfter(contents: readonly string[]): Promise<string[]> {
  const folder = tempDir("names");
  const file = join(folder, "resolv.conf");
  const script = join(folder, "script.ts");
  writeFileSync(
    script,
    `import { writeFileSync } from "node:fs";
    import { getServers, setServers } from "node:dns";
    import { createMachineNames } from ${JSON.stringify(join(repoRoot, "src/gateway/machine-names.ts"))};
    setServers(["127.0.0.7"]);
    const look = createMachineNames(${JSON.stringify(file)});
    for (const content of ${JSON.stringify(contents)}) {
      writeFileSync(${JSON.stringify(file)}, content);
      const [address] = await look("127.0.0.1");
      console.log(address, getServers().join(" "));
    }`,
  );
  const child = Bun.spawn([process.execPath, script], { stdout: "pipe", stderr: "inherit" });
  const text = await child.stdout.text();
  return text.trimEnd().split("\n");
}

test("servers are asked as the file names them now", async () => {
  const contents = [
    "# here\nsearch a.example\nnameserver 127.0.0.9\nnameserver ::1\n",
    "nameserver 127.0.0.8 # elsewhere\nnameserver 127.0.0.8\noptions rotate\n",
  ];
  expect(await serversAfter(contents)).toEqual(["127.0.0.1 127.0.0.9 ::1", "127.0.0.1 127.0.0.8"]);
});

for (const [what, content] of [
  ["no server", "search a.example\n"],
  ["a server nobody knows how to read", "nameserver 127.0.0.6\nnameserver 127.1\n"],
] as const)
  test(`a file with ${what} changes nothing`, async () => {
    expect(await serversAfter([content])).toEqual(["127.0.0.1 127.0.0.7"]);
  });
