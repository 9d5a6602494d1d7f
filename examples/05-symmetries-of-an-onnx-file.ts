// From a model file to its spec in code. The command line infers and proves it, JSON carries it over: this is also how
// programs in other languages read specs.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { formatGroup, printSpec, specFromJSON, unf } from "weightspace";

const file = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** The proved symmetries of an ONNX file; throws when the file is refused or the proof fails. */
function symmetriesOf(model: string) {
  // Outside this repository: execFileSync("npx", ["weightspace", "symmetries", ...]).
  const args = [file("bin/weightspace.js"), "symmetries", model, "--verify", "--json"];
  return specFromJSON(JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })));
}

const spec = symmetriesOf(file("test/fixtures/models/vit_block.onnx"));
console.log(printSpec(spec));

const moving = Object.entries(spec.axes).filter(([, { group }]) => group !== "fixed");
console.log(`\n${moving.length} axes move:`);
for (const [name, axis] of moving) console.log(`  ${name}: ${formatGroup(axis)}`);

// The same object feeds every model. Coefficients can be shared between alike tensors to keep the model small.
const model = unf(spec, { channels: [1, 4], head: [8, 1], share: { maxDistance: 1 } });
console.log(`\n${model.name} over this model: ${model.parameterCount} parameters`);
