// The symmetries of an ONNX file in code: infer them from the graph, prove them on the file, build a functional on them.

import { readFile } from "node:fs/promises";
import { formatGroup, printSpec } from "weightspace";
import { readOnnx } from "weightspace/formats";
import { inferSpec, onnxRuntime, proveSpec } from "weightspace/infer";
import { unf } from "weightspace/models";

const file = new URL("../test/fixtures/models/vit_block.onnx", import.meta.url);
const bytes = new Uint8Array(await readFile(file));

// A Transformer block whose queries, keys and values are split into heads by a reshape.
const inference = inferSpec(readOnnx(bytes));
const { spec, warnings, unsupported } = inference;
console.log(printSpec(spec));
for (const warning of warnings) console.log(`warning: ${warning}`);
console.log(`\n${unsupported.length} operations were not followed`);

const moving = Object.entries(spec.axes).filter(([, { group }]) => group !== "fixed");
console.log(`${moving.length} axes move:`);
for (const [name, axis] of moving) console.log(`  ${name}: ${formatGroup(axis)}`);

// Random group elements act on the weights of this very file; the outputs of the model must not change.
const proof = await proveSpec(bytes, inference, await onnxRuntime(), { seed: 1 });
console.log(`\n${proof.verdict}, largest error ${proof.largestError.toExponential(0)}`);
for (const { axis, control } of proof.axes)
  console.log(`  ${axis}: moving only ${control?.tensor ?? "one tensor"} shows`);

// The same object feeds every model. Coefficients can be shared between alike tensors to keep the model small.
const model = unf(spec, { channels: [1, 4], head: [8, 1], share: { maxDistance: 1 } });
console.log(`\n${model.name} over this model: ${model.parameterCount} parameters`);
