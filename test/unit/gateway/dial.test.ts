// Dialling several addresses: what is left of those that did not win.

import { expect, test } from "bun:test";
import { parseIp } from "../../../src/base/ip.ts";
import { dial } from "../../../src/gateway/dial.ts";
import { waitFor } from "../../support/harness.ts";
import { certificate } from "../../support/tls.ts";

// Elsewhere the whole of 127.0.0.0/8 is not this machine.
const onLinux = test.skipIf(process.platform !== "linux");

onLinux("a server that never ends its handshake is left when another one has won", async () => {
  const { key, cert } = certificate("api.example");
  const mute = { opened: 0, closed: 0 };
  using silent = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: () => {
        mute.opened += 1;
      },
      data: () => undefined,
      close: () => {
        mute.closed += 1;
      },
    },
  });
  const { port } = silent;
  using _web = Bun.listen({
    hostname: "127.0.0.2",
    port,
    tls: { key, cert },
    socket: { data: () => undefined },
  });
  const ips = ["127.0.0.1", "127.0.0.2"].map(parseIp).filter((ip) => ip !== undefined);
  const result = await dial({ ips, port, tlsName: "api.example", authorities: [cert] });
  if (!result.ok) throw new Error(result.error);
  expect(result.ip.bytes).toEqual([127, 0, 0, 2]);
  expect(result.endpoint.isClosed).toBe(false);
  await waitFor("the end of the other", () => mute.closed === 1);
  expect(mute.opened).toBe(1);
  result.endpoint.reset();
});
