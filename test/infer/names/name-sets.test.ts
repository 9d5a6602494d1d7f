// Names, shapes and configs of over 100 models of transformers, timm, torchvision and diffusers, and of files that people
// made of such: none is in the way of commands that need no symmetries, and those of known families have theirs. The sets
// are made by scripts/fixtures/name-sets.py; that a spec holds is shown by names-and-functions.test.ts.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { SpecError, UnsupportedError } from "../../../src/core/errors.ts";
import { randomStream } from "../../../src/core/random.ts";
import { sizeOf } from "../../../src/core/shapes.ts";
import type { Tensor } from "../../../src/core/tensors.ts";
import { compareCheckpoints } from "../../../src/compare/compare-checkpoints.ts";
import { convertedSource } from "../../../src/compare/conversions/converted-source.ts";
import { planConversion } from "../../../src/compare/conversions/plan-conversion.ts";
import { makeTensorSource, type TensorSource } from "../../../src/formats/tensor-source.ts";
import { fingerprint } from "../../../src/identity/fingerprint.ts";
import { inferSpecFromNames, type NamesInference } from "../../../src/infer/names/infer-names.ts";
import { mergeWeights } from "../../../src/align/merging/merge-weights.ts";
import { actOn } from "../../../src/symmetry/act.ts";
import { sampleElement } from "../../../src/symmetry/element.ts";

interface NameSet {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly integers: readonly string[];
}

const folder = fileURLToPath(new URL("../../fixtures/name-sets/", import.meta.url));
const sets = readdirSync(folder).map((file): NameSet =>
  JSON.parse(gunzipSync(readFileSync(folder + file)).toString("utf8")),
);

/** Numbers up to which a set is filled and compared; the others are large models whose names alone are looked at. */
const mostNumbers = 30_000;

const shapesOf = ({ tensors }: NameSet) =>
  Object.entries(tensors).map(([name, shape]) => ({ name, shape }));

const countOf = (set: NameSet) => shapesOf(set).reduce((sum, { shape }) => sum + sizeOf(shape), 0);

function specOf(set: NameSet): NamesInference | string {
  const { config } = set;
  const heads = typeof config["num_heads"] === "number" ? { heads: config["num_heads"] } : {};
  try {
    return inferSpecFromNames(shapesOf(set), "model_type" in config ? { config } : heads);
  } catch (error) {
    if (error instanceof UnsupportedError || error instanceof SpecError) return error.message;
    throw error;
  }
}

/** A file of these names with random numbers, under a prefix. */
function fileOf(set: NameSet, seed: number, prefix = ""): TensorSource {
  const weights = new Map<string, Tensor>();
  const random = randomStream(seed);
  for (const { name, shape } of shapesOf(set)) {
    const isWhole = set.integers.includes(name);
    const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) =>
      isWhole ? i : random.normal(),
    );
    weights.set(prefix + name, { shape, data });
  }
  return makeTensorSource({
    file: { location: set.name },
    format: "memory",
    entries: new Map([...weights].map(([name, { shape }]) => [name, { dtype: "F32", shape }])),
    load: async (name) => new Uint8Array(weights.get(name)!.data.slice().buffer),
  });
}

/** Families of the sets of known ones: what is read as what. */
const families: Readonly<Record<string, string>> = {
  bert: "-Bert Roberta XLMRoberta DistilBert Electra",
  albert: "Albert",
  gpt2: "GPT2",
  "gpt-j": "GPTJ",
  "gpt-neo": "GPTNeoFor",
  codegen: "CodeGen",
  mpt: "Mpt",
  llama: "Llama Mistral Qwen2For Gemma StableLm Cohere",
  mixtral: "Mixtral Qwen2Moe",
  phi: "PhiFor",
  "gpt-neox": "GPTNeoX",
  bloom: "Bloom",
  falcon: "Falcon",
  opt: "-OPT",
  bart: "-Bart -MBart -PLBart Blenderbot",
  swin: "SwinFor swin_ torchvision-SwinTransformer.",
  "swin-v2": "Swinv2 swinv2 SwinTransformerV2",
  t5: "T5 MT5",
  whisper: "Whisper",
  vit: "ViT DeiT vit_ deit eva beit_base",
  dinov2: "Dinov2",
  clip: "CLIPModel",
  resnet: "transformers-ResNet -resnet18 -resnet26 resnext50 seresnet18",
  convnext: "ConvNext convnext",
  densenet: "torchvision-DenseNet",
  mobilenet: "torchvision-mobilenet torchvision-efficientnet",
  vgg: "vgg11 alexnet",
  "keras-vgg": "VGG",
  "keras-resnet": "ResNet50.",
  "keras-resnet-v2": "ResNet50V2",
  "keras-densenet": "DenseNet121",
  "keras-mobilenet": "MobileNet.",
  "keras-mobilenet-v2": "MobileNetV2",
  "keras-efficientnet": "EfficientNetB0",
};

test("there are over 100 sets, of which those of known families are read as these", () => {
  expect(sets.length).toBeGreaterThan(100);
  for (const [family, words] of Object.entries(families))
    for (const word of words.split(" ")) {
      const own = sets.filter(
        ({ name }) =>
          `${name}.`.includes(word) &&
          !/resnet26d|Llava|seresnet|ViTMAE|MT5|T5|GPT2|vit_/.test(name),
      );
      for (const set of own) {
        const found = specOf(set);
        expect(typeof found === "string" ? found : found.family, set.name).toBe(family);
      }
    }
});

test.each(sets.map((set) => [set.name, set] as const))("%s", async (_, set) => {
  const found = specOf(set);
  const isRead = typeof found !== "string";
  // A refusal names its reason; a reading explains every tensor or names those it does not know.
  if (!isRead) expect(found).toMatch(/no family knows|describes a model of type|do not fit family/);
  const moving = isRead
    ? Object.values(found.spec.axes).filter(({ group }) => group !== "fixed").length
    : 0;
  if (isRead && found.unknown.length === 0) expect(moving).toBeGreaterThan(0);
  if (countOf(set) > mostNumbers) return;
  const [a, b] = [fileOf(set, 1), fileOf(set, 2)];
  const spec = isRead ? { spec: found.spec } : {};
  expect((await compareCheckpoints(a, a, spec)).verdict).toBe("identical");
  const wrapped = fileOf(set, 1, "module.");
  const plan = await planConversion(a, wrapped);
  expect([plan.lacking, plan.unused]).toEqual([[], []]);
  expect((await compareCheckpoints(convertedSource(plan), wrapped)).verdict).toBe("identical");
  const none = { axes: {}, tensors: {} };
  const [first, second, other] = [
    await fingerprint(none, a),
    await fingerprint(none, wrapped),
    await fingerprint(none, b),
  ];
  expect([second.fingerprint, second.stripped.slice(0, 1)]).toEqual([
    first.fingerprint,
    ["module."],
  ]);
  expect(other.fingerprint).not.toBe(first.fingerprint);
  const [name] = Object.keys(set.tensors);
  const parts = [a, b].map(({ read }) => ({ read, share: 0.5 }));
  const mean = await mergeWeights(none, parts)(name);
  const [x, y] = [(await a.read(name)).data[0], (await b.read(name)).data[0]];
  expect(mean.data[0]).toBeCloseTo((x + y) / 2, 5);
  if (!isRead || moving === 0) return;
  // A copy in another order is the same network, and a copy of one changed number is not.
  const names = Object.keys(found.spec.tensors);
  const own = Object.fromEntries(
    await Promise.all(names.map(async (one) => [one, await a.read(one)] as const)),
  );
  const element = sampleElement(found.spec, 3, { scales: false });
  const moved = actOn(found.spec, element, own);
  const copy: TensorSource = {
    ...a,
    read: async (one) => moved[one] ?? (await a.read(one)),
    readStored: async (one) => {
      const stored = await a.readStored(one);
      const data = moved[one]?.data;
      return data === undefined
        ? stored
        : { ...stored, data: new Uint8Array(Float32Array.from(data).buffer) };
    },
  };
  const { verdict } = await compareCheckpoints(a, copy, { ...spec, align: false });
  expect(["symmetric", "identical"]).toContain(verdict);
  const different = await compareCheckpoints(b, copy, { ...spec, align: false });
  expect(different.verdict).toBe("different");
});
