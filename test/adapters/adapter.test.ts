// Which tensors are an adapter, and what its configuration says: names of all libraries, patterns of PEFT, and files that
// contradict themselves.

import { describe, expect, test } from "vitest";
import { isAdapter, readAdapter } from "../../src/adapters/adapter.ts";
import { readAdapterConfig, scaleFrom } from "../../src/adapters/adapter-config.ts";
import { patternFor } from "../../src/adapters/layer-patterns.ts";
import { weightsSource } from "../../src/formats/tensor-source.ts";
import { layerPlace, otherKindOf, readAdapterKey } from "../../src/infer/names/read-adapter-key.ts";
import { fixture, open, openFixture } from "../support/adapters/adapters.ts";

const read = (name: string) => {
  const key = readAdapterKey(name);
  if (key === undefined) return undefined;
  const { part, layer } = layerPlace(key.stem, key.style);
  return `${key.role} ${part}|${layer}`;
};

describe("names", () => {
  test.each([
    [
      "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
      "down |model.layers.0.self_attn.q_proj",
    ],
    [
      "base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight",
      "up |model.layers.0.self_attn.q_proj",
    ],
    [
      "base_model.model.transformer.h.0.attn.c_attn.lora_B.weight",
      "up |transformer.h.0.attn.c_attn",
    ],
    ["base_model.model.model.embed_tokens.lora_embedding_A", "down |model.embed_tokens"],
    ["model.embed_tokens.lora_embedding_B.default", "up |model.embed_tokens"],
    ["a.q.lora_magnitude_vector", "magnitude |a.q"],
    ["a.q.lora_magnitude_vector.default.weight", "magnitude |a.q"],
    ["a.q.lora_B.bias", "bias |a.q"],
    ["lora_unet_mid_block_resnets_0_conv1.lora_down.weight", "down unet|mid_block_resnets_0_conv1"],
    [
      "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight",
      "up text_encoder|text_model_encoder_layers_0_mlp_fc1",
    ],
    [
      "lora_te2_text_model_encoder_layers_0_mlp_fc1.alpha",
      "alpha text_encoder_2|text_model_encoder_layers_0_mlp_fc1",
    ],
    ["lora_unet_a.lora_mid.weight", "middle unet|a"],
    ["lora_unet_a.dora_scale", "magnitude unet|a"],
    ["unet.mid_block.attn1.to_q.lora.down.weight", "down unet|mid_block.attn1.to_q"],
    ["unet.mid_block.attn1.processor.to_q_lora.up.weight", "up unet|mid_block.attn1.to_q"],
    ["unet.mid_block.attn1.processor.to_out_lora.up.weight", "up unet|mid_block.attn1.to_out.0"],
    [
      "text_encoder.text_model.encoder.layers.0.self_attn.to_out_lora.down.weight",
      "down text_encoder|text_model.encoder.layers.0.self_attn.out_proj",
    ],
    [
      "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.up.weight",
      "up text_encoder|text_model.encoder.layers.0.self_attn.q_proj",
    ],
    [
      "transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight",
      "down transformer|single_transformer_blocks.0.attn.to_k",
    ],
    [
      "diffusion_model.double_blocks.0.img_attn.qkv.lora_B.weight",
      "up unet|double_blocks.0.img_attn.qkv",
    ],
    ["blocks.0.attn.lora_A", "down |blocks.0.attn"],
  ])("%s", (name, expected) => expect(read(name)).toBe(expected));

  test.each([
    "model.layers.0.self_attn.q_proj.weight",
    "lora_A.weight",
    "a.lora_C.weight",
    "a.lora_A.b.c.weight",
    "",
  ])("%s is no tensor of an adapter", (name) => expect(read(name)).toBeUndefined());

  test.each([
    ["a.hada_w1_a", "LoHa"],
    ["lora_unet_a.lokr_w2_b", "LoKr"],
    ["a.ia3_l", "(IA)3"],
    ["a.lora_E", "AdaLoRA"],
    ["a.oft_r.weight", "OFT or BOFT"],
    ["base_model.vera_A", "VeRA"],
    ["a.vera_lambda_b", "VeRA"],
    ["prompt_embeddings", "learnt prompts"],
  ])("%s is of %s", (name, kind) => expect(otherKindOf(name)?.kind).toBe(kind));

  test("a network with adapters beside its weights is no adapter", async () => {
    const names = (await openFixture("llama")).source.entries;
    expect(isAdapter(names)).toBe(true);
    const beside = new Set([
      ...names.keys(),
      "base_model.model.model.layers.0.self_attn.q_proj.base_layer.weight",
    ]);
    expect(isAdapter(beside)).toBe(false);
    expect(isAdapter(new Set(["a.weight", "a.alpha", "b.bias"]))).toBe(false);
    expect(isAdapter(new Set(Object.keys((await fixture("llama-loha")).tensors)))).toBe(true);
  });
});

describe("patterns of layers", () => {
  // Each as Python's re.match(rf"(.*\.)?(pattern)$", layer) has it.
  test.each([
    ["q_proj", "model.layers.0.q_proj", true],
    ["q_proj", "q_proj", true],
    ["proj", "model.layers.0.q_proj", false],
    ["layers.0.q", "xlayers.0.q", false],
    ["layers.0.q", "model.layers.0.q", true],
    ["layers.0.q", "model.layers_0.q", true],
    ["^model.layers.0.q", "model.layers.0.q", true],
    ["^layers.0.q", "model.layers.0.q", false],
    [String.raw`layers\.\d+\.q`, "model.layers.17.q", true],
    [String.raw`layers\.[0-4]\.q`, "model.layers.7.q", false],
    [".*mlp.*", "model.layers.0.mlp.up", true],
    ["(q|v)_proj", "a.v_proj", true],
    ["q_proj", "", false],
  ])("%s and %s: %s", (pattern, layer, fits) =>
    expect(patternFor([pattern], layer) === pattern).toBe(fits),
  );

  test("the first that fits is taken", () =>
    expect(patternFor(["k", "q", "a.q"], "a.q")).toBe("q"));

  test.each(["(a+)+b", "(?=a)a", "a*b*c*d", "(", "[", String.raw`(a)\1`, "a?".repeat(9)])(
    "%s is refused at once",
    (pattern) => expect(() => patternFor([pattern], "a".repeat(2000))).toThrow(/the pattern/),
  );
});

describe("a configuration", () => {
  const config = (more: object) =>
    readAdapterConfig({ peft_type: "LORA", r: 4, lora_alpha: 6, ...more }, "here");

  test("gives alpha / r, alpha / sqrt(r) with rank stabilisation, and layers of their own", () => {
    expect(scaleFrom(config({}), "a.q", 4).scale).toBe(1.5);
    expect(scaleFrom(config({ use_rslora: true }), "a.q", 4).scale).toBe(3);
    const own = config({ rank_pattern: { q: 2 }, alpha_pattern: { "a.q": 8 } });
    expect(scaleFrom(own, "a.q", 2)).toEqual({ alpha: 8, scale: 4 });
    expect(scaleFrom(own, "a.k", 4)).toEqual({ alpha: 6, scale: 1.5 });
  });

  test("of another file is refused: its rank is not that of A", () => {
    expect(() => scaleFrom(config({}), "a.q", 3)).toThrow(/rank 4, but its A has 3 rows/);
  });

  test.each([
    [{ peft_type: "LOHA" }, /describes "LOHA"/],
    [{ use_qalora: true }, /QALoRA/],
    [{ target_parameters: ["experts.up"] }, /several matrices/],
    [{ r: 0 }, /"r" must be a whole number/],
    [{ r: "4" }, /"r" must be a whole number/],
    [{ lora_alpha: undefined }, undefined],
    [{ lora_alpha: null }, /"lora_alpha" must be a number, got null/],
    [{ lora_alpha: "six" }, /"lora_alpha" must be a number/],
    [{ rank_pattern: [2] }, /"rank_pattern" must be an object/],
    [{ alpha_pattern: { q: {} } }, /alpha_pattern\.q/],
  ])("%j", (more, problem) => {
    if (problem === undefined) expect(config(more).alpha).toBe(8);
    else expect(() => config(more)).toThrow(problem);
  });

  test.each([null, [], 3, "x"])("%j is none", (value) =>
    expect(() => readAdapterConfig(value, "here")).toThrow(/expected an object/),
  );
});

describe("files that contradict themselves", () => {
  const tensor = (...shape: number[]) => ({
    shape,
    data: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(1),
  });
  const pair = { "a.lora_down.weight": tensor(2, 3), "a.lora_up.weight": tensor(4, 2) };

  test.each([
    [
      "B is missing",
      {
        "a.lora_down.weight": tensor(2, 3),
        "b.lora_down.weight": tensor(2, 3),
        "b.lora_up.weight": tensor(4, 2),
      },
      /has no counterpart/,
    ],
    ["ranks differ", { ...pair, "a.lora_up.weight": tensor(4, 3) }, /does not go with \[2, 3\]/],
    ["A has no inputs", { ...pair, "a.lora_down.weight": tensor(2) }, /expected \[rank, in/],
    ["alpha has two numbers", { ...pair, "a.alpha": tensor(2) }, /expected one number/],
    ["alpha is 0", { ...pair, "a.alpha": { shape: [], data: Float32Array.of(0) } }, /is 0, which/],
    ["alpha is NaN", { ...pair, "a.alpha": { shape: [], data: Float32Array.of(NaN) } }, /is NaN/],
    ["a magnitude of another size", { ...pair, "a.dora_scale": tensor(7) }, /has 7 numbers/],
    [
      "a middle of another rank",
      { ...pair, "a.lora_mid.weight": tensor(3, 3, 3, 3) },
      /does not go with/,
    ],
  ])("%s", async (_, weights, problem) => {
    await expect(readAdapter(weightsSource(weights))).rejects.toThrow(problem);
  });

  test("two adapters in one file are named", async () => {
    const weights = {
      "a.lora_A.one.weight": tensor(2, 3),
      "a.lora_B.one.weight": tensor(4, 2),
      "b.lora_A.two.weight": tensor(2, 3),
      "b.lora_B.two.weight": tensor(4, 2),
    };
    await expect(readAdapter(weightsSource(weights))).rejects.toThrow(/2 adapters \(one, two\)/);
  });

  test("texts of configurations that were cut or changed are refused or read, never taken for others", async () => {
    const file = await fixture("llama");
    const text = file.config!;
    for (let at = 0; at < text.length; at += 13) {
      const cut = { ...file, config: text.slice(0, at) };
      await expect(open(cut), `${at}`).rejects.toThrow(/adapter configuration|rank/);
    }
  });
});
