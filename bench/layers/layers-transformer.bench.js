// 12-layer Transformer, width 64, 8 channels: forward against its floor, one thread; times, first forward and peak memory.

import { startEngine } from "../../dist/engine/start.js";
import { watchEngine } from "../../dist/engine/live-arrays.js";
import { transformerSpec } from "../../dist/symmetry/presets/transformer.js";

export async function run() {
  const watch = await watchEngine();
  await startEngine();
  const { againstFloor } = await import("../support/stack.js");
  const spec = transformerSpec({
    layers: 12,
    width: 64,
    vocabulary: 256,
    positions: 64,
    ends: "permutation",
  });
  return againstFloor("12-layer Transformer, width 64, 8 channels", spec, [8, 8], 1, 15, watch);
}
