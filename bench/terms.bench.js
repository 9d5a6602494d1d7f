// 4-layer Transformer, width 64, 8 channels: the grouped executor against the term-by-term executor, both compiled.

import { startEngine } from "../dist/engine/start.js";
import { transformerSpec } from "../dist/symmetry/presets/transformer.js";

export async function run() {
  await startEngine();
  const { againstTermByTerm } = await import("./support/stack.js");
  const spec = transformerSpec({
    layers: 4,
    width: 64,
    vocabulary: 256,
    positions: 64,
    ends: "permutation",
  });
  return againstTermByTerm("4-layer Transformer, width 64, 8 channels", spec, [8, 8], 1, 5);
}
