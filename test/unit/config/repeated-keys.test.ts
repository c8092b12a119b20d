// A key that aegis.yaml gives twice is told, however it is written: YAML itself lets the last win.

import { expect, test } from "bun:test";
import { readDaemonFile } from "../../../src/config/daemon.ts";

const twice: readonly (readonly [string, string, string])[] = [
  ["a line each", "rate_limit: 1\nrate_limit: 0", "rate_limit"],
  ["below a key", "tls:\n  enabled: true\n  enabled: false", "tls.enabled"],
  ["in quotes once", 'trust_mode: prod\n"trust_mode" : dev', "trust_mode"],
  ["in braces", "tls: {enabled: true, enabled: false}", "tls.enabled"],
  ["in braces over lines", "tls: {\n  enabled: true,\n  'enabled': false\n}", "tls.enabled"],
  ["the whole file in braces", "{rate_limit: 1, log: {level: info}, rate_limit: 0}", "rate_limit"],
  ["braces inside braces", "{log: {level: info, level: debug}}", "log.level"],
  ["behind a question mark", "trust_mode: prod\n? trust_mode\n: dev", "trust_mode"],
];

test.each(twice)("%s", (_, content, key) => {
  expect(() => readDaemonFile("aegis.yaml", content)).toThrow(`${key} is given twice`);
});

const once: readonly (readonly [string, string])[] = [
  ["the same word in two tables", "telemetry: {path: a}\ntls: {enabled: false}\nmanifest: path"],
  ["a text that looks like braces", 'manifest: "/a{dsn: 1, dsn: 2}"\ndsn: "{x: 1, x: 2}"'],
  ["lists", "hosts:\n  - a\n  - a\nmcp_methods: [b, b]"],
  ["two tables in braces", "log: {level: info, format: json}\ntelemetry: {disabled: true}"],
];

test.each(once)("%s are fine", (_, content) => {
  expect(() => readDaemonFile("aegis.yaml", content)).not.toThrow();
});
