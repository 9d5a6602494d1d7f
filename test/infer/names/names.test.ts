// The names door alone: every name style, what is refused, and what stays fixed because names do not say it.

import { describe, expect, it, test } from "vitest";
import { OptionError, UnsupportedError } from "../../../src/core/errors.ts";
import {
  inferSpecFromNames,
  type InferNamesOptions,
} from "../../../src/infer/names/infer-names.ts";
import { bloom, falcon, groupedFalcon, perHeadTensors } from "../../support/families/per-head.ts";
import type { NamedShape } from "../../../src/infer/names/template.ts";
import { formatAxisExpression } from "../../../src/symmetry/expression.ts";
import { specDifference } from "../../../src/symmetry/same-spec.ts";
import type { SymmetrySpec } from "../../../src/symmetry/types.ts";
import {
  bertTensors,
  gpt2Tensors,
  llamaTensors,
  mlpTensors,
  resnetTensors,
  vitTensors,
} from "../../support/files/model-tensors.ts";

type Renaming = readonly (readonly [RegExp, string])[];

const rename = (name: string, rules: Renaming) =>
  rules.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), name);

const renamed = (tensors: readonly NamedShape[], rules: Renaming): NamedShape[] =>
  tensors.map(({ name, shape }) => ({ name: rename(name, rules), shape }));

/** The same spec with its tensors under other names. */
const specRenamed = (spec: SymmetrySpec, rules: Renaming): SymmetrySpec => ({
  ...spec,
  tensors: Object.fromEntries(
    Object.entries(spec.tensors).map(([name, tensor]) => [rename(name, rules), tensor]),
  ),
});

const styles: readonly (readonly [string, readonly NamedShape[], InferNamesOptions, Renaming])[] = [
  ["GPT-2 under transformer.", gpt2Tensors(), { heads: 3, tied: true }, [[/^/, "transformer."]]],
  [
    "BERT with gamma and beta",
    bertTensors(),
    { heads: 3 },
    [
      [/LayerNorm\.weight/, "LayerNorm.gamma"],
      [/LayerNorm\.bias/, "LayerNorm.beta"],
    ],
  ],
  [
    "RoBERTa",
    bertTensors(),
    { heads: 3 },
    [
      [/^bert\./, "roberta."],
      [/^cls\.predictions\.transform\.dense/, "lm_head.dense"],
      [/^cls\.predictions\.transform\.LayerNorm/, "lm_head.layer_norm"],
      [/^cls\.predictions\.bias/, "lm_head.bias"],
    ],
  ],
  [
    "Llama as first released",
    llamaTensors(),
    { heads: 6 },
    [
      [/^model\.embed_tokens/, "tok_embeddings"],
      [/^model\./, ""],
      [/^lm_head/, "output"],
      [/input_layernorm/, "attention_norm"],
      [/post_attention_layernorm/, "ffn_norm"],
      [/self_attn\.(.)_proj/, "attention.w$1"],
      [/mlp\.gate_proj/, "feed_forward.w1"],
      [/mlp\.down_proj/, "feed_forward.w2"],
      [/mlp\.up_proj/, "feed_forward.w3"],
    ],
  ],
  [
    "ViT of torchvision",
    vitTensors(),
    { heads: 3 },
    [
      [/^cls_token/, "class_token"],
      [/^pos_embed/, "encoder.pos_embedding"],
      [/^patch_embed\.proj/, "conv_proj"],
      [/^norm\./, "encoder.ln."],
      [/^head\./, "heads.head."],
      [/^blocks\.(\d+)\./, "encoder.layers.encoder_layer_$1."],
      [/norm(\d)/, "ln_$1"],
      [/attn\.qkv\./, "self_attention.in_proj_"],
      [/attn\.proj/, "self_attention.out_proj"],
      [/mlp\.fc1/, "mlp.0"],
      [/mlp\.fc2/, "mlp.3"],
    ],
  ],
  [
    "ResNet of Hugging Face",
    resnetTensors(),
    {},
    [
      [/^conv1/, "resnet.embedder.embedder.convolution"],
      [/^bn1/, "resnet.embedder.embedder.normalization"],
      [/^layer1\./, "resnet.encoder.stages.0.layers."],
      [/^layer2\./, "resnet.encoder.stages.1.layers."],
      [/conv1/, "layer.0.convolution"],
      [/conv2/, "layer.1.convolution"],
      [/conv3/, "layer.2.convolution"],
      [/bn1/, "layer.0.normalization"],
      [/bn2/, "layer.1.normalization"],
      [/bn3/, "layer.2.normalization"],
      [/downsample\.0/, "shortcut.convolution"],
      [/downsample\.1/, "shortcut.normalization"],
      [/^fc/, "classifier.1"],
    ],
  ],
];

test.each(styles)("%s says the same as the first name style", (_name, tensors, options, rules) => {
  const first = inferSpecFromNames(tensors, options).spec;
  const other = inferSpecFromNames(renamed(tensors, rules), options);
  expect(other.warnings).toEqual([]);
  expect(specDifference(specRenamed(first, rules), other.spec)).toBeNull();
});

describe("what names do not say", () => {
  it("leaves attention fixed without a head count, and says so", () => {
    for (const tensors of [gpt2Tensors(), bertTensors(), llamaTensors(), vitTensors()]) {
      const { spec, warnings } = inferSpecFromNames(tensors, { tied: true });
      expect(warnings.join()).toMatch(/number of attention heads/);
      const moving = Object.keys(spec.axes).filter((name) => spec.axes[name].group !== "fixed");
      expect(moving).toEqual(expect.arrayContaining(["residual"]));
      expect(moving.every((name) => /^residual$|\.(ff|up_proj)$/.test(name))).toBe(true);
    }
  });

  it("refuses head counts that do not divide", () => {
    expect(() => inferSpecFromNames(gpt2Tensors(), { heads: 5 })).toThrow(/5 heads/);
    expect(() => inferSpecFromNames(llamaTensors(), { heads: 6, keyValueHeads: 2 })).toThrow(
      /2 key\/value heads/,
    );
    expect(() => inferSpecFromNames(gpt2Tensors(), { heads: 0 })).toThrow(OptionError);
  });

  it("fixes the residual axis when no output matrix reads it", () => {
    const without = (tensors: readonly NamedShape[], pattern: RegExp) =>
      tensors.filter(({ name }) => !pattern.test(name));
    for (const [tensors, options] of [
      [gpt2Tensors(), { heads: 3 }],
      [gpt2Tensors(), { heads: 3, tied: false }],
      [without(bertTensors(), /^cls/), { heads: 3 }],
      [without(llamaTensors(), /^lm_head/), { heads: 6 }],
      [without(vitTensors(), /^head/), { heads: 3 }],
    ] as const) {
      const { spec, warnings } = inferSpecFromNames(tensors, options);
      expect(spec.axes["residual"].group).toBe("fixed");
      expect(warnings.join()).toMatch(/no output matrix/);
    }
  });

  it("reads head counts and tying from a config", () => {
    const config = { n_head: 3, architectures: ["GPT2LMHeadModel"] };
    const told = inferSpecFromNames(gpt2Tensors(), { heads: 3, tied: true }).spec;
    expect(specDifference(inferSpecFromNames(gpt2Tensors(), { config }).spec, told)).toBeNull();
    const grouped = { num_attention_heads: 6, num_key_value_heads: 3, head_dim: 4 };
    expect(inferSpecFromNames(llamaTensors(), { config: grouped }).warnings).toEqual([]);
    expect(() => inferSpecFromNames(gpt2Tensors(), { config: { n_head: "3" } })).toThrow(/n_head/);
    expect(() => inferSpecFromNames(gpt2Tensors(), { config: [] })).toThrow(/config\.json/);
    const bigBird = { model_type: "big_bird", num_attention_heads: 3 };
    expect(() => inferSpecFromNames(bertTensors(), { config: bigBird })).toThrow(/"big_bird"/);
  });

  it("takes ties from a config, but not those of a class without a head", () => {
    const config = { num_attention_heads: 3, model_type: "gpt2", tie_word_embeddings: true };
    const group = (architectures: readonly string[]) =>
      inferSpecFromNames(gpt2Tensors(), { config: { ...config, architectures } }).spec.axes.residual
        .group;
    expect(group(["GPT2LMHeadModel"])).toBe("permutation");
    expect(group(["GPT2Model"])).toBe("fixed");
  });

  it("fixes the order of heads that weigh distances by slopes of their own", () => {
    const tensors = perHeadTensors(groupedFalcon);
    const groupOf = (config: object) =>
      inferSpecFromNames(tensors, { config: { ...config, num_attention_heads: 6 } }).spec.axes[
        "layer0.head"
      ].group;
    expect([groupOf({}), groupOf({ alibi: false }), groupOf({ alibi: true })]).toEqual([
      "permutation",
      "permutation",
      "fixed",
    ]);
    // Blocks one after another are published with slopes: names leave it open, so the order is fixed until a config denies it.
    const sequential = perHeadTensors({ ...falcon, groups: 3, norms: bloom.norms });
    const orderOf = (config: object) =>
      inferSpecFromNames(sequential, { config: { ...config, num_attention_heads: 3 } }).spec.axes[
        "layer0.head"
      ].group;
    expect([orderOf({}), orderOf({ alibi: true }), orderOf({ alibi: false })]).toEqual([
      "fixed",
      "fixed",
      "permutation",
    ]);
  });

  it("counts of stages, which a config lists, are those of tensors", () => {
    const config = { num_heads: [2, 4], n_head: 3, architectures: ["GPT2LMHeadModel"] };
    expect(inferSpecFromNames(gpt2Tensors(), { config }).warnings).toEqual([]);
  });

  it("finds the head size in normalised queries", () => {
    const norms = [0, 1].flatMap((i) =>
      ["q_norm", "k_norm"].map((part) => ({
        name: `model.layers.${i}.self_attn.${part}.weight`,
        shape: [4],
      })),
    );
    const { spec, warnings } = inferSpecFromNames([...llamaTensors(), ...norms]);
    expect(warnings).toEqual([]);
    expect(spec.axes["layer0.head"].size).toBe(3);
    const wide = norms.map(({ name }) => ({ name, shape: [24] }));
    expect(() => inferSpecFromNames([...llamaTensors(), ...wide], { heads: 6 })).toThrow(/k_norm/);
  });

  it("does not guess plain chains, nor an order that names do not give", () => {
    expect(() => inferSpecFromNames(mlpTensors)).toThrow(UnsupportedError);
    const unordered = renamed(mlpTensors, [
      [/^fc1/, "input"],
      [/^fc2/, "hidden"],
    ]);
    expect(() => inferSpecFromNames(unordered, { family: "mlp" })).toThrow(/have no order/);
    expect(() => inferSpecFromNames(mlpTensors, { family: "lenet" })).toThrow(OptionError);
  });

  it("takes a classifier beside a pooler for either reading", () => {
    const tensors = [
      ...bertTensors().filter(({ name }) => !name.startsWith("cls")),
      { name: "bert.pooler.dense.weight", shape: [12, 12] },
      { name: "bert.pooler.dense.bias", shape: [12] },
      { name: "classifier.weight", shape: [2, 12] },
      { name: "classifier.bias", shape: [2] },
    ];
    const { spec, warnings } = inferSpecFromNames(tensors, { heads: 3 });
    expect(spec.tensors["bert.pooler.dense.weight"].axes.map(formatAxisExpression)).toEqual([
      "residual",
      "residual",
    ]);
    expect(warnings.join()).toMatch(/moved together/);
  });

  it("ignores masks, counters and tables, and keeps names that look like properties", () => {
    const extra = [
      { name: "h.0.attn.bias", shape: [1, 1, 5, 5] },
      { name: "h.1.attn.masked_bias", shape: [] },
    ];
    const options = { heads: 3, tied: true };
    const { spec } = inferSpecFromNames([...gpt2Tensors(), ...extra], options);
    expect(Object.keys(spec.tensors)).toEqual(gpt2Tensors().map(({ name }) => name));
    const hostile = [...gpt2Tensors(), { name: "__proto__", shape: [1] }];
    const strange = inferSpecFromNames(hostile, options);
    expect(strange.unknown).toEqual(["__proto__"]);
    expect(Object.keys(strange.spec.tensors)).toEqual(gpt2Tensors().map(({ name }) => name));
    expect(() => inferSpecFromNames([...mlpTensors, ...mlpTensors])).toThrow(/same name/);
    expect(() => inferSpecFromNames([])).toThrow(UnsupportedError);
  });
});
