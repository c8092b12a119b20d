// What says whether the server works and what it offers, as data.

import { z } from "zod";
import { answers, json, monitors, type Operation, prometheusText } from "./operation.ts";
import { anyObject, named } from "./schemas.ts";

const healthy = named("Health", z.strictObject({ status: z.literal("ok") }));

export const health = {
  id: "health",
  method: "GET",
  path: "/healthz",
  tag: "Service",
  summary: "Whether the process answers",
  roles: "open",
  answers: { 200: { description: "It does", content: answers(healthy) } },
  codes: [],
  examples: [{ name: "it does", status: 200, answer: { status: "ok" } }],
} as const satisfies Operation;

export const ready = {
  id: "ready",
  method: "GET",
  path: "/readyz",
  tag: "Service",
  summary: "Whether the ledger answers as well",
  roles: "open",
  answers: {
    200: { description: "It does", content: answers(healthy) },
    503: {
      description: "It does not",
      content: answers(
        named("NotReady", z.strictObject({ status: z.literal("not ready"), error: z.string() })),
      ),
    },
  },
  codes: [],
  examples: [{ name: "it does", status: 200, answer: { status: "ok" } }],
} as const satisfies Operation;

export const metrics = {
  id: "metrics",
  method: "GET",
  path: "/metrics",
  tag: "Service",
  summary: "What the server counts about itself, as Prometheus reads it",
  details: "Of every tenant, and without the name of one: a key for one tenant may not.",
  roles: monitors,
  answers: {
    200: {
      description: "Prometheus' text format",
      content: { [prometheusText]: { schema: z.string() } },
    },
  },
  codes: [],
  examples: [{ name: "counters", status: 200 }],
} as const satisfies Operation;

export const openApi = {
  id: "openApi",
  method: "GET",
  path: "/openapi.json",
  tag: "Service",
  summary: "This document",
  roles: "open",
  answers: { 200: { description: "OpenAPI 3.1", content: { [json]: { schema: anyObject } } } },
  codes: [],
  examples: [{ name: "the document", status: 200 }],
} as const satisfies Operation;

export const docsPage = {
  id: "docsPage",
  method: "GET",
  path: "/docs",
  tag: "Service",
  summary: "This document for people",
  roles: "open",
  answers: { 200: { description: "A page", content: { "text/html": { schema: z.string() } } } },
  codes: [],
  examples: [{ name: "the page", status: 200 }],
} as const satisfies Operation;
