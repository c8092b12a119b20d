// What a client is told whose connection ends here. The reason is ours; the text around it is not
// chosen by anybody else.

const statusTexts = new Map([
  [400, "Bad Request"],
  [403, "Forbidden"],
  [405, "Method Not Allowed"],
  [407, "Proxy Authentication Required"],
  [431, "Request Header Fields Too Large"],
  [501, "Not Implemented"],
  [502, "Bad Gateway"],
  [504, "Gateway Timeout"],
  [505, "HTTP Version Not Supported"],
]);

/** Fatal alert access_denied (RFC 8446 section 6). */
export const tlsAlert = Uint8Array.of(21, 3, 1, 0, 2, 2, 49);

export function refusalAnswer(status: number, reason: string): Buffer {
  const body = `aegis: refused: ${reason}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${statusTexts.get(status) ?? "Refused"}`,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    ...(status === 407 ? ['Proxy-Authenticate: Basic realm="aegis"'] : []),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
