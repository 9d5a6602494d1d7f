// How much of an output's initial variance each product of the plan brings.

import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { equivariantLinear } from "../../src/layers/equivariant-linear.ts";
import type { InitKind } from "../../src/layers/initial-coefficients.ts";
import { planSpec } from "../../src/plan/plan-spec.ts";
import { gruSpec } from "../../src/symmetry/presets/recurrent.ts";

const seed = 7;
const gain = 2;

beforeAll(() => startEngine());

/** Per atomic tensor and product: the sum of squares of the coefficients that feed an output, over all output columns. */
async function shares(init: InitKind): Promise<number[][]> {
  const executable = planSpec(gruSpec({ inputs: 3, hidden: 4, outputs: 2 }));
  const channels = { inputChannels: 24, outputChannels: 24 };
  const options = { ...channels, gain, init, bias: "none" as const };
  const layer = equivariantLinear(executable, options);
  const params = layer.init(seed);
  const { lowered, plan, schedule } = executable;
  const table: number[][] = lowered.tensors.map(() => []);
  for (const [p, { targets }] of plan.products.entries()) {
    const width = schedule.widths[p];
    const columns = width.output * channels.outputChannels;
    const values = (await params[`mix${p}`].data()) as Float32Array;
    let column = 0;
    for (const { tensor } of targets) {
      const size = lowered.tensors[tensor].fixedSize * channels.outputChannels;
      let squares = 0;
      for (let i = 0; i < values.length; i++) {
        const at = i % columns;
        if (at >= column && at < column + size) squares += values[i] ** 2;
      }
      table[tensor].push(squares / size);
      column += size;
    }
  }
  return table;
}

describe(`initial coefficients of a GRU's layer, seed ${seed}`, () => {
  test("balanced: every product brings the same variance, together the gain", async () => {
    for (const products of await shares("balanced")) {
      const expected = gain / products.length;
      for (const share of products) expect(share / expected).toBeCloseTo(1, 0.5);
      expect(products.reduce((sum, share) => sum + share, 0) / gain).toBeCloseTo(1, 0.7);
    }
  });
  test("fan-in: together the gain too, but products of many features bring more", async () => {
    const table = await shares("fan-in");
    for (const products of table) {
      expect(products.reduce((sum, share) => sum + share, 0) / gain).toBeCloseTo(1, 0.7);
    }
    const unequal = table.filter((products) => Math.max(...products) > 3 * Math.min(...products));
    expect(unequal.length).toBeGreaterThan(0);
  });
  test("shared: a block's variance is the mean of its places under either rule", async () => {
    const executable = planSpec(gruSpec({ inputs: 3, hidden: 4, outputs: 2 }));
    const squaresOf = async (init: InitKind) => {
      const options = { inputChannels: 8, outputChannels: 8, gain, init, share: {} };
      const { shared } = equivariantLinear(executable, options).init(seed);
      return [shared.shape, ((await shared.data()) as Float32Array).map((x) => x * x)] as const;
    };
    const [shape, balanced] = await squaresOf("balanced");
    const [, fanIn] = await squaresOf("fan-in");
    const mean = (values: Float32Array, block: number) =>
      values.subarray(64 * block, 64 * (block + 1)).reduce((sum, x) => sum + x, 0) / 64;
    const ratios = Array.from({ length: shape[0] }, (_, b) => mean(balanced, b) / mean(fanIn, b));
    expect(Math.max(...ratios)).toBeGreaterThan(2); // entries
    expect(Math.min(...ratios)).toBeLessThan(0.95); // means of whole tensors
  });
});
