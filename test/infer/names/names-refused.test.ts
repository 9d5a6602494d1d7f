// The names door refuses what it cannot explain: a tensor more, a tensor less, any size that does not follow from others.

import { describe, expect, it } from "vitest";
import { OptionError, SpecError, UnsupportedError } from "../../../src/core/errors.ts";
import { randomStream } from "../../../src/core/random.ts";
import {
  inferSpecFromNames,
  type InferNamesOptions,
} from "../../../src/infer/names/infer-names.ts";
import type { NamedShape } from "../../../src/infer/names/template.ts";
import {
  bertTensors,
  cnnTensors,
  gpt2Tensors,
  gruTensors,
  llamaTensors,
  mlpTensors,
  resnetTensors,
  vitTensors,
} from "../../support/files/model-tensors.ts";

/** Dimensions that no other tensor shares, so that any size fits: rows of tables, kernels, the network's input. */
function isFree(name: string, shape: readonly number[], dimension: number): boolean {
  if (/position_embeddings|token_type|^w[tp]e/.test(name)) return dimension === 0;
  if (/pos_embed|cls_token/.test(name)) return dimension < 2;
  if (name.startsWith("patch_embed") || name === "conv1.weight") return dimension > 0;
  if (/conv|downsample/.test(name)) return dimension > 1;
  if (name === "rnn.weight_ih_l0") return dimension === 1;
  return dimension === 1 && name === "fc1.weight" && shape[1] === 7;
}

describe("a file that does not fit is refused with every reason", () => {
  const families: readonly (readonly [string, readonly NamedShape[], InferNamesOptions])[] = [
    ["GPT-2", gpt2Tensors(), { heads: 3, tied: true }],
    ["BERT", bertTensors(), { heads: 3 }],
    ["Llama", llamaTensors(), { heads: 6 }],
    ["ViT", vitTensors(), { heads: 3 }],
    ["ResNeXt", resnetTensors(2), {}],
    ["MLP", mlpTensors, { family: "mlp" }],
    ["CNN", cnnTensors, { family: "cnn" }],
    ["GRU", gruTensors, { family: "gru" }],
  ];
  const fails = (tensors: readonly NamedShape[], options: InferNamesOptions) => {
    try {
      inferSpecFromNames(tensors, options);
    } catch (error) {
      const ours = [SpecError, UnsupportedError, OptionError];
      if (ours.some((kind) => error instanceof kind)) return (error as Error).message;
      throw error;
    }
    return null;
  };

  it.each(families)("%s: a tensor more holds still what it may read", (_name, tensors, options) => {
    const more = [...tensors, { name: "adapter.weight", shape: [3, 7] }];
    // Who names a family whose names say little means every tensor.
    if (options.family !== undefined) return expect(fails(more, options)).toMatch(/adapter/);
    const { spec, unknown, warnings } = inferSpecFromNames(more, options);
    expect(unknown).toEqual(["adapter.weight"]);
    expect(warnings.join()).toMatch(/does not know "adapter\.weight"/);
    const before = inferSpecFromNames(tensors, options).spec;
    const stream = tensors.some(({ name }) => name.startsWith("layer1.")) ? "stem" : "residual";
    expect([before.axes[stream].group, spec.axes[stream].group]).toEqual(["permutation", "fixed"]);
    const moving = ({ axes }: typeof spec) =>
      Object.keys(axes).filter((name) => axes[name].group !== "fixed");
    expect(moving(before)).toEqual(expect.arrayContaining(moving(spec)));
    expect(moving(spec).length).toBeGreaterThan(0);
    return undefined;
  });

  it.each(families)("%s: any one matrix of another shape", (_name, tensors, options) => {
    for (const [i, { name, shape }] of tensors.entries()) {
      if (shape.length < 2) continue;
      for (const dimension of shape.keys()) {
        // Free sizes: the rows of tables, kernels of convolutions and the outputs may have any size.
        const changed = shape.with(dimension, shape[dimension] + 1);
        const message = fails(tensors.with(i, { name, shape: changed }), options);
        const free = isFree(name, shape, dimension);
        expect(message === null, `${name} ${dimension}`).toBe(free);
      }
    }
  });

  it.each(families)(
    "%s: any one bias or normalisation of another size",
    (_name, tensors, options) => {
      for (const [i, { name, shape }] of tensors.entries()) {
        if (shape.length !== 1 || name === "cls.predictions.bias") continue;
        const changed = tensors.with(i, { name, shape: [shape[0] + 1] });
        expect(fails(changed, options), name).not.toBeNull();
      }
    },
  );

  it.each(families)("%s: any one matrix missing", (_name, tensors, options) => {
    for (const [i, { name, shape }] of tensors.entries()) {
      if (shape.length < 2 || /lm_head|^head|^fc\d?\.|token|pos_embed|transform/.test(name))
        continue;
      // Without positions of its own BERT may turn its queries by them: fewer axes, no refusal.
      if (name.includes("position_embeddings")) continue;
      expect(fails(tensors.toSpliced(i, 1), options), name).not.toBeNull();
    }
  });

  it("8,000 mutated lists: a spec that fits every shape, or an error of ours", () => {
    const random = randomStream(23);
    const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)];
    let refused = 0;
    for (let round = 0; round < 8000; round++) {
      const [, tensors, options] = pick(families);
      const list = [...tensors];
      for (let i = random.integer(3); i >= 0 && list.length > 0; i--) {
        const at = random.integer(list.length);
        const { name, shape } = list[at];
        const sizes = [0, 1, 2, shape[0] ?? 3, 7.5, 2 ** 40, -1];
        const dimension = random.integer(shape.length + 1);
        const mutants: NamedShape[][] = [
          [{ name, shape: shape.toSpliced(dimension, 1, pick(sizes)) }],
          [{ name, shape: shape.toSpliced(dimension, 1) }],
          [{ name, shape: shape.toReversed() }],
          [{ name: name.slice(0, random.integer(name.length + 1)), shape }],
          [{ name: name.replace(/\d+/, String(random.integer(20))), shape }],
          [{ name: "constructor", shape }],
          [],
        ];
        list.splice(at, 1, ...pick(mutants));
      }
      if (new Set(list.map(({ name }) => name)).size < list.length) continue;
      if (fails(list, options) !== null) refused++;
    }
    expect(refused).toBeGreaterThan(5000);
  });
});
