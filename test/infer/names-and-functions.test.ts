// Every automatic family of the names door against the traced network it describes: two doors, one spec.

import { describe, expect, it } from "vitest";
import { inferSpecFromNames, type InferNamesOptions } from "../../src/infer/names/infer-names.ts";
import type { NamedShape } from "../../src/infer/names/template.ts";
import { specDifference } from "../../src/spec/same-spec.ts";
import { inferSpecFromFunction } from "../../src/trace/infer-function.ts";
import { type Network, verdictOn } from "../support/function-oracle.ts";
import * as tensors from "../support/model-tensors.ts";
import * as models from "../support/traced-models.ts";

interface Case {
  readonly name: string;
  readonly tensors: readonly NamedShape[];
  readonly options: InferNamesOptions;
  readonly fn: Network;
  readonly input: readonly number[];
}

const tokens = [2, 5, 11];

const cases: readonly Case[] = [
  {
    name: "GPT-2",
    tensors: tensors.gpt2Tensors(),
    options: { heads: 3, tied: true },
    fn: (w, x) => models.gpt2(w, x, 3, 2),
    input: tokens,
  },
  {
    name: "BERT",
    tensors: tensors.bertTensors(),
    options: { heads: 3 },
    fn: (w, x) => models.bert(w, x, 3, 2),
    input: tokens,
  },
  {
    name: "Llama with grouped queries",
    tensors: tensors.llamaTensors(),
    options: { heads: 6, keyValueHeads: 3 },
    fn: (w, x) => models.llama(w, x, 6, 3, 2),
    input: tokens,
  },
  {
    name: "Llama with one key/value head",
    tensors: tensors.llamaTensors(1, 12, 4, 1),
    options: { heads: 4 },
    fn: (w, x) => models.llama(w, x, 4, 1, 1),
    input: tokens,
  },
  {
    name: "Llama without sharing",
    tensors: tensors.llamaTensors(1, 12, 3, 3),
    options: { heads: 3 },
    fn: (w, x) => models.llama(w, x, 3, 3, 1),
    input: tokens,
  },
  {
    name: "ViT",
    tensors: tensors.vitTensors(),
    options: { heads: 3 },
    fn: (w, x) => models.vit(w, x, 3, 2),
    input: [2, 3, 8, 8],
  },
  {
    name: "ResNet",
    tensors: tensors.resnetTensors(),
    options: {},
    fn: (w, x) => models.resnet(w, x, 1),
    input: [2, 3, 8, 8],
  },
  {
    name: "ResNeXt",
    tensors: tensors.resnetTensors(2),
    options: {},
    fn: (w, x) => models.resnet(w, x, 2),
    input: [2, 3, 8, 8],
  },
];

const weightsOf = (list: readonly NamedShape[]) =>
  Object.fromEntries(list.map(({ name, shape }) => [name, { shape }]));

describe("a family's template says what the traced network says", () => {
  it.each(cases)("$name", async ({ tensors: list, options, fn, input }) => {
    const named = inferSpecFromNames(list, options);
    const traced = await inferSpecFromFunction((w, x) => fn(w, x), weightsOf(list), [
      { shape: input },
    ]);
    expect(traced.unsupported).toEqual([]);
    expect(named.warnings).toEqual([]);
    expect(specDifference(named.spec, traced.spec)).toBeNull();
    const { axes, together, control } = await verdictOn(fn, input, named.spec, 5);
    for (const [axis, error] of Object.entries(axes)) expect(error, axis).toBeLessThan(1e-4);
    expect(together).toBeLessThan(2e-4);
    expect(control).toBeGreaterThan(1e-3);
  });
});
