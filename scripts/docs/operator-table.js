// Writes docs/operators.md, the table of ONNX operators whose axes inference follows: node scripts/docs/operator-table.js

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { newestOpset, oldestOpset } from "../../dist/formats/onnx/onnx.js";
import { operatorFamilies } from "../../dist/infer/ops/registry.js";
import { root } from "../sources.js";

const rows = operatorFamilies.map(({ domain, family, names }) => {
  const listed = names.map((name) => `\`${name}\``).join(", ");
  return `| ${domain === "" ? "standard" : `\`${domain}\``} | ${family} | ${listed} |`;
});
const count = operatorFamilies.reduce((sum, { names }) => sum + names.length, 0);
const text = `# ONNX operators

Made from the code by \`npm run operators\`; ${count} operators of the sets ${oldestOpset} to ${newestOpset}.
\`weightspace symmetries\` follows the axes of their inputs and outputs.
Any other operator fixes the axes that it touches and is named; what stands behind it is followed where the file declares the shape of its result, or where that has the shape of its inputs.
\`If\`, \`Loop\` and \`Scan\` are followed inside, local functions are laid out flat.
A form of an operator that is not followed (a shape that is computed from data, for one) is treated like an unknown operator, with the reason.
A plug-in adds operators: [Extending](guide/extending.md).

| domain | what it does | operators |
|---|---|---|
${rows.join("\n")}
`;
writeFileSync(join(root, "docs/operators.md"), text);
console.log(`docs/operators.md: ${count} operators`);
