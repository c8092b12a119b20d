// A stand-in for the gateway, for tests of the helper alone: it reads the preamble, answers what
// the test says, and is the server itself. What was asked of it is kept.

export interface Asked {
  readonly kind: number;
  readonly noWait: boolean;
  readonly pid: number;
  /** `address:port`. */
  readonly to: string;
  readonly exe: string;
}

export interface TestGateway extends AsyncDisposable {
  readonly port: number;
  readonly resolverPort: number;
  readonly token: Uint8Array;
  readonly asked: Asked[];
  /** Local ports of the sockets announced as the resolver's clients. */
  readonly announced: Set<number>;
}

/** What a question is answered: an errno, or for a stream what is said on it first. */
export type Reply =
  | { readonly errno: number; readonly afterMs?: number }
  | { readonly say: string; readonly afterMs?: number }
  | { readonly datagram: number };

interface Conversation {
  head: Buffer;
  greeted: boolean;
}

const headSize = 66;

export async function openTestGateway(answer: (asked: Asked) => Reply): Promise<TestGateway> {
  const token = crypto.getRandomValues(new Uint8Array(32));
  const asked: Asked[] = [];
  const announced = new Set<number>();
  const note = (question: Asked) => {
    asked.push(question);
    if (question.kind === 5) announced.add(Number(question.to.split(":").at(-1)));
  };
  const tcp = Bun.listen<Conversation>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      open(socket) {
        socket.data = { head: Buffer.alloc(0), greeted: false };
      },
      data: (socket, data) => converse(socket, data, { token, note, answer }),
      end(socket) {
        socket.end();
      },
    },
  });
  const udp = await Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, message, port, address) {
        if (announced.has(port)) socket.send(answerName(message), port, address);
      },
    },
  });
  return {
    port: tcp.port,
    resolverPort: udp.port,
    token,
    asked,
    announced,
    [Symbol.asyncDispose]: async () => {
      tcp.stop(true);
      udp.close();
    },
  };
}

interface Manners {
  readonly token: Uint8Array;
  readonly note: (question: Asked) => void;
  readonly answer: (question: Asked) => Reply;
}

/** Until it has been answered the client says its preamble; then it hears what it says. */
async function converse(
  socket: Bun.Socket<Conversation>,
  data: Buffer,
  { token, note, answer }: Manners,
): Promise<void> {
  const talk = socket.data;
  if (talk.greeted) {
    socket.write(data);
    return;
  }
  talk.head = Buffer.concat([talk.head, data]);
  if (talk.head.length < headSize) return;
  const size = headSize + talk.head.readUInt16LE(headSize - 2);
  if (talk.head.length < size) return;
  const rest = talk.head.subarray(size);
  talk.greeted = true;
  if (!talk.head.subarray(8, 40).equals(token)) {
    socket.terminate();
    return;
  }
  const question = parse(talk.head, size);
  note(question);
  const reply = answer(question);
  if ("afterMs" in reply && reply.afterMs !== undefined) await Bun.sleep(reply.afterMs);
  if ("errno" in reply) socket.end(Buffer.from([reply.errno]));
  else if ("datagram" in reply) socket.end(datagramTo(reply.datagram));
  else socket.write(Buffer.concat([Buffer.from([0]), Buffer.from(reply.say), rest]));
}

function datagramTo(port: number): Buffer {
  const reply = Buffer.alloc(20);
  reply[1] = 4;
  reply.set([127, 0, 0, 1], 2);
  reply.writeUInt16LE(port, 18);
  return reply;
}

function parse(head: Buffer, size: number): Asked {
  const isV4 = head[46] === 4;
  const bytes = head.subarray(48, isV4 ? 52 : 64);
  const address = isV4
    ? [...bytes].join(".")
    : (bytes.toString("hex").match(/.{4}/g) ?? []).join(":");
  return {
    kind: head.readUInt8(5),
    noWait: head.readUInt8(6) === 1,
    pid: head.readUInt32LE(40),
    to: `${address}:${head.readUInt16LE(44)}`,
    exe: head.toString("utf8", headSize, size),
  };
}

/** Every name has the address 198.18.0.1, and no other record. */
function answerName(question: Uint8Array): Buffer {
  const message = Buffer.from(question);
  const nameEnd = message.indexOf(0, 12);
  const isAddress = message.readUInt16BE(nameEnd + 1) === 1;
  const asked = message.subarray(12, nameEnd + 5);
  const head = Buffer.from(message.subarray(0, 12));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(isAddress ? 1 : 0, 6);
  head.writeUInt32BE(0, 8);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 18, 0, 1]);
  return Buffer.concat(isAddress ? [head, asked, record] : [head, asked]);
}
