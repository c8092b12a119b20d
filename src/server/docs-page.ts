// The operations as one page for people: no scripts, nothing loaded from elsewhere.

import { aegisVersion } from "../base/version.ts";
import type { JsonObject } from "../model/event.ts";
import { isObject } from "../model/json-object.ts";
import { codes, statusOf } from "./api/codes.ts";
import { type Example, type Operation, tags } from "./api/operation.ts";
import { curlOf, prettyJson } from "./curl.ts";
import { Html, html, memberRow, prose, schemaTable } from "./docs-schema.ts";
import { docsStyle } from "./docs-style.ts";
import { codesOf, components, schemaObject } from "./openapi.ts";

const server = "http://localhost:8080";

export function docsHtml(operations: readonly Operation[]): string {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>aegis control plane</title>
<style>${new Html(docsStyle)}</style>
</head>
<body>
<nav aria-label="Operations">
<p class="name"><a href="#top">aegis</a> <small>${aegisVersion}</small></p>
${grouped(operations).map(({ tag, own }) => navGroup(tag, own))}
<h2>Reference</h2>
<ul><li><a href="#codes">Codes</a></li><li><a href="#schemas">Schemas</a></li>
<li><a href="/openapi.json">openapi.json</a></li></ul>
</nav>
<main id="top">
${introduction()}
${grouped(operations).map(({ tag, own }) => group(tag, own))}
${codeTable(operations)}
${schemaList()}
</main>
</body>
</html>
`;
  return page.text;
}

function grouped(operations: readonly Operation[]) {
  return Object.keys(tags).flatMap((tag) => {
    const own = operations.filter((one) => one.tag === tag);
    return own.length === 0 ? [] : [{ tag: tag as keyof typeof tags, own }];
  });
}

function navGroup(tag: string, operations: readonly Operation[]): Html {
  const items = operations.map(
    ({ id, method, path }) =>
      html`<li><a href="#${id}"><span class="${method.toLowerCase()}">${method}</span>${path}</a></li>`,
  );
  return html`<h2>${tag}</h2><ul>${items}</ul>`;
}

function introduction(): Html {
  return html`<h1>Control plane</h1>
<p>Asks before a tool is called, and records what was done, in a ledger that can be proven untouched.
What is sent and answered is JSON in UTF-8. Where the server has keys, send yours:</p>
<pre class="command"><code>curl --header 'Authorization: Bearer KEY' ${server}/v1/sessions?tenant_id=acme</code></pre>
<p>Every other answer than the one that was asked for is <code>{"error": text, "code": code}</code>: the
text is for people, the <a href="#codes">code</a> for programs. A member or parameter that is not listed
here is refused, not skipped.</p>`;
}

function group(tag: keyof typeof tags, operations: readonly Operation[]): Html {
  return html`<h2 class="group">${tag}</h2><p>${tags[tag]}</p>${operations.map(section)}`;
}

function section(operation: Operation): Html {
  const { id, method, path, summary, details, roles } = operation;
  const whoMay =
    roles === "open"
      ? "No key needed."
      : `For ${roles.length === 3 ? "every key" : roles.join(", ")}.`;
  return html`<section id="${id}">
<h3><span class="${method.toLowerCase()}">${method}</span> <code>${pathParts(path)}</code></h3>
<p class="summary">${prose(summary)}.</p>
<p>${prose(details ?? "")} <small>${whoMay}</small></p>
${parameters(operation)}${bodyOf(operation)}${answersOf(operation)}
${operation.examples.map((example) => exampleOf(operation, example))}
</section>`;
}

/** Parts that are filled in stand out. */
function pathParts(path: string): Html {
  const parts = path
    .split(/(\{\w+\})/)
    .map((part) => (part.startsWith("{") ? html`<i>${part}</i>` : html`${part}`));
  return html`${parts}`;
}

function parameters({ params, query, headers }: Operation): Html {
  const rows = [params, query, headers].flatMap((schema, place) => {
    if (schema === undefined) return [];
    const { properties, required } = schemaObject(schema);
    const wanted = Array.isArray(required) ? required : [];
    return Object.entries(isObject(properties) ? properties : {}).map(([name, member]) => {
      const where = ["path", "query", "header"][place];
      const shown = isObject(member) ? member : {};
      return memberRow(place === 2 ? `${name} (${where})` : name, shown, wanted.includes(name));
    });
  });
  if (rows.length === 0) return html``;
  return html`<h4>Parameters</h4><div class="scroll"><table>${rows}</table></div>`;
}

function bodyOf({ body }: Operation): Html {
  if (body === undefined) return html``;
  const { $ref } = schemaObject(body.schema);
  const table = typeof $ref === "string" ? namedSchema($ref) : schemaObject(body.schema);
  return html`<h4>Body <small>${body.type}</small></h4>${schemaTable(table)}`;
}

function namedSchema($ref: string): JsonObject {
  const found = components()[$ref.slice($ref.lastIndexOf("/") + 1)];
  return isObject(found) ? found : {};
}

function answersOf(operation: Operation): Html {
  const rows = Object.entries(operation.answers).flatMap(([status, { description, content }]) =>
    Object.entries(content).map(
      ([type, { schema }], at) => html`<tr><th scope="row">${at === 0 ? status : ""}</th>
<td>${at === 0 ? prose(description) : html``}</td><td class="type">${typeOfAnswer(schemaObject(schema))}</td>
<td><small>${type}</small></td></tr>`,
    ),
  );
  const refused = codesOf(operation)
    .filter((code) => operation.codes.includes(code))
    .map((code) => html`<a class="code" href="#code-${code}">${statusOf(code)} ${code}</a> `);
  const more = refused.length === 0 ? html`` : html`<p class="codes">${refused}</p>`;
  return html`<h4>Answers</h4><div class="scroll"><table>${rows}</table></div>${more}`;
}

function typeOfAnswer(schema: JsonObject): Html {
  return typeof schema.properties === "object" ? html`object` : new Html(schemaTable(schema).text);
}

function exampleOf(operation: Operation, example: Example): Html {
  const { name, status, answer } = example;
  const shown =
    answer === undefined ? html`` : html`<pre class="answer"><code>${textOf(answer)}</code></pre>`;
  return html`<details${operation.examples[0] === example ? html` open` : html``}>
<summary><span class="status s${String(status).slice(0, 1)}">${status}</span> ${name}</summary>
<pre class="command"><code>${curlOf(operation, example, server)}</code></pre>
${shown}
</details>`;
}

function textOf(answer: Example["answer"]): string {
  if (Array.isArray(answer)) return answer.map((line) => JSON.stringify(line)).join("\n");
  return prettyJson(answer ?? null);
}

function codeTable(operations: readonly Operation[]): Html {
  const used = new Set(operations.flatMap(codesOf));
  const known = (Object.keys(codes) as (keyof typeof codes)[]).filter(
    (code) => used.has(code) || code === "route_not_found" || code === "method_not_allowed",
  );
  const rows = known.map(
    (code) => html`<tr id="code-${code}"><th scope="row">${statusOf(code)}</th>
<td><code>${code}</code></td><td>${prose(codes[code].meaning)}</td></tr>`,
  );
  return html`<h2 class="group" id="codes">Codes</h2>
<p>None is ever renamed.</p><div class="scroll"><table>${rows}</table></div>`;
}

function schemaList(): Html {
  const parts = Object.entries(components()).map(([name, schema]) => {
    const { description, ...bare } = isObject(schema) ? schema : {};
    const text = typeof description === "string" ? prose(`${description}.`) : html``;
    return html`<section id="schema-${name}"><h3>${name}</h3><p>${text}</p>${schemaTable(bare)}</section>`;
  });
  return html`<h2 class="group" id="schemas">Schemas</h2>
<p>A member with <b>*</b> is required, or always there.</p>${parts}`;
}
