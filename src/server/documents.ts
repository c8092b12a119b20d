// /openapi.json and /docs: made of the operations when somebody first asks for them.

import { sha256 } from "../base/hash.ts";
import { json } from "./api/operation.ts";
import { operations } from "./api/operations.ts";
import { docsPage, openApi } from "./api/service.ts";
import { docsHtml } from "./docs-page.ts";
import { docsStyle } from "./docs-style.ts";
import { type Route, route } from "./http.ts";
import { openApiDocument } from "./openapi.ts";

/** @param isGuarded whether a key is needed */
export function documentRoutes(isGuarded: boolean): readonly Route[] {
  const made: { document?: string; page?: string } = {};
  return [
    route(openApi, () => {
      made.document ??= `${JSON.stringify(openApiDocument(operations, isGuarded), null, 2)}\n`;
      return new Response(made.document, { headers: { "Content-Type": json } });
    }),
    route(docsPage, () => {
      made.page ??= docsHtml(operations);
      return new Response(made.page, { headers: pageHeaders });
    }),
  ];
}

const pageHeaders = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": [
    "default-src 'none'",
    `style-src 'sha256-${sha256(docsStyle).toBase64()}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
};
