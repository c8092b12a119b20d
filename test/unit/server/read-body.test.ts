import { expect, test } from "bun:test";
import { createBodyReader } from "../../../src/server/read-body.ts";

const readBody = createBodyReader();
const from = (body: ReadableStream<Uint8Array>): Request =>
  new Request("http://localhost/v1/events", { method: "POST", body });

test("a body that breaks off is the sender's doing, and a whole one is read", async () => {
  const begun = (end: (controller: ReadableStreamDefaultController) => void) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("{}"));
        end(controller);
      },
    });
  const broken = begun((controller) => controller.error(new Error("reset")));
  expect(readBody(from(broken))).rejects.toMatchObject({ status: 400, code: "body_incomplete" });
  const whole = await readBody(from(begun((controller) => controller.close())));
  expect(new TextDecoder().decode(whole)).toBe("{}");
});
