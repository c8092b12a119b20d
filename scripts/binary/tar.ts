// Archives that depend on nothing but their content: POSIX ustar, entries in the order of their
// names, no owner, time zero.

export interface TarEntry {
  /** At most 100 bytes of ASCII. */
  readonly name: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

const blockBytes = 512;

/** The archive of `entries`, gzipped. */
export function packTarGz(entries: readonly TarEntry[]): Uint8Array {
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const blocks = sorted.flatMap(({ name, mode, content }) => [
    header(name, mode, content.length),
    content,
    new Uint8Array(-content.length & (blockBytes - 1)),
  ]);
  return Bun.gzipSync(Buffer.concat([...blocks, new Uint8Array(2 * blockBytes)]), { level: 9 });
}

function header(name: string, mode: number, size: number): Uint8Array {
  if (!/^[!-~]{1,100}$/.test(name)) throw new Error(`Cannot archive "${name}": not a short name`);
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0, "latin1");
  block.write(octal(mode, 8), 100, "latin1");
  block.write(octal(0, 8), 108, "latin1");
  block.write(octal(0, 8), 116, "latin1");
  block.write(octal(size, 12), 124, "latin1");
  block.write(octal(0, 12), 136, "latin1");
  block.write("        0", 148, "latin1");
  block.write("ustar\0" + "00", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\0`;
}
