// One small network of every automatic family: its tensors, what must be told beside names, and the function it computes.

import type { InferNamesOptions } from "../../../src/infer/names/infer-names.ts";
import type { NamedShape } from "../../../src/infer/names/template.ts";
import type { Network } from "../graphs/function-oracle.ts";
import * as tensors from "../files/model-tensors.ts";
import * as models from "../graphs/traced-models.ts";

export interface FamilyCase {
  readonly name: string;
  readonly tensors: readonly NamedShape[];
  readonly options: InferNamesOptions;
  readonly fn: Network;
  readonly input: readonly number[];
  /** Why the spec is not compared with that of the traced network: it says more, or less. It is proved all the same. */
  readonly traced?: string;
  /** What names say beside the spec. */
  readonly warns?: RegExp;
}

const tokens = [2, 5, 11];

export const familyCases: readonly FamilyCase[] = [
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
