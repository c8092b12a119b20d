// Tar archives made by hand, so that they can be wrong.

export interface TarEntry {
  readonly path: string;
  readonly content?: string | Uint8Array;
  /** `0` a file, `5` a folder, `2` a link. */
  readonly type?: string;
  readonly linkTo?: string;
}

export function tar(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  const blocks = entries.flatMap(({ path, content = "", type = "0", linkTo = "" }) => {
    const body = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const header = new Uint8Array(512);
    const put = (text: string, at: number): void => {
      header.set(new TextEncoder().encode(text), at);
    };
    put(path, 0);
    put("0000644\0", 100);
    put(`${body.length.toString(8).padStart(11, "0")}\0`, 124);
    put("        ", 148);
    put(type, 156);
    put(linkTo, 157);
    put("ustar\u000000", 257);
    const sum = header.reduce((all, byte) => all + byte, 0);
    put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return [header, body, new Uint8Array((512 - (body.length % 512)) % 512)];
  });
  return new Uint8Array(Buffer.concat([...blocks, new Uint8Array(1024)]));
}

export function tarGz(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  return Bun.gzipSync(tar(entries));
}
