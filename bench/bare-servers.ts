// Servers that do a part of what the control plane does, to compare it with: texts of programs that
// Bun runs, which say where they listen and need nothing but what comes with it.

/** Reads a request as JSON and sends it back. */
export const echoText =
  "const s = Bun.serve({ port: 0, hostname: '127.0.0.1', " +
  "async fetch(r) { return Response.json(await r.json()); } }); console.error(s.url.href);";

/**
 * What every server of Bun must do that stores events durably before it answers: read each line of
 * a request as JSON, insert a row for it, together with those of everybody who asks meanwhile, have
 * it flushed, answer a line for it. No check, no chain, no tree, no session, no trace: the floor of
 * an event.
 */
export const leastText = `import { Database } from "bun:sqlite";
const db = new Database(process.argv[2]);
db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
db.exec("CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, text TEXT)");
const [begin, commit] = ["BEGIN IMMEDIATE", "COMMIT"].map((sql) => db.query(sql));
const insert = db.query("INSERT INTO event (text) VALUES (?)");
let waiting = [];
function flush() {
  const together = waiting;
  waiting = [];
  begin.run();
  for (const { events } of together) for (const event of events) insert.run(JSON.stringify(event));
  commit.run();
  for (const { answer } of together) answer();
}
function stored(events) {
  return new Promise((answer) => {
    if (waiting.push({ events, answer }) === 1) setImmediate(flush);
  });
}
const s = Bun.serve({ port: 0, hostname: "127.0.0.1", async fetch(request) {
  const events = (await request.text()).split("\\n").map((line) => JSON.parse(line));
  await stored(events);
  return new Response(events.map(() => '{"status":"stored"}\\n').join(""), { status: 201 });
} });
console.error(s.url.href);
`;
