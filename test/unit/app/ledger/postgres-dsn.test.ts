import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import {
  isPostgresDsn,
  postgresPlace,
  typedPassword,
} from "../../../../src/app/ledger/postgres-dsn.ts";
import { AegisError } from "../../../../src/base/errors.ts";
import type { AbsPath } from "../../../../src/base/paths.ts";
import { type PostgresPlace, placeName } from "../../../../src/ledger/postgres/place.ts";
import { tempDir } from "../../../support/temp.ts";

const directory = tempDir("dsn") as AbsPath;

function place(dsn: string, environment: Record<string, string> = {}): PostgresPlace {
  return postgresPlace(dsn, environment, directory);
}

function file(name: string, content: string, mode = 0o600): string {
  writeFileSync(`${directory}/${name}`, content);
  chmodSync(`${directory}/${name}`, mode);
  return name;
}

describe("a DSN names", () => {
  const rows: readonly (readonly [string, Partial<PostgresPlace>])[] = [
    [
      "postgres://u@localhost/d",
      { host: "localhost", port: 5432, user: "u", database: "d", tls: undefined },
    ],
    ["postgresql://u@127.0.0.1:6000", { host: "127.0.0.1", port: 6000, database: "u" }],
    ["postgres://u%40x:p%2Fw@[::1]:1/d%20e", { user: "u@x", password: "p/w", database: "d e" }],
    ["postgres://[::1]/d?user=u", { host: "::1", user: "u" }],
    ["postgres:///d?host=/run/postgresql&user=u", { host: "/run/postgresql", tls: undefined }],
    ["postgres://u@%2Frun%2Fpg/d", { host: "/run/pg" }],
    ["postgres://u@db/d?sslmode=disable", { host: "db", tls: undefined }],
    ["postgres://u@db/d?sslmode=require", { tls: { trusts: "nobody", ca: undefined } }],
    ["postgres://u@db/d?sslmode=verify-full", { tls: { trusts: "certificate", ca: undefined } }],
    [
      `postgres://u@db/d?sslmode=require&sslrootcert=${file("ca.pem", "CA")}`,
      { tls: { trusts: "certificate", ca: "CA" } },
    ],
    ["postgres://u@localhost/d?search_path=s&application_name=n", { searchPath: "s" }],
  ];
  test.each(rows)("%s", (dsn, expected) => {
    expect(place(dsn)).toMatchObject(expected);
  });
});

describe("its password comes from", () => {
  const env = { PGPASSWORD: "env", PGPASSFILE: file("passes", "h:1:d:u:no\n*:*:d:u:fi\\:le\n") };
  const passfile = file("own", "# none\nlocalhost:5432:*:u:own\n");
  test.each([
    ["itself", "postgres://u:own@localhost/d", env, "own"],
    ["its parameter", "postgres://u@localhost/d?password=own", env, "own"],
    ["PGPASSWORD", "postgres://u@localhost/d", env, "env"],
    ["PGPASSFILE", "postgres://u@localhost/d", { PGPASSFILE: env.PGPASSFILE }, "fi:le"],
    ["passfile", `postgres://u@localhost/d?passfile=${passfile}`, {}, "own"],
    ["no line that is another's", `postgres://v@localhost/d?passfile=${passfile}`, {}, undefined],
    ["nowhere", "postgres://u@localhost/d", {}, undefined],
  ])("%s", (_, dsn, environment, password) => {
    expect(place(dsn, environment).password).toBe(password);
  });

  test("a file that is its owner's alone, or from none", () => {
    const open = file("open", "*:*:*:*:p\n", 0o644);
    const dsn = "postgres://u@localhost/d";
    expect(() => place(dsn, { PGPASSFILE: open })).toThrow("others may read or write it");
    expect(() => place(dsn, { PGPASSFILE: "none" })).toThrow("it is not there");
  });
});

describe("a DSN is refused, without repeating it,", () => {
  test.each([
    ["without a user", "postgres://localhost/secret", "names no user"],
    ["without a host", "postgres:///d?user=secret", "names no host"],
    ["for several hosts", "postgres://u:secret@a,b/d", "several hosts"],
    ["that does not say whether to encrypt", "postgres://u:secret@db/d", "whether to encrypt"],
    ["that leaves it to others", "postgres://u:secret@db/d?sslmode=prefer", "sslmode is none of"],
    ["with a parameter nobody knows", "postgres://u@h/d?secret_=secret", '"secret_"'],
    ["with one given twice", "postgres://u@h/d?host=secret&host=b", '"host" is given twice'],
    ["with another port", "postgres://u@localhost/secret?port=0", "port is none"],
    ["that is cut by its password", "postgres://u:sec/ret@localhost/d", "no URL"],
    ["with a hash", "postgres://u@localhost/d#secret", "%23"],
    ["in a broken spelling", "postgres://u:secret%zz@localhost/d", "password is not written"],
    ["with a zero character", "postgres://u@localhost/secret%00", "database is not written"],
    ["without slashes", "postgres:secret", "no URL"],
    ["of another kind", "mysql://u@secret/d", "no postgres://"],
  ])("%s", (_, dsn, why) => {
    let refusal: unknown;
    try {
      place(dsn);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(AegisError);
    expect(String(refusal)).toContain(why);
    expect(String(refusal)).not.toMatch(/secret(?!_)/);
  });
});

test("what is shown of a place has no password", () => {
  const shown = placeName(place("postgres://u:secret@[::1]:7/d"));
  expect(shown).toBe("postgres://u@[::1]:7/d");
  expect(typedPassword("--dsn", "postgres://u:secret@h/d").join()).toContain("password in --dsn");
  expect(typedPassword("--dsn", "postgres://u@h/d?password=secret").join()).not.toContain("secret");
  expect(typedPassword("--dsn", "postgres://u@h/d?password=x")).toHaveLength(1);
  expect(typedPassword("--dsn", "postgres://u@h/d")).toEqual([]);
  expect(isPostgresDsn("file:postgres://x")).toBe(false);
});
