// Name styles that also differ in layout: the template says what the network it stands for says.

import { withoutFactors, withoutPartScales } from "../../support/structure.ts";
import { lax, nn, numpy as np } from "@jax-js/jax";
import { expect, test } from "vitest";
import {
  inferSpecFromNames,
  type InferNamesOptions,
} from "../../../src/infer/names/infer-names.ts";
import type { NamedShape } from "../../../src/infer/names/template.ts";
import { formatAxisExpression } from "../../../src/symmetry/expression.ts";
import { specDifference } from "../../../src/symmetry/same-spec.ts";
import type { SymmetrySpec } from "../../../src/symmetry/types.ts";
import { inferSpecFromFunction } from "../../../src/trace/infer-function.ts";
import { type Network, verdictOn } from "../../support/graphs/function-oracle.ts";
import {
  bertTensors,
  gpt2Tensors,
  mlpTensors,
  vitTensors,
} from "../../support/files/model-tensors.ts";
import { linear, type W } from "../../support/graphs/traced-layers.ts";
import { bert, gpt2 } from "../../support/graphs/traced-models.ts";

const shapesOf = (tensors: readonly NamedShape[]) =>
  Object.fromEntries(tensors.map(({ name, shape }) => [name, { shape }]));

async function expectAgreement(
  tensors: readonly NamedShape[],
  options: InferNamesOptions,
  fn: Network,
  input: readonly number[],
): Promise<void> {
  const named = inferSpecFromNames(tensors, options);
  const traced = await inferSpecFromFunction((w, x) => fn(w, x), shapesOf(tensors), [
    { shape: input },
  ]);
  expect(named.warnings).toEqual([]);
  expect(
    specDifference(withoutFactors(named.spec), withoutFactors(withoutPartScales(traced.spec))),
  ).toBeNull();
  const { axes, together, control } = await verdictOn(fn, input, named.spec, 9);
  for (const [axis, error] of Object.entries(axes)) expect(error, axis).toBeLessThan(1e-4);
  expect(together).toBeLessThan(2e-4);
  expect(control).toBeGreaterThan(1e-3);
}

test("nanoGPT: linear layers as [out, in], head stored beside the embedding", async () => {
  const isMatrix = (name: string) => /c_(attn|proj|fc)\.weight/.test(name);
  const tensors = [
    ...gpt2Tensors(1, 12, 17, "transformer.").map(({ name, shape }) => ({
      name,
      shape: isMatrix(name) ? shape.toReversed() : shape,
    })),
    { name: "lm_head.weight", shape: [11, 12] },
  ];
  const fn: Network = (w, x) => {
    const plain = Object.entries(w).map(([name, array]): [string, np.Array] => [
      name.replace("transformer.", ""),
      isMatrix(name) ? array.transpose() : array,
    ]);
    const body = Object.fromEntries(plain);
    // The same head as a matrix of its own: the sum of both heads reads both.
    return np.add(
      gpt2(body, x.ref, 3, 1),
      gpt2({ ...body, "wte.weight": body["lm_head.weight"] }, x, 3, 1),
    );
  };
  await expectAgreement(tensors, { heads: 3 }, fn, [2, 5, 11]);
});

test("BERT before fine-tuning: a pooler behind the next-sentence head flips signs", async () => {
  const tensors = [
    ...bertTensors(1),
    { name: "bert.pooler.dense.weight", shape: [12, 12] },
    { name: "bert.pooler.dense.bias", shape: [12] },
    { name: "cls.seq_relationship.weight", shape: [2, 12] },
    { name: "cls.seq_relationship.bias", shape: [2] },
  ];
  const fn: Network = (w, x) => {
    const { words, stream } = bertBoth(w, x);
    const first = stream.slice([], 0, []);
    const pooled = np.tanh(linear(w, "bert.pooler.dense", first));
    const next = linear(w, "cls.seq_relationship", pooled);
    return np.concatenate([words.reshape([-1]), next.reshape([-1])]);
  };
  const { spec } = inferSpecFromNames(tensors, { heads: 3 });
  expect(spec.axes["pooled"]).toMatchObject({ group: "permutation", scale: "sign" });
  await expectAgreement(tensors, { heads: 3 }, fn, [2, 5, 11]);
});

/** Word scores and, through an identity in place of the head, the last residual stream. */
function bertBoth(w: W, x: np.Array): { words: np.Array; stream: np.Array } {
  let stream: np.Array | undefined;
  const words = bert(w, x, 3, 1, (last) => {
    stream = last.ref;
    return last;
  });
  return { words, stream: stream! };
}

test("an MLP with a told activation has its scales, without it none", async () => {
  const chain =
    (f: (x: np.Array) => np.Array): Network =>
    (w, x) =>
      linear(w, "fc3", f(linear(w, "fc2", f(linear(w, "fc1", x)))));
  const family = "mlp";
  await expectAgreement(mlpTensors, { family, activation: "tanh" }, chain(np.tanh), [4, 7]);
  await expectAgreement(mlpTensors, { family, activation: "relu" }, chain(nn.relu), [4, 7]);
  await expectAgreement(mlpTensors, { family }, chain(nn.sigmoid), [4, 7]);
});

test("separate and fused projections of ViT give the same axes", () => {
  const spec = inferSpecFromNames(vitTensors(1), { heads: 3 }).spec;
  const separate = vitTensors(1).flatMap(({ name, shape }): NamedShape[] =>
    name.includes("attn.qkv")
      ? ["query", "key", "value"].map((part) => ({
          name: name.replace("attn.qkv", `attention.attention.${part}`),
          shape: [shape[0] / 3, ...shape.slice(1)],
        }))
      : [{ name, shape }],
  );
  const huggingFace: readonly (readonly [RegExp, string])[] = [
    [/^cls_token/, "vit.embeddings.cls_token"],
    [/^pos_embed/, "vit.embeddings.position_embeddings"],
    [/^patch_embed\.proj/, "vit.embeddings.patch_embeddings.projection"],
    [/^norm\./, "vit.layernorm."],
    [/^head\./, "classifier."],
    [/^blocks\.(\d+)\./, "vit.encoder.layer.$1."],
    [/norm1/, "layernorm_before"],
    [/norm2/, "layernorm_after"],
    [/attn\.proj/, "attention.output.dense"],
    [/mlp\.fc1/, "intermediate.dense"],
    [/mlp\.fc2/, "output.dense"],
  ];
  const renamed = separate.map(({ name, shape }) => ({
    name: huggingFace.reduce((text, [pattern, by]) => text.replace(pattern, by), name),
    shape,
  }));
  const other = inferSpecFromNames(renamed, { heads: 3 }).spec;
  const axes = (one: SymmetrySpec, name: string) =>
    one.tensors[name].axes.map(formatAxisExpression);
  const parts = ["query", "key", "value"].map(
    (part) => axes(other, `vit.encoder.layer.0.attention.attention.${part}.bias`)[0],
  );
  expect(axes(spec, "blocks.0.attn.qkv.bias")).toEqual([parts.join(" + ")]);
});

/** x kernel + bias, as Keras stores them: [in, out]. */
const kerasDense = (w: W, name: string, x: np.Array): np.Array =>
  np.add(np.matmul(x, w[`${name}/kernel`].ref), w[`${name}/bias`].ref);

/** A convolution of Keras, kernel [height, width, in, out], over [batch, channel, height, width]. */
const kerasConv = (w: W, name: string, x: np.Array): np.Array =>
  lax.convGeneralDilated(x, w[`${name}/kernel`].ref.transpose([3, 2, 0, 1]), [1, 1], "VALID");

const kerasMlp: NamedShape[] = [
  // As files list them: not in the order of the layers.
  { name: "dense_10/kernel", shape: [5, 3] },
  { name: "dense_10/bias", shape: [3] },
  { name: "dense/kernel", shape: [7, 6] },
  { name: "dense/bias", shape: [6] },
  { name: "dense_2/kernel", shape: [6, 5] },
  { name: "dense_2/bias", shape: [5] },
];

test("a perceptron of Keras: kernels [in, out], the first layer without a number", async () => {
  const chain =
    (f: (x: np.Array) => np.Array): Network =>
    (w, x) =>
      kerasDense(w, "dense_10", f(kerasDense(w, "dense_2", f(kerasDense(w, "dense", x)))));
  const family = "mlp";
  await expectAgreement(kerasMlp, { family, activation: "relu" }, chain(nn.relu), [4, 7]);
  await expectAgreement(kerasMlp, { family }, chain(nn.sigmoid), [4, 7]);
});

const kerasNorm = (name: string, size: number): NamedShape[] =>
  ["gamma", "beta", "moving_mean", "moving_variance"].map((part) => ({
    name: `${name}/${part}`,
    shape: [size],
  }));

const kerasCnn: NamedShape[] = [
  { name: "conv2d/kernel", shape: [3, 3, 2, 4] },
  ...kerasNorm("batch_normalization", 4),
  { name: "conv2d_1/kernel", shape: [3, 3, 4, 5] },
  ...kerasNorm("batch_normalization_1", 5),
  { name: "dense/kernel", shape: [20, 6] },
  { name: "dense/bias", shape: [6] },
  { name: "dense_1/kernel", shape: [6, 3] },
  { name: "dense_1/bias", shape: [3] },
];

test("a convolutional network of Keras: channels are the inner part of flattened images", async () => {
  const normed = (w: W, name: string, x: np.Array): np.Array => {
    const part = (ending: string) => w[`${name}/${ending}`].ref.reshape([1, -1, 1, 1]);
    const scale = np.divide(
      part("gamma"),
      np.sqrt(np.add(np.square(part("moving_variance")), 1e-3)),
    );
    return np.add(np.multiply(np.subtract(x, part("moving_mean")), scale), part("beta"));
  };
  const cnn: Network = (w, x) => {
    let y = nn.relu(normed(w, "batch_normalization", kerasConv(w, "conv2d", x)));
    y = nn.relu(normed(w, "batch_normalization_1", kerasConv(w, "conv2d_1", y)));
    const flat = y.transpose([0, 2, 3, 1]).reshape([2, 20]);
    return kerasDense(w, "dense_1", nn.sigmoid(kerasDense(w, "dense", flat)));
  };
  await expectAgreement(kerasCnn, { family: "cnn" }, cnn, [2, 2, 6, 6]);
  const lacking = kerasCnn.filter(({ name }) => !name.startsWith("batch_normalization_1"));
  expect(() => inferSpecFromNames(lacking, { family: "cnn" })).toThrow(
    /1 normalisations for 2 layers/,
  );
  const unordered = kerasMlp.map(({ name, shape }) => ({
    name: name.replace("dense_10", "output"),
    shape,
  }));
  expect(() => inferSpecFromNames(unordered, { family: "mlp" })).toThrow(/have no order/);
});
