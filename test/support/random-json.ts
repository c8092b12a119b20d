// Seeded random JSON values for property tests: the same seed gives the same values on every
// machine.

/** mulberry32: a few lines, good enough to spread test cases. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const letters = [
  "a",
  "b",
  "A",
  "0",
  "9",
  "_",
  "/",
  '"',
  "\\",
  "\n",
  "\u0001",
  "\u007f",
  "é",
  "€",
  "\u2028",
];
const astral = ["\u{1f602}", "\u{fb33}", "\u{10ffff}", "e\u0301"];
const reservedKeys = ["__proto__", "toJSON", "constructor", "10", "9", "-1", "1.5", "", "length"];

/** A JSON value of at most `depth` levels. */
export function randomJson(random: () => number, depth: number): unknown {
  const kind = Math.floor(random() * (depth > 0 ? 8 : 5));
  if (kind === 0) return null;
  if (kind === 1) return random() < 0.5;
  if (kind === 2) return randomNumber(random);
  if (kind <= 4) return randomText(random);
  const size = Math.floor(random() * 6);
  if (kind === 5) return Array.from({ length: size }, () => randomJson(random, depth - 1));
  const members: [string, unknown][] = [];
  for (let i = 0; i < size; i++) members.push([randomKey(random), randomJson(random, depth - 1)]);
  return Object.fromEntries(members);
}

function randomKey(random: () => number): string {
  if (random() < 0.1) return reservedKeys[Math.floor(random() * reservedKeys.length)] ?? "";
  return randomText(random);
}

/** Well-formed text of up to 12 characters, a mix of plain, escaped and astral ones. */
export function randomText(random: () => number): string {
  let text = "";
  const size = Math.floor(random() * 12);
  for (let i = 0; i < size; i++) {
    const from = random() < 0.1 ? astral : letters;
    text += from[Math.floor(random() * from.length)];
  }
  return text;
}

function randomNumber(random: () => number): number {
  const kind = random();
  if (kind < 0.4) return Math.floor(random() * 1000) - 500;
  if (kind < 0.6) return (random() - 0.5) * 10 ** Math.floor(random() * 44 - 22);
  if (kind < 0.65) return -0;
  return Math.floor((random() - 0.5) * 2 ** 54);
}
