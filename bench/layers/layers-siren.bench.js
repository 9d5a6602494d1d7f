// 32 SIRENs 2-32-32-3, 3 layers, 32 channels: forward against its floor, one thread; times, first forward and peak memory.

import { startEngine } from "../../dist/engine/start.js";
import { watchEngine } from "../../dist/engine/live-arrays.js";
import { mlpSpec } from "../../dist/symmetry/presets/mlp.js";

export async function run() {
  const watch = await watchEngine();
  await startEngine();
  const { againstFloor } = await import("../support/stack.js");
  const spec = mlpSpec([2, 32, 32, 3], { ends: "permutation" });
  return againstFloor(
    "32 SIRENs 2-32-32-3, 3 layers, 32 channels",
    spec,
    [1, 32, 32, 32],
    32,
    15,
    watch,
  );
}
