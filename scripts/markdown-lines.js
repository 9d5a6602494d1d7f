// Markdown lines break at sentences: a line holds one sentence, so that a change shows as what it is. Checks README,
// CONTRIBUTING and docs/; `node scripts/markdown-lines.js --write` breaks lines anew. Code, tables, headings, quotes and HTML
// stay as they are.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { conclude, root } from "./sources.js";

/** What ends with a full stop and no sentence. */
const abbreviations = /(?:^|[\s(])(?:e\.g|i\.e|cf|al|vs|etc|resp|approx|Fig|Eq|No|[A-Z])\.$/;

/** A sentence ends at its mark and what closes behind it, before something that begins a sentence. */
const sentenceEnd = /[.!?][)\]"'*_”]*(?= +[A-Z0-9`*_["'(“[])/g;

/** Code, links and pictures of a text, as [start, end) pairs: full stops in there end nothing. */
const protectedSpans = (text) =>
  [...text.matchAll(/(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)|\[[^\]]*\]\([^)]*\)/g)].map(
    ({ index, 0: span }) => [index, index + span.length],
  );

/** The sentences of a text on one line. */
export function sentencesOf(text) {
  const spans = protectedSpans(text);
  const sentences = [];
  let start = 0;
  for (const { index, 0: mark } of text.matchAll(sentenceEnd)) {
    const end = index + mark.length;
    if (spans.some(([from, to]) => index >= from && index < to)) continue;
    if (abbreviations.test(text.slice(start, index + 1))) continue;
    sentences.push(text.slice(start, end).trim());
    start = end;
  }
  return [...sentences, text.slice(start).trim()].filter((sentence) => sentence !== "");
}

const listItem = /^(\s*)((?:[-*+]|\d+\.)\s+)(?=\S)/;
const isFence = (line) => /^\s*(```|~~~)/.test(line);
/** Lines that are no running text, and end it. */
const isApart = (line) => /^\s*$|^\s*[|>#<]|^ {0,3}(?:[-*_] *){3,}$|^\[[^\]]+\]:/.test(line);

/** The page with one sentence a line. */
export function breakAtSentences(page) {
  const lines = page.split("\n");
  const out = [];
  let at = 0;
  const take = () => lines[at++];
  while (at < lines.length) {
    const line = take();
    if (isFence(line)) {
      out.push(line);
      while (at < lines.length && !isFence(lines[at])) out.push(take());
      if (at < lines.length) out.push(take());
      continue;
    }
    const item = listItem.exec(line);
    const isCode = item === null && /^ {4,}\S/.test(line) && (out.at(-1) ?? "").trim() === "";
    if (isCode) {
      out.push(line);
      while (at < lines.length && /^ {4,}\S/.test(lines[at])) out.push(take());
      continue;
    }
    if (isApart(line)) {
      out.push(line);
      continue;
    }
    const first = item === null ? /^\s*/.exec(line)[0] : item[0];
    const further = " ".repeat(first.length);
    const text = [line.slice(first.length)];
    const goesOn = (next) =>
      next !== undefined && !isApart(next) && !isFence(next) && !listItem.test(next);
    const isBroken = () => /( {2}|\\)$/.test(text.at(-1)); // a break that is meant
    while (goesOn(lines[at]) && !isBroken()) text.push(take().trim());
    if (isBroken()) out.push(first + text.join(`\n${further}`));
    else
      for (const [i, sentence] of sentencesOf(text.join(" ")).entries())
        out.push((i === 0 ? first : further) + sentence);
  }
  return out.join("\n");
}

/** The pages that are written by hand. */
const pages = () => [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .map((name) => `docs/${name.replaceAll("\\", "/")}`)
    .filter((name) => name.endsWith(".md") && !/^docs\/(api\/|formats\.md)/.test(name))
    .sort(),
];

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const files = pages();
  const isWriting = process.argv.includes("--write");
  const problems = files.flatMap((path) => {
    const page = readFileSync(join(root, path), "utf8");
    const broken = breakAtSentences(page);
    if (broken === page) return [];
    if (isWriting) writeFileSync(join(root, path), broken);
    const [old, wanted] = [page, broken].map((text) => text.split("\n"));
    const line = wanted.findIndex((text, i) => text !== old[i]) + 1;
    return isWriting
      ? []
      : [`${path}:${line}: lines break at sentences; \`node scripts/markdown-lines.js --write\``];
  });
  conclude("markdown-lines", files.length, problems);
}
