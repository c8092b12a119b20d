// Reads Seatbelt profile text (SBPL) into trees. Strict: what it does not know is an error. Shares
// nothing with the compiler under test; how strings end and what a backslash does is written down
// here a second time.

export type Sexp =
  | { readonly kind: "list"; readonly items: readonly Sexp[] }
  | { readonly kind: "symbol"; readonly text: string }
  | { readonly kind: "string"; readonly text: string };

/** All top-level forms. @throws Error with the offset of what cannot be read */
export function parseSbpl(text: string): Sexp[] {
  const reader = new Reader(text);
  const forms: Sexp[] = [];
  for (reader.skipBlank(); !reader.atEnd; reader.skipBlank()) forms.push(reader.form());
  return forms;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  skipBlank(): void {
    for (;;) {
      const char = this.#text[this.#at];
      if (char === ";") {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end === -1 ? this.#text.length : end;
      } else if (char === " " || char === "\n" || char === "\t") {
        this.#at += 1;
      } else {
        return;
      }
    }
  }

  form(): Sexp {
    const char = this.#text[this.#at];
    if (char === "(") return this.#list();
    if (char === '"') return this.#string();
    return this.#symbol();
  }

  #list(): Sexp {
    this.#at += 1;
    const items: Sexp[] = [];
    for (;;) {
      this.skipBlank();
      if (this.atEnd) throw this.#error("a list without its end");
      if (this.#text[this.#at] === ")") {
        this.#at += 1;
        return { kind: "list", items };
      }
      items.push(this.form());
    }
  }

  #string(): Sexp {
    let text = "";
    for (this.#at += 1; ; this.#at += 1) {
      const char = this.#text[this.#at];
      if (char === undefined) throw this.#error("a string without its end");
      if (char === '"') break;
      if (char !== "\\") {
        text += char;
        continue;
      }
      this.#at += 1;
      const escaped = this.#text[this.#at];
      if (escaped !== "\\" && escaped !== '"') throw this.#error("an unknown escape");
      text += escaped;
    }
    this.#at += 1;
    return { kind: "string", text };
  }

  #symbol(): Sexp {
    const match = /^(#x)?[A-Za-z0-9*_-]+/.exec(this.#text.slice(this.#at, this.#at + 80));
    if (match === null) throw this.#error("neither list, string nor symbol");
    this.#at += match[0].length;
    return { kind: "symbol", text: match[0] };
  }

  #error(what: string): Error {
    return new Error(`SBPL at ${this.#at}: ${what}`);
  }
}
