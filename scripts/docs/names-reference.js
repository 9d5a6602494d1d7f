// Writes docs/names.md: the families that tensor names are read as, and the conversions between files, from the code. `npm run docs`.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  conversionKinds,
  conversionMeanings,
} from "../../dist/compare/conversions/conversion-words.js";
import { templates } from "../../dist/infer/names/registry.js";
import { root } from "../sources.js";

const cell = (text) => text.replaceAll("|", "\\|");

/** The page as Markdown. */
export function namesPage() {
  const families = templates().map(({ family, covers, optIn, modelTypes }) => {
    const types = modelTypes.map((type) => `\`${type}\``).join(", ");
    return `| \`${family}\` | ${cell(covers)} | ${types || "-"} | ${optIn ? "with `--family`" : "by names"} |`;
  });
  const kinds = conversionKinds.map(
    (kind) => `| \`${kind}\` | ${cell(conversionMeanings[kind])} |`,
  );
  return `# Families of names, and conversions

Made from the code by \`npm run docs\`.
What they are for: [names and layouts](guide/names-and-layouts.md).

## Families

Networks whose tensor names tell their symmetries.
A config that names another \`model_type\` is refused.

| family | networks | \`model_type\` of configs | read |
|---|---|---|---|
${families.join("\n")}

## Conversions

What \`compare\` undoes before its verdict, and \`convert\` writes.

| kind | meaning |
|---|---|
${kinds.join("\n")}
`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(join(root, "docs/names.md"), namesPage());
  console.log("docs/names.md");
}
