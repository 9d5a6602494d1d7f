// HTML as text: a template tag that escapes, and the page every report lives in. No scripts, nothing loaded from outside.

import { visible } from "../core/visible.ts";

/** Markup that needs no escaping any more. */
export interface Html {
  readonly markup: string;
}

type HtmlPart = string | number | Html | readonly HtmlPart[] | undefined;

/** Text as it may stand in markup and in quoted attributes. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return visible(text).replace(/[&<>"']/g, (character) => entities[character]);
}

/** Markup taken as it is: for SVG this project has drawn. */
export const trusted = (markup: string): Html => ({ markup });

function render(part: HtmlPart): string {
  if (part === undefined) return "";
  if (typeof part === "number") return String(part);
  if (typeof part === "string") return escapeHtml(part);
  if ("markup" in part) return part.markup;
  return part.map(render).join("");
}

/** Markup from a template: text and numbers are escaped, markup and lists of it are put in as they are. */
export function html(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  return { markup: strings.map((text, i) => text + render(parts[i])).join("") };
}

/** Colours of the page and of the figures in it, as CSS variables; light first, dark where the reader prefers it. */
export const lightColors = `
  --page: #fbfbfa; --card: #ffffff; --ink: #1c1e21; --soft: #62666d; --line: #e4e4e1; --code: #f3f3f0;
  --series-1: #2f6fde; --series-2: #0f9d8a; --series-3: #c77700; --series-4: #8b5cd6; --series-5: #d1467f;
  --series-6: #6b7785; --series-7: #5b8c1f; --series-8: #a5481f; --moved: #e0562b;`;
const darkColors = `
  --page: #131518; --card: #1b1e22; --ink: #e9eaec; --soft: #9aa1ab; --line: #2d3238; --code: #23272c;
  --series-1: #6ea3ff; --series-2: #3ecbb6; --series-3: #f0a63a; --series-4: #b794f6; --series-5: #f07fb0;
  --series-6: #9aa6b4; --series-7: #9bcb54; --series-8: #c9744e; --moved: #ff8a5c;`;

const style = `
:root { color-scheme: light dark; ${lightColors} }
@media (prefers-color-scheme: dark) { :root { ${darkColors} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); -webkit-font-smoothing: antialiased;
  font: 16px/1.6 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 56px 24px 80px; }
h1 { font-size: 34px; line-height: 1.2; letter-spacing: -0.02em; font-weight: 680; margin: 0 0 16px; text-wrap: balance; }
h2 { font-size: 20px; letter-spacing: -0.01em; font-weight: 640; margin: 56px 0 6px; }
p { margin: 0 0 12px; max-width: 70ch; }
.lead { font-size: 18px; line-height: 1.6; }
.soft, figcaption { color: var(--soft); font-size: 14px; line-height: 1.5; max-width: 96ch; }
.eyebrow { color: var(--soft); font-size: 13px; letter-spacing: 0.06em; text-transform: uppercase; margin: 0 0 10px; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 1px; margin: 32px 0 0;
  background: var(--line); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
.facts div { background: var(--card); padding: 16px 18px; }
.facts b { display: block; font-size: 24px; line-height: 1.2; font-weight: 640; letter-spacing: -0.01em;
  font-variant-numeric: tabular-nums; }
.facts span { color: var(--soft); font-size: 13px; line-height: 1.4; display: block; margin-top: 4px; }
.scroll { overflow-x: auto; margin: 16px 0 12px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
table { border-collapse: collapse; width: 100%; font-size: 14.5px; font-variant-numeric: tabular-nums; }
th, td { padding: 10px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; font-size: 13px; vertical-align: bottom; line-height: 1.35; white-space: normal; }
th:first-child, td:first-child { text-align: left; }
tbody tr:last-child td { border-bottom: 0; }
td.name { font-weight: 560; white-space: normal; }
.text { white-space: normal; text-align: left; }
td small { color: var(--soft); font-size: 12.5px; }
.best { font-weight: 680; }
.fell { color: var(--moved); font-weight: 600; font-style: normal; }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 9px; }
figure { margin: 16px 0 0; padding: 18px 18px 14px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
figure svg { display: block; width: 100%; height: auto; overflow: visible; color: var(--ink); }
figcaption { margin-top: 10px; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); gap: 12px; margin-top: 16px; }
.grid figure { margin: 0; padding: 12px 12px 8px; }
.grid figcaption { margin: 0 0 4px; color: var(--ink); font-weight: 560; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 12px 0 0; padding: 0; list-style: none; font-size: 14px; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; overflow-x: auto;
  font: 13.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; font-size: 14.5px; margin: 12px 0; }
dt { color: var(--soft); } dd { margin: 0; }
@media (max-width: 900px) { figure { overflow-x: auto; } figure > svg { min-width: 720px; }
  .grid figure > svg { min-width: 0; } .scroll thead { display: none; } .scroll tr, .scroll td { display: block; }
  .scroll td { padding: 3px 14px; border: 0; white-space: normal; text-align: right; }
  .scroll td::before { content: attr(data-label); float: left; padding-right: 16px; color: var(--soft); font-weight: 400; }
  .scroll td:first-child { padding-top: 12px; text-align: left; } .scroll td:first-child::before { content: none; }
  .scroll td:last-child { padding-bottom: 12px; border-bottom: 1px solid var(--line); } }
@media (max-width: 560px) { main { padding: 32px 16px 56px; } h1 { font-size: 27px; } .lead { font-size: 16.5px; } }
@media print { body { background: #fff; } figure, .scroll { break-inside: avoid; } }`;

/** A whole page as text, complete in itself. */
export function htmlPage(title: string, body: Html): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <style>
          ${trusted(style)}
        </style>
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html> `;
  return page.markup;
}
