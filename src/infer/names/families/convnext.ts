// ConvNeXt (Liu et al. 2022) and ConvNeXt V2: names of timm, of Hugging Face and of the original release. All blocks of a
// stage write to one stream, which the convolution before the next stage reads.

import { templateOf } from "../read-table.ts";
import {
  type Block,
  conv,
  type Line,
  linear,
  norm,
  optional,
  type Style,
  tensor,
  together,
} from "../table.ts";

/** Names of the parts of one block. */
interface BlockNames {
  readonly depthwise: string;
  readonly normed: string;
  readonly up: string;
  readonly down: string;
  /** Response normalisation of version 2. */
  readonly response: string;
  readonly gain: string;
}

/** A linear layer at every position, which may be stored as a convolution. */
const pointwise = (name: string, to: string, from: string): Line[] => [
  tensor(`${name}.weight`, to, from, "**"),
  ...optional(tensor(`${name}.bias`, to)),
];

const block = (at: string, { depthwise, normed, up, down, response, gain }: BlockNames): Block => ({
  at,
  scope: "stage{i}.block{j}",
  lines: [
    tensor(`${depthwise}.weight`, "stage{i}", "1", "*", "*"),
    ...optional(tensor(`${depthwise}.bias`, "stage{i}")),
    ...norm(normed, "stage{i}"),
    ...pointwise(up, ".ff", "stage{i}"),
    ...optional(...["weight", "bias"].map((part) => tensor(`${response}.${part}`, "**", ".ff"))),
    ...pointwise(down, "stage{i}", ".ff"),
    ...optional(tensor(gain, "stage{i}")),
  ],
});

/** What leads from one stage to the next. */
const step = (normed: string, reduced: string, from: string, to: string): Line[] =>
  together(...norm(normed, from), ...conv(reduced, to, from));

const timm: Style = {
  anchors: ["stem.0.weight", "stages.0.blocks.0.conv_dw.weight"],
  lines: [...conv("stem.0", "stage0", "!channel"), ...norm("stem.1", "stage0")],
  blocks: [
    {
      at: "stages.{i}",
      scope: "stage{i}",
      lines: step("downsample.0", "downsample.1", "stage{i-1}", "stage{i}"),
      blocks: [
        block("blocks.{j}", {
          depthwise: "conv_dw",
          normed: "norm",
          up: "mlp.fc1",
          down: "mlp.fc2",
          response: "mlp.grn",
          gain: "gamma",
        }),
      ],
    },
  ],
  heads: [
    [...linear("head.fc", "!head.fc", "stage{n}"), ...optional(...norm("head.norm", "stage{n}"))],
  ],
  output: { axis: "stage{n}" },
};

const huggingFace: Style = {
  anchors: ["embeddings.patch_embeddings.weight", "encoder.stages.0.layers.0.dwconv.weight"],
  lines: [
    ...conv("embeddings.patch_embeddings", "stage0", "!channel"),
    ...norm("embeddings.layernorm", "stage0"),
  ],
  blocks: [
    {
      at: "encoder.stages.{i}",
      scope: "stage{i}",
      lines: step("downsampling_layer.0", "downsampling_layer.1", "stage{i-1}", "stage{i}"),
      blocks: [
        block("layers.{j}", {
          depthwise: "dwconv",
          normed: "layernorm",
          up: "pwconv1",
          down: "pwconv2",
          response: "grn",
          gain: "layer_scale_parameter",
        }),
      ],
    },
  ],
  heads: [linear("classifier", "!classifier", "stage{n}")],
  after: norm("layernorm", "stage{n}"),
  output: { axis: "stage{n}" },
};

const original: Style = {
  anchors: ["downsample_layers.0.0.weight", "stages.0.0.dwconv.weight"],
  lines: [
    ...conv("downsample_layers.0.0", "stage0", "!channel"),
    ...norm("downsample_layers.0.1", "stage0"),
    ...[1, 2, 3].flatMap((i) =>
      step(`downsample_layers.${i}.0`, `downsample_layers.${i}.1`, `stage${i - 1}`, `stage${i}`),
    ),
  ],
  blocks: [
    {
      at: "stages.{i}",
      scope: "stage{i}",
      lines: [],
      blocks: [
        block("{j}", {
          depthwise: "dwconv",
          normed: "norm",
          up: "pwconv1",
          down: "pwconv2",
          response: "grn",
          gain: "gamma",
        }),
      ],
    },
  ],
  heads: [linear("head", "!head", "stage{n}")],
  after: norm("norm", "stage{n}"),
  output: { axis: "stage{n}" },
};

export const convnext = templateOf({
  family: "convnext",
  covers: "ConvNeXt and ConvNeXt V2: names of timm, Hugging Face and the original release",
  modelTypes: ["convnext", "convnextv2"],
  styles: [timm, huggingFace, original],
});
