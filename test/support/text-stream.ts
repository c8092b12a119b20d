// The answer of a server that goes on, such as a stream of events, read up to what a test waits
// for.

export interface TextStream {
  /** Reads on until what came matches, and gives all of it. @throws where it ends before */
  until(wanted: RegExp): Promise<string>;
  cancel(): Promise<void>;
}

/** A whole event of a stream of them. */
export const anEvent = /^data: .*\n/m;

export function textStream({ body }: Response): TextStream {
  if (body === null) throw new Error("the answer has no body");
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  return {
    async until(wanted) {
      while (!wanted.test(text)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`it ended without ${wanted}: ${text}`);
        text += decoder.decode(value, { stream: true });
      }
      return text;
    },
    cancel: () => reader.cancel(),
  };
}
