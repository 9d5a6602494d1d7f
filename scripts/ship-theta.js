// Puts a file of theta into the package: node scripts/ship-theta.js <name> <file.safetensors>.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { shipped } from "../dist/optimizers/shipped-thetas.js";
import { readTheta, writeTheta } from "../dist/optimizers/theta-file.js";
import { root } from "./sources.js";

const [name, path] = process.argv.slice(2);
if (path === undefined)
  throw new Error("usage: node scripts/ship-theta.js <name> <file.safetensors>");
const file = await readTheta(new Uint8Array(readFileSync(path)));
const { kind, tensors, training } = file;
if (tensors !== null) throw new Error(`${path}: a theta of kind ${kind} acts on one spec only`);
/** The losses of the record, fewer of them: they are most of the file. */
const history = (training.history ?? []).filter(({ step }) => step % 500 === 0);
const bytes = await writeTheta({ ...file, training: { ...training, history } });
const all = { ...shipped, [name]: Buffer.from(bytes).toString("base64") };
const entries = Object.entries(all).map(
  ([key, text]) => `  ${JSON.stringify(key)}:\n    ${JSON.stringify(text)},`,
);
writeFileSync(
  join(root, "src/optimizers/shipped-thetas.ts"),
  `// Files of theta in base64, by name. Written by \`node scripts/ship-theta.js\`; do not edit.

/** Every theta that comes with the package. */
export const shipped: Readonly<Record<string, string>> = {
${entries.join("\n")}
};
`,
);
console.log(`shipped ${name}: kind ${kind}, ${bytes.length} bytes; run npm run build`);
