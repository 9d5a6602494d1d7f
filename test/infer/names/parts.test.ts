// Parts of a file that no family has: wrappers, adapters, scales, heads of one's own, several networks in one file. They
// carry what symmetry they can, and what they may read is held still.

import { numpy as np } from "@jax-js/jax";
import { describe, expect, test } from "vitest";
import { OptionError } from "../../../src/core/errors.ts";
import { inferSpecFromNames } from "../../../src/infer/names/infer-names.ts";
import { plainNames } from "../../../src/infer/names/stored-names.ts";
import type { NamedShape } from "../../../src/infer/names/template.ts";
import { formatAxisExpression } from "../../../src/symmetry/expression.ts";
import { withoutFactors, withoutPartScales } from "../../support/structure.ts";
import { specDifference } from "../../../src/symmetry/same-spec.ts";
import type { SymmetrySpec } from "../../../src/symmetry/types.ts";
import { inferSpecFromFunction } from "../../../src/trace/infer-function.ts";
import {
  bertTensors,
  gpt2Tensors,
  llamaTensors,
  resnetTensors,
  vitTensors,
} from "../../support/files/model-tensors.ts";
import { type Network, verdictOn } from "../../support/graphs/function-oracle.ts";
import { linear, type W } from "../../support/graphs/traced-layers.ts";
import { bert, llama } from "../../support/graphs/traced-models.ts";

const shapesOf = (tensors: readonly NamedShape[]) =>
  Object.fromEntries(tensors.map(({ name, shape }) => [name, { shape }]));

const axesOf = (spec: SymmetrySpec, name: string) =>
  spec.tensors[name].axes.map(formatAxisExpression);

const moving = ({ axes }: SymmetrySpec) =>
  Object.keys(axes).filter((name) => axes[name].group !== "fixed");

/** A spec in which these tensors stand still, so that a function that reads them can be run. */
const withFixed = (spec: SymmetrySpec, tensors: readonly NamedShape[]): SymmetrySpec => ({
  ...spec,
  tensors: {
    ...spec.tensors,
    ...Object.fromEntries(
      tensors.map(({ name, shape }) => [
        name,
        { shape, axes: shape.map((size) => ({ kind: "block" as const, size })) },
      ]),
    ),
  },
});

describe("wrappers", () => {
  const told = { heads: 3, tied: true };

  test.each(["module.", "_orig_mod.", "module._orig_mod.", "base_model.model.", "model."])(
    "%s around every name changes nothing else",
    (prefix) => {
      const wrapped = gpt2Tensors().map(({ name, shape }) => ({ name: prefix + name, shape }));
      const { spec, warnings } = inferSpecFromNames(wrapped, told);
      const plain = inferSpecFromNames(gpt2Tensors(), told).spec;
      expect(warnings).toEqual([]);
      expect(spec.axes).toEqual(plain.axes);
      expect(Object.keys(spec.tensors)).toEqual(wrapped.map(({ name }) => name));
    },
  );

  test("never make two names one", () => {
    const { plain, stripped } = plainNames(["a.gamma", "a.beta", "a.weight", "b.gamma", "b.beta"]);
    expect(stripped).toEqual([]);
    expect([...plain.values()]).toEqual(["a.gamma", "a.bias", "a.weight", "b.weight", "b.bias"]);
    expect(plainNames(["module.a", "module.b", "c"]).stripped).toEqual([]);
    expect(new Set(plainNames(["x.base_layer.weight", "x.weight"]).plain.values()).size).toBe(2);
  });
});

describe("adapters", () => {
  const adapter = (layer: string, to: number, from: number): NamedShape[] => [
    { name: `${layer}.lora_A.default.weight`, shape: [2, from] },
    { name: `${layer}.lora_B.default.weight`, shape: [to, 2] },
  ];
  const layers = [
    ["model.layers.0.self_attn.q_proj", 24, 12],
    ["model.layers.1.self_attn.v_proj", 12, 12],
    ["model.layers.0.mlp.down_proj", 12, 17],
  ] as const;
  const adapters = layers.flatMap(([name, to, from]) => adapter(name, to, from));

  test("a pair of low rank has any basis between its matrices, as the traced network says", async () => {
    const tensors = [...llamaTensors(), ...adapters];
    const named = inferSpecFromNames(tensors, { heads: 6 });
    expect([named.warnings, named.unknown]).toEqual([[], []]);
    const fn: Network = (w, x) => {
      const whole: W = { ...w };
      for (const [name] of layers) {
        const [a, b] = ["lora_A", "lora_B"].map((part) => w[`${name}.${part}.default.weight`].ref);
        whole[`${name}.weight`] = np.add(w[`${name}.weight`].ref, np.matmul(b, a));
      }
      return llama(whole, x, 6, 3, 2);
    };
    const traced = await inferSpecFromFunction(fn, shapesOf(tensors), [{ shape: [2, 5, 11] }]);
    expect(
      specDifference(withoutFactors(named.spec), withoutFactors(withoutPartScales(traced.spec))),
    ).toBeNull();
    const { together, control } = await verdictOn(fn, [2, 5, 11], named.spec, 3);
    expect(together).toBeLessThan(2e-4);
    expect(control).toBeGreaterThan(1e-3);
  });

  test("beside Conv1D the matrices lie the other way round, and a misfit holds its layer still", () => {
    const tensors = [...gpt2Tensors(), ...adapter("h.0.mlp.c_proj", 12, 17)];
    const { spec } = inferSpecFromNames(tensors, { heads: 3, tied: true });
    expect(axesOf(spec, "h.0.mlp.c_proj.lora_A.default.weight")[1]).toBe("h0.ff");
    expect(axesOf(spec, "h.0.mlp.c_proj.lora_B.default.weight")[0]).toBe("residual");
    const odd = [...gpt2Tensors(), ...adapter("h.0.mlp.c_proj", 12, 16)];
    const held = inferSpecFromNames(odd, { heads: 3, tied: true });
    expect(held.unknown.length).toBe(2);
    expect(moving(held.spec).filter((axis) => axis.startsWith("h0"))).toEqual([]);
    expect(moving(held.spec)).toContain("h1.ff");
  });

  test("a network wrapped for adapters keeps its names", () => {
    const wrapped = [...llamaTensors(), ...adapter("model.layers.0.self_attn.q_proj", 24, 12)].map(
      ({ name, shape }) => ({
        name: `base_model.model.${name.replace(/(0\.self_attn\.q_proj)\.weight$/, "$1.base_layer.weight")}`,
        shape,
      }),
    );
    const { spec, unknown } = inferSpecFromNames(wrapped, { heads: 6 });
    expect(unknown).toEqual([]);
    const base = "base_model.model.model.layers.0.self_attn.q_proj.base_layer.weight";
    expect(axesOf(spec, base)).toEqual(["layer0.head * layer0.query * 4", "residual"]);
  });
});

describe("tensors that nobody knows", () => {
  test("a head that reads the stream of BERT: with it held still outputs stay, without they change", async () => {
    const probe = [{ name: "probe.weight", shape: [3, 12] }];
    const { spec, unknown } = inferSpecFromNames([...bertTensors(), ...probe], { heads: 3 });
    expect(unknown).toEqual(["probe.weight"]);
    expect(spec.axes["residual"].group).toBe("fixed");
    const fn: Network = (w, x) => {
      let scores: np.Array | undefined;
      const out = bert(w, x, 3, 2, (last) => {
        scores = linear(w, "probe", last.ref);
        return last;
      });
      return np.concatenate([out.reshape([-1]), scores!.reshape([-1])]);
    };
    const good = await verdictOn(fn, [2, 5, 11], withFixed(spec, probe), 7);
    expect(good.together).toBeLessThan(2e-4);
    expect(good.control).toBeGreaterThan(1e-3);
    const without = inferSpecFromNames(bertTensors(), { heads: 3 }).spec;
    expect(
      (await verdictOn(fn, [2, 5, 11], withFixed(without, probe), 7)).together,
    ).toBeGreaterThan(1e-2);
  });

  test("a number beside a layer leaves reorderings, an array in it nothing", () => {
    const scale = { name: "model.layers.0.self_attn.k_scale", shape: [1] };
    const { spec } = inferSpecFromNames([...llamaTensors(), scale], { heads: 6 });
    expect(spec.axes["layer0.v"].group).toBe("permutation");
    expect(spec.axes["layer1.v"].group).toBe("general-linear");
    expect(spec.axes["residual"].group).toBe("permutation");
    const sinks = { name: "model.layers.0.self_attn.sinks", shape: [6] };
    const held = inferSpecFromNames([...llamaTensors(), sinks], { heads: 6 }).spec;
    expect(moving(held).filter((axis) => axis.startsWith("layer0"))).toEqual([]);
    expect(moving(held)).toEqual(expect.arrayContaining(["layer1.head", "layer1.ff"]));
  });

  test("tables of rotation keep queries and keys in place, whatever the family says of positions", () => {
    const table = { name: "bert.encoder.rotary_emb.inv_freq", shape: [2] };
    const { spec } = inferSpecFromNames([...bertTensors(), table], { heads: 3 });
    expect(Object.keys(spec.axes)).not.toContain("layer0.qk");
    expect(Object.keys(inferSpecFromNames(bertTensors(), { heads: 3 }).spec.axes)).toContain(
      "layer0.qk",
    );
  });

  test("two networks in one file have axes of their own", () => {
    const under = (prefix: string, tensors: readonly NamedShape[]) =>
      tensors.map(({ name, shape }) => ({ name: prefix + name, shape }));
    const both = [...under("encoder_q.", resnetTensors()), ...under("encoder_k.", resnetTensors())];
    const { spec, family } = inferSpecFromNames(both);
    expect(family).toBe("resnet");
    expect(axesOf(spec, "encoder_q.conv1.weight")[0]).toBe("encoder_q.stem");
    expect(axesOf(spec, "encoder_k.conv1.weight")[0]).toBe("encoder_k.stem");
    expect(spec.axes["encoder_q.stem"].group).toBe("permutation");
    const mixed = [...under("vision.", vitTensors()), ...under("text.", bertTensors())];
    expect(inferSpecFromNames(mixed, { heads: 3 }).family.split(" + ").toSorted()).toEqual([
      "bert",
      "vit",
    ]);
  });

  test("head counts that contradict the tensors are an error, not a weaker spec", () => {
    expect(() => inferSpecFromNames(gpt2Tensors(), { heads: 5, tied: true })).toThrow(OptionError);
  });
});
