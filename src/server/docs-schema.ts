// Schemas as a reader wants them: a table of members, types in few words, links to named ones.

import type { JsonObject, JsonValue } from "../model/event.ts";
import { isObject } from "../model/json-object.ts";

/** HTML that was put together here; everything else is text. */
export class Html {
  constructor(readonly text: string) {}
}

/** Puts texts into HTML as texts. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | number | Html | readonly Html[])[]
): Html {
  return new Html(
    parts.map((part, at) => (at === 0 ? part : `${shown(values[at - 1])}${part}`)).join(""),
  );
}

function shown(value: string | number | Html | readonly Html[] | undefined): string {
  if (value === undefined) return "";
  if (value instanceof Html) return value.text;
  if (typeof value === "object") return value.map((one) => one.text).join("");
  return String(value).replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}

/** Text in which `words` between backquotes are code. */
export function prose(text: string): Html {
  const parts = text
    .split("`")
    .map((part, at) => (at % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
  return html`${parts}`;
}

/** Its members, or what else it is. */
export function schemaTable(schema: JsonObject): Html {
  const { properties } = schema;
  if (!isObject(properties)) {
    return html`<p class="type">${typeOf(schema)}${remark(schema)}</p>`;
  }
  const required = Array.isArray(schema.required) ? schema.required : [];
  const rows = Object.entries(properties).map(([name, member]) =>
    memberRow(name, isObject(member) ? member : {}, required.includes(name)),
  );
  return html`<div class="scroll"><table>${rows}</table></div>`;
}

export function memberRow(name: string, schema: JsonObject, isRequired: boolean): Html {
  const mark = isRequired ? html` <b title="required">*</b>` : html``;
  return html`<tr><th scope="row"><code>${name}</code>${mark}</th>
<td class="type">${typeOf(schema)}</td><td>${described(schema)}</td></tr>`;
}

/** What is written beside the type: the description, bounds, the default. */
function described(schema: JsonObject): Html {
  const { description } = schema;
  const text = typeof description === "string" ? prose(description) : html``;
  return html`${text}${bounds(schema)}`;
}

function remark(schema: JsonObject): Html {
  const { description } = schema;
  return typeof description === "string" ? html` — ${prose(description)}` : html``;
}

function bounds({ minimum, maximum, default: otherwise }: JsonObject): Html {
  const parts: string[] = [];
  const isOpen = maximum === undefined || Number(maximum) >= Number.MAX_SAFE_INTEGER;
  if (!isOpen && Number(maximum) < 1e15)
    parts.push(`${Number(minimum ?? 0)} to ${Number(maximum)}`);
  if (otherwise !== undefined) parts.push(`default ${JSON.stringify(otherwise)}`);
  return parts.length === 0 ? html`` : html` <small>${parts.join(", ")}</small>`;
}

/** In few words: `text`, `list of Event`, `Hash or ""`. */
export function typeOf(schema: JsonObject): Html {
  const { $ref, type, anyOf, const: constant, items, additionalProperties } = schema;
  if (typeof $ref === "string") {
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (constant !== undefined) return html`<code>${JSON.stringify(constant)}</code>`;
  if (Array.isArray(schema.enum)) {
    const values = schema.enum.map((one) => html`<code>${String(one)}</code>`);
    return joined(values, " ");
  }
  if (Array.isArray(anyOf)) return joined(anyOf.map(memberType), " or ");
  if (type === "array") return html`list of ${memberType(items ?? {})}`;
  if (type === "object") {
    const isFree = !isObject(schema.properties) && additionalProperties !== undefined;
    return html`${isFree ? "any object" : "object"}`;
  }
  const words: Readonly<Record<string, string>> = {
    string: "text",
    integer: "whole number",
    boolean: "true or false",
  };
  return html`${typeof type === "string" ? (words[type] ?? type) : "any value"}`;
}

function memberType(schema: JsonValue): Html {
  return typeOf(isObject(schema) ? schema : {});
}

function joined(parts: readonly Html[], between: string): Html {
  return html`${parts.map((part, at) => html`${at === 0 ? "" : between}${part}`)}`;
}
