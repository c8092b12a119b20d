// What the gateway costs: a connection that is judged by name, and bytes through it, against the
// same server on loopback reached directly.

import { type Section, summarise } from "./report.ts";
import { makeScene, type Scene } from "./scene.ts";
import { interleave, type Subject } from "./stopwatch.ts";

const connectionsPerMeasurement = 200;
const megabytesPerMeasurement = 256;

/** One section for connecting, one for receiving. */
export async function measureNetwork(rounds: number): Promise<Section[]> {
  const scene = makeScene("plain user");
  const server = Bun.spawn([scene.timer, "serve"], { stdin: "pipe", stdout: "pipe" });
  try {
    const { value } = await server.stdout.getReader().read();
    const port = new TextDecoder().decode(value).trim();
    const connect = [scene.timer, "connect", `${connectionsPerMeasurement}`, port];
    const receive = [scene.timer, "receive", `${megabytesPerMeasurement}`, port];
    const setting = { directory: scene.workspace, env: scene.env, rounds };
    const connecting = await interleave(subjects(scene, connect, port), setting);
    const receiving = await interleave(subjects(scene, receive, port), setting);
    return [
      summarise(
        { title: "connect to a granted server", unit: "µs", base: "bare" },
        connecting,
        [{ row: "aegis, by name", of: undefined, max: 1000 }],
        { perSample: connectionsPerMeasurement },
      ),
      summarise(
        { title: `receive ${megabytesPerMeasurement} MB`, unit: "ms", base: "bare" },
        receiving,
        [{ row: "aegis, by name", of: "bare", max: 1 / 0.7 }],
      ),
    ];
  } finally {
    server.stdin.end();
    await server.exited;
    scene.remove();
  }
}

function subjects(scene: Scene, argv: readonly string[], port: string): Subject[] {
  return [
    { name: "bare", argv: scene.as(argv) },
    { name: "aegis, by name", argv: scene.boxed("full", argv, ["--net", `localhost:${port}`]) },
  ];
}
