// Runs a seccomp program the way the kernel does, over one call. Written from the classic BPF
// description, not from the assembler: it accepts every instruction seccomp takes that aegis could
// emit and throws on any other.

export interface SeccompData {
  readonly nr: number;
  readonly arch: number;
  readonly args: readonly bigint[];
}

export interface BpfOutcome {
  /** SECCOMP_RET_* with its data. */
  readonly action: number;
  /** Instructions executed, the return included. */
  readonly steps: number;
}

/**
 * @throws when the program leaves its bounds, loops or holds an unknown instruction: the kernel
 *   would refuse it
 */
export function runBpf(program: Uint8Array, data: SeccompData): BpfOutcome {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const words = dataWords(data);
  let accumulator = 0;
  let steps = 0;
  for (let pc = 0; ; ) {
    if (pc * 8 >= program.length) throw new Error(`BPF runs past its end at ${pc}`);
    steps += 1;
    const code = view.getUint16(pc * 8, true);
    const yes = view.getUint8(pc * 8 + 2);
    const no = view.getUint8(pc * 8 + 3);
    const k = view.getUint32(pc * 8 + 4, true);
    pc += 1;
    if (code === 0x20) {
      const word = words[k / 4];
      if (word === undefined) throw new Error(`BPF loads outside seccomp_data: ${k}`);
      accumulator = word;
    } else if (code === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (code === 0x15) pc += accumulator === k ? yes : no;
    else if (code === 0x25) pc += accumulator > k ? yes : no;
    else if (code === 0x35) pc += accumulator >= k ? yes : no;
    else if (code === 0x45) pc += (accumulator & k) !== 0 ? yes : no;
    else if (code === 0x05) pc += k;
    else if (code === 0x06) return { action: k, steps };
    else throw new Error(`BPF instruction 0x${code.toString(16)} at ${pc - 1} is unknown`);
  }
}

/**
 * `struct seccomp_data` as little-endian words: nr, arch, instruction pointer (2), six arguments (2
 * each).
 */
function dataWords(data: SeccompData): number[] {
  const words = [data.nr >>> 0, data.arch >>> 0, 0, 0];
  for (let index = 0; index < 6; index += 1) {
    const value = BigInt.asUintN(64, data.args[index] ?? 0n);
    words.push(Number(value & 0xffffffffn), Number(value >> 32n));
  }
  return words;
}
