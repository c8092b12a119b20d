// How the page of the operations looks. It is the whole text of its style element.

export const docsStyle = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#fbfbfa, #16181c);
  --panel: light-dark(#f2f1ee, #1d2026);
  --ink: light-dark(#22252a, #dfe2e7);
  --soft: light-dark(#646a73, #9aa1ac);
  --line: light-dark(#dedcd6, #31353d);
  --accent: light-dark(#0b5f7d, #6cc3e2);
  --get: light-dark(#1d6b44, #7bd0a0);
  --post: light-dark(#8a4b08, #e6ae6a);
  --bad: light-dark(#a32020, #f09a94);
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1.5rem; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif;
  display: grid; grid-template-columns: 19rem minmax(0, 1fr);
}
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 2px; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: .9em; }
small { color: var(--soft); font-size: .85em; font-weight: normal; }
nav {
  position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1.25rem 3rem;
  border-right: 1px solid var(--line); background: var(--panel); font-size: .82rem;
}
nav .name { margin: 0 0 1rem; font-size: 1.05rem; font-weight: 650; }
nav .name a { color: inherit; text-decoration: none; }
nav h2 {
  margin: 1.4rem 0 .35rem; font-size: .72rem; letter-spacing: .07em; text-transform: uppercase;
  color: var(--soft);
}
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a {
  display: block; padding: .18rem .4rem; margin: 0 -.4rem; border-radius: .3rem; color: inherit;
  text-decoration: none; overflow-wrap: anywhere;
}
nav li a:hover { background: var(--line); }
nav li span { display: inline-block; width: 2.7rem; font-size: .7rem; font-weight: 700; }
.get { color: var(--get); }
.post { color: var(--post); }
main { max-width: 58rem; padding: 2.5rem 3rem 8rem; }
h1 { margin: 0 0 .8rem; font-size: 2rem; line-height: 1.2; letter-spacing: -.01em; }
h2.group {
  margin: 4rem 0 .2rem; padding-top: 1.2rem; border-top: 1px solid var(--line); font-size: 1.45rem;
}
h2.group + p { margin-top: 0; color: var(--soft); }
section { margin: 2.6rem 0; }
h3 { margin: 0 0 .3rem; font-size: 1.12rem; overflow-wrap: anywhere; }
h3 span { font-size: .8em; font-weight: 750; letter-spacing: .03em; }
h3 i { color: var(--soft); }
.summary { margin: 0; font-size: 1.02rem; font-weight: 550; }
.summary + p { margin: .25rem 0 0; }
h4 { margin: 1.3rem 0 .3rem; font-size: .88rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .89rem; }
th, td {
  padding: .38rem 1rem .38rem 0; border-top: 1px solid var(--line); text-align: left;
  vertical-align: top;
}
th { font-weight: 550; white-space: nowrap; }
th b { color: var(--bad); }
td.type, p.type { color: var(--soft); }
td.type { min-width: 7rem; }
td p.type { margin: 0; }
tr:target { background: var(--panel); }
.codes { margin: .5rem 0 0; line-height: 2; }
.code {
  padding: .12rem .5rem; border: 1px solid var(--line); border-radius: 1rem; font-size: .78rem;
  color: var(--soft); text-decoration: none; white-space: nowrap;
}
.code:hover { color: var(--ink); border-color: var(--soft); }
details { margin: .7rem 0 0; border: 1px solid var(--line); border-radius: .45rem; overflow: hidden; }
summary { padding: .45rem .8rem; cursor: pointer; font-size: .9rem; background: var(--panel); }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.status { margin: 0 .35rem; font-weight: 700; font-variant-numeric: tabular-nums; }
.s2 { color: var(--get); }
.s4 { color: var(--bad); }
pre { margin: 0; padding: .8rem 1rem; overflow-x: auto; font-size: .82rem; line-height: 1.5; }
main > pre { border: 1px solid var(--line); border-radius: .45rem; background: var(--panel); }
details pre { border-top: 1px solid var(--line); }
details pre.answer { background: var(--panel); }
@media (max-width: 60rem) {
  body { display: block; }
  nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); }
  nav ul { columns: 17rem; }
  main { padding: 1.5rem 1.1rem 5rem; }
}
@media print { nav { display: none; } body { display: block; } }
`;
