// Writes docs/api/: one page for each subpath of the package, made from the doc comments of what it exports. `npm run docs`.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../sources.js";
import { publicSurface, subpaths } from "../support/public-surface.js";

const titleOf = (subpath) => subpath.replace("weightspace/", "").replace("weightspace", "root");
const pageOf = (subpath) => `${titleOf(subpath)}.md`;

/** A doc comment as Markdown: tags become a list of their own. */
function asMarkdown(doc) {
  const [text, ...tags] = doc.split(
    /(?:^|\s)(?=@(?:throws|default|example|source|consumes|keeps)\b)/,
  );
  const prose = text.replaceAll(/\s*\n(?!\n|\s*[-*] )\s*/g, " ").trim();
  const lines = tags.map((tag) => {
    const [, name, rest] = /^@(\w+)\s*([\s\S]*)$/.exec(tag.trim()) ?? [];
    return `- **${name}**: ${rest.replaceAll(/\s*\n\s*/g, " ").trim()}`;
  });
  return [prose, lines.join("\n")].filter((part) => part !== "").join("\n\n");
}

function entryText({ name, doc, declaration }) {
  const code = declaration.replace(/^export (?:declare )?/, "").replaceAll(/\n {4}/g, "\n  ");
  return [`## \`${name}\``, asMarkdown(doc), `\`\`\`typescript\n${code}\n\`\`\``]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** The pages by file name. */
export function referencePages(surface = publicSurface()) {
  const all = subpaths();
  const pages = all.map(({ subpath }) => {
    const entries = surface.filter((entry) => entry.subpath === subpath);
    const values = entries.filter(({ isType }) => !isType);
    const types = entries.filter(({ isType }) => isType);
    const sorted = [values, types].flatMap((list) =>
      list.sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
    const head = `# \`${subpath}\`\n\n[All subpaths](README.md). Made from the doc comments by \`npm run docs\`.`;
    return [pageOf(subpath), `${[head, ...sorted.map(entryText)].join("\n\n")}\n`];
  });
  const rows = all.map(({ subpath }) => {
    const names = surface
      .filter((entry) => entry.subpath === subpath && !entry.isType)
      .map(({ name }) => `\`${name}\``);
    return `| [\`${subpath}\`](${pageOf(subpath)}) | ${names.sort().join(", ")} |`;
  });
  const index = `# API reference\n\nOne page for each subpath of the package, made from the doc comments by \`npm run docs\`.\n\n| subpath | functions and values |\n|---|---|\n${rows.join("\n")}\n`;
  return Object.fromEntries([["README.md", index], ...pages]);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = join(root, "docs/api");
  const pages = referencePages();
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (!(name in pages)) rmSync(join(folder, name));
  for (const [name, text] of Object.entries(pages)) writeFileSync(join(folder, name), text);
  console.log(`${Object.keys(pages).length} pages in docs/api`);
}
