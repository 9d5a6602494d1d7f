// The families beyond those of family-cases.ts: their tensors, what must be told, and the functions they compute.

import type { FamilyCase } from "./family-cases.ts";
import * as decoders from "./decoders.ts";
import * as encoders from "./encoders.ts";
import * as images from "./image-networks.ts";
import * as perHead from "./per-head.ts";

const counts = { heads: 6, groups: 3 };
const even = { heads: 3, groups: 3 };
const told = { heads: 6, keyValueHeads: 3 };
const tokens = [2, 5, 11];
const image = [2, 3, 8, 8];

export const moreFamilies: readonly FamilyCase[] = [
  {
    name: "Gemma with normalised queries and soft caps",
    tensors: decoders.gemmaTensors(counts),
    options: told,
    fn: (w, x) => decoders.gemma(w, x, counts),
    input: tokens,
  },
  {
    name: "OLMo 2",
    tensors: decoders.olmoTensors(counts),
    options: told,
    fn: (w, x) => decoders.olmo(w, x, counts),
    input: tokens,
  },
  {
    name: "Phi 3",
    tensors: decoders.phi3Tensors(counts),
    options: told,
    fn: (w, x) => decoders.phi3(w, x, counts),
    input: tokens,
  },
  {
    name: "Phi 2",
    tensors: decoders.phi2Tensors(even),
    options: { heads: 3 },
    fn: (w, x) => decoders.phi2(w, x, even),
    input: tokens,
  },
  {
    name: "Mixtral",
    tensors: decoders.mixtralTensors(counts),
    options: told,
    fn: (w, x) => decoders.mixtral(w, x, counts),
    input: tokens,
  },
  ...(
    [
      ["GPT-NeoX", perHead.neox, "ties queries, keys and values of a head"],
      ["BLOOM", perHead.bloom, "names the fixed heads of every projection anew"],
      ["Falcon with one key and value", perHead.falcon, "does not follow the split of a group"],
      ["Falcon with groups", perHead.groupedFalcon, "does not follow the split of a group"],
    ] as const
  ).map(([name, kind, traced]): FamilyCase => ({
    name,
    traced,
    tensors: perHead.perHeadTensors(kind),
    options: { heads: kind.heads },
    fn: (w, x) => perHead.perHead(w, x, kind),
    input: tokens,
  })),
  {
    name: "OPT with narrow words",
    tensors: perHead.optTensors,
    options: { heads: 3, tied: true },
    fn: perHead.opt,
    traced: "scales the words too, which are only projected",
    input: tokens,
  },
  {
    name: "Llama in a GGUF file",
    tensors: perHead.ggufTensors,
    options: { heads: 6, keyValueHeads: 3 },
    fn: perHead.ggufLlama,
    input: tokens,
  },
  {
    name: "T5",
    tensors: encoders.t5Tensors,
    options: { heads: 3, tied: true },
    fn: encoders.t5,
    input: tokens,
  },
  {
    name: "Whisper",
    tensors: encoders.whisperTensors,
    options: { heads: 3, tied: true },
    fn: encoders.whisper,
    input: [1, 17, 5],
  },
  {
    name: "CLIP",
    tensors: encoders.clipTensors,
    options: { heads: 3 },
    fn: encoders.clip,
    input: tokens,
  },
  {
    name: "DINOv2",
    tensors: encoders.dinoTensors,
    options: { heads: 3 },
    fn: encoders.dino,
    input: image,
    warns: /no output matrix/,
  },
  {
    name: "EVA 02",
    tensors: encoders.evaTensors,
    options: { heads: 3 },
    fn: encoders.eva,
    input: image,
  },
  {
    name: "ResNet for CIFAR",
    tensors: images.cifarTensors,
    options: {},
    fn: images.cifarResnet,
    input: image,
  },
  {
    name: "VGG",
    tensors: images.vggTensors(false),
    options: {},
    fn: images.vgg,
    input: image,
  },
  {
    name: "VGG with batch normalisation",
    tensors: images.vggTensors(true),
    options: {},
    fn: images.vgg,
    input: image,
  },
  {
    name: "DenseNet",
    tensors: images.densenetTensors,
    options: {},
    fn: images.densenet,
    input: image,
  },
  {
    name: "EfficientNet",
    tensors: images.gatedTensors,
    options: {},
    fn: images.gated,
    input: image,
  },
  {
    name: "MobileNet",
    tensors: images.mobileTensors,
    options: {},
    fn: images.mobile,
    input: image,
  },
  {
    name: "ConvNeXt",
    tensors: images.convnextTensors,
    options: {},
    fn: images.convnext,
    input: image,
  },
];
