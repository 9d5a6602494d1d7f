// Equivariant layers against their floor (bare matrix products plus one read and one write of every input and output)
// and against the term-by-term executor, one thread. Ratios of medians, all sides in one run.

import { startEngine } from "../dist/engine/start.js";
import { watchEngine } from "../dist/engine/live-arrays.js";
import { mlpSpec } from "../dist/spec/presets/mlp.js";
import { transformerSpec } from "../dist/spec/presets/transformer.js";

const ends = "permutation";
const rounded = (record) =>
  Object.fromEntries(
    Object.entries(record).map(([key, value]) => [
      key,
      typeof value === "number" ? Number(value.toPrecision(4)) : value,
    ]),
  );

export async function run() {
  const watch = await watchEngine();
  await startEngine();
  const { againstFloor, againstTermByTerm } = await import("./support/stack.js");
  const transformer = (layers) =>
    transformerSpec({ layers, width: 64, vocabulary: 256, positions: 64, ends });
  const stack = [1, 32, 32, 32];
  const heap = (record) => ({
    ...rounded(record),
    engineHeapMegabytes: Math.round(watch.heapBytes() / 2 ** 20),
  });
  return {
    floor: [
      heap(
        await againstFloor(
          "MLP 784-128-10, 3 layers, 32 channels",
          mlpSpec([784, 128, 10], { ends }),
          stack,
          1,
          15,
        ),
      ),
      heap(
        await againstFloor(
          "32 SIRENs 2-32-32-3, 3 layers, 32 channels",
          mlpSpec([2, 32, 32, 3], { ends }),
          stack,
          32,
          15,
        ),
      ),
      heap(
        await againstFloor(
          "12-layer Transformer, width 64, 8 channels",
          transformer(12),
          [8, 8],
          1,
          15,
        ),
      ),
    ],
    termByTerm: [
      heap(
        await againstTermByTerm(
          "4-layer Transformer, width 64, 8 channels",
          transformer(4),
          [8, 8],
          1,
          5,
        ),
      ),
    ],
  };
}
