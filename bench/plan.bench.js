// Enumerating and planning the 12-layer, 196-tensor Transformer spec, from the spec to the schedule.

import { countLayerTerms } from "../dist/basis/counts.js";
import { compilePlan } from "../dist/plan/compile.js";
import { schedulePlan } from "../dist/plan/schedule.js";
import { lowerSpec } from "../dist/symmetry/lower.js";
import { transformerSpec } from "../dist/symmetry/presets/transformer.js";
import { median } from "./support/median.js";

export async function run() {
  const times = [];
  let plan;
  let lowered;
  for (let turn = 0; turn < 21; turn++) {
    // A new spec every turn: nothing is cached between turns, and none of it is warm in the first.
    const spec = transformerSpec({
      layers: 12,
      width: 64,
      vocabulary: 256,
      positions: 64,
      ends: "permutation",
    });
    const began = performance.now();
    lowered = lowerSpec(spec);
    plan = compilePlan(lowered);
    schedulePlan(lowered, plan);
    times.push(performance.now() - began);
  }
  return {
    name: "12-layer Transformer: lower, enumerate, plan, schedule",
    tensors: lowered.tensors.length,
    terms: plan.terms,
    termsByFormula: countLayerTerms(lowered),
    products: plan.products.length,
    firstMs: Number(times[0].toPrecision(4)),
    medianMs: Number(median(times.slice(1)).toPrecision(4)),
  };
}
