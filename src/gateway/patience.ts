// How long a client may leave open what it speaks. Many protocols begin with a few bytes and an
// answer to them, so silence decides; who sends them is not trusted, so there is an end to it.

/** Milliseconds. */
export interface PatienceLimits {
  /** Without a further byte. */
  readonly silenceMs: number;
  /** In all. */
  readonly totalMs: number;
}

export class Patience {
  readonly #limits: PatienceLimits;
  readonly #onSilence: () => void;
  readonly #onEnd: () => void;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #total: ReturnType<typeof setTimeout> | undefined;

  constructor(limits: PatienceLimits, onSilence: () => void, onEnd: () => void) {
    this.#limits = limits;
    this.#onSilence = onSilence;
    this.#onEnd = onEnd;
  }

  /** Bytes came and do not tell. */
  heard(): void {
    const { silenceMs, totalMs } = this.#limits;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(this.#onSilence, silenceMs);
    this.#total ??= setTimeout(this.#onEnd, totalMs);
  }

  /** It is known, or does not matter any more. */
  stop(): void {
    clearTimeout(this.#silence);
    clearTimeout(this.#total);
    this.#total = undefined;
  }
}
