// Networks in other forms for tests of conversions: renamed, turned, fused; and how files compare after a plan.

import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import type { Tensor } from "../../src/core/tensors.ts";
import { compareCheckpoints } from "../../src/compare/compare-checkpoints.ts";
import { commonSource, convertedSource } from "../../src/compare/conversions/converted-source.ts";
import { permuted, takeRows } from "../../src/compare/conversions/make-tensor.ts";
import { planConversion } from "../../src/compare/conversions/plan-conversion.ts";
import type { TensorSource } from "../../src/formats/tensor-source.ts";

const random = randomStream(5);

export const tensor = (...shape: number[]): Tensor => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
});

/** A decoder of two layers with 4 query heads of 3 rows and 2 of keys and values, and constant norms as fresh models have. */
export function decoder(): Record<string, Tensor> {
  const ones: Tensor = { shape: [8], data: new Float32Array(8).fill(1) };
  const layers = [0, 1].flatMap((i): [string, Tensor][] => {
    const at = `model.layers.${i}`;
    return [
      [`${at}.input_layernorm.weight`, ones],
      [`${at}.post_attention_layernorm.weight`, ones],
      [`${at}.self_attn.q_proj.weight`, tensor(12, 8)],
      [`${at}.self_attn.q_proj.bias`, tensor(12)],
      [`${at}.self_attn.k_proj.weight`, tensor(6, 8)],
      [`${at}.self_attn.k_proj.bias`, tensor(6)],
      [`${at}.self_attn.v_proj.weight`, tensor(6, 8)],
      [`${at}.self_attn.v_proj.bias`, { shape: [6], data: new Float32Array(6) }],
      [`${at}.self_attn.o_proj.weight`, tensor(8, 12)],
      [`${at}.mlp.gate_proj.weight`, tensor(10, 8)],
      [`${at}.mlp.up_proj.weight`, tensor(10, 8)],
      [`${at}.mlp.down_proj.weight`, tensor(8, 10)],
    ];
  });
  return {
    "model.embed_tokens.weight": tensor(13, 8),
    ...Object.fromEntries(layers),
    "model.norm.weight": ones,
    "lm_head.weight": tensor(13, 8),
  };
}

export const stack = (...parts: readonly Tensor[]): Tensor => ({
  shape: [parts.reduce((sum, { shape }) => sum + shape[0], 0), ...parts[0].shape.slice(1)],
  data: Float32Array.from(parts.flatMap(({ data }) => [...data])),
});

/** So many rows of each part for every group. */
export const perGroup = (groups: number, ...parts: readonly Tensor[]): Tensor => {
  const rows = parts.map(({ shape }) => shape[0] / groups);
  const slices = Array.from({ length: groups }, (_, g) =>
    parts.map((part, p) =>
      takeRows(
        part,
        Array.from({ length: rows[p] }, (__, r) => g * rows[p] + r),
      ),
    ),
  ).flat();
  return stack(...slices);
};

export type Change = (weights: Record<string, Tensor>) => Record<string, Tensor>;

export const mapNames =
  (named: (name: string) => string): Change =>
  (weights) =>
    Object.fromEntries(Object.entries(weights).map(([name, one]) => [named(name), one]));

export const mapTensors =
  (change: (name: string, one: Tensor) => Tensor): Change =>
  (weights) =>
    Object.fromEntries(Object.entries(weights).map(([name, one]) => [name, change(name, one)]));

/** One tensor in place of several of each layer. */
export const fuse =
  (
    whole: string,
    parts: readonly string[],
    join: (...parts: readonly Tensor[]) => Tensor,
  ): Change =>
  (weights) => {
    const result: Record<string, Tensor> = {};
    for (const [name, one] of Object.entries(weights)) {
      const part = parts.findIndex((text) => name.includes(`.${text}.`));
      if (part === -1) result[name] = one;
      if (part !== 0) continue;
      const all = parts.map((text) => weights[name.replace(`.${parts[0]}.`, `.${text}.`)]);
      result[name.replace(`.${parts[0]}.`, `.${whole}.`)] = join(...all);
    }
    return result;
  };

export const projections = ["q_proj", "k_proj", "v_proj"] as const;
export const turned: Change = mapTensors((name, one) =>
  one.shape.length === 2 && !/embed|lm_head/.test(name) ? permuted(one, [1, 0]) : one,
);

export const kindsOf = (conversions: readonly { readonly kind: string }[]) =>
  [...new Set(conversions.map(({ kind }) => kind))].toSorted();

/** The plan, and how files compare after it. */
export async function converted(a: TensorSource, b: TensorSource) {
  const plan = await planConversion(a, b);
  const comparison = await compareCheckpoints(convertedSource(plan), commonSource(plan));
  return { plan, verdict: comparison.verdict, comparison };
}
