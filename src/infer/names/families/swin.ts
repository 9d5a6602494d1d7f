// Swin Transformers (Liu et al. 2021), version 1: names of Hugging Face, timm, torchvision and the original release. Stages
// have streams of their own; a stage begins or ends by joining four patches side by side. Biases of relative positions tell
// how many heads a block has.

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
} from "../table.ts";

/** Four neighbouring patches of the stream `from`, normalised and projected to the stream `to`. */
const merging = (at: string, to: string, from: string): Line[] =>
  optional(
    tensor(`${at}.reduction.weight`, to, `4 * ${from}`),
    ...norm(`${at}.norm`, `4 * ${from}`),
  );

const table = (name: string): Line => tensor(name, "*", "@h");

/** Blocks with fused projections, as all but Hugging Face store them. */
const fusedBlock = (at: string, [first, last]: readonly [string, string]): Block => ({
  at,
  scope: "stage{i}.block{j}",
  where: "attn.qkv.weight",
  optional: true,
  attention: [
    {
      name: "",
      query: ["attn.proj.weight", 1],
      fused: ["attn.qkv.weight", 0],
      perHead: ["attn.relative_position_bias_table", 1],
    },
  ],
  lines: [
    ...norm("norm1", "stream{i}"),
    ...linear("attn.qkv", "@qkv", "stream{i}"),
    table("attn.relative_position_bias_table"),
    ...linear("attn.proj", "stream{i}", "@o"),
    ...norm("norm2", "stream{i}"),
    ...linear(first, ".ff", "stream{i}"),
    ...linear(last, "stream{i}", ".ff"),
  ],
});

const stages = (down: Line[]): Block => ({
  at: "layers.{i}",
  scope: "stage{i}",
  lines: down,
  blocks: [fusedBlock("blocks.{j}", ["mlp.fc1", "mlp.fc2"])],
});

const patches = "layers.0.downsample.reduction.weight";

/** `down` stands at the end of a stage (the original) or at the beginning of the next (timm). */
const original = (down: Line[], given: Pick<Style, "anchors" | "without">): Style => ({
  ...given,
  anchors: [
    "patch_embed.proj.weight",
    "layers.0.blocks.0.attn.relative_position_bias_table",
    ...given.anchors,
  ],
  lines: [
    ...conv("patch_embed.proj", "stream0", "!channel"),
    ...optional(...norm("patch_embed.norm", "stream0")),
    ...optional(tensor("absolute_pos_embed", "**", "stream0")),
  ],
  blocks: [stages(down)],
  after: norm("norm", "stream{n}"),
  heads: [linear("head.fc", "!head", "stream{n}"), linear("head", "!head", "stream{n}")],
  output: { axis: "stream{n}" },
});

const torchvision: Style = {
  anchors: ["features.0.0.weight", "features.1.0.attn.relative_position_bias_table"],
  lines: [...conv("features.0.0", "stream1", "!channel"), ...norm("features.0.2", "stream1")],
  blocks: [
    {
      at: "features.{i}",
      scope: "stage{i}",
      // Stages have odd numbers, what joins their patches the even ones between.
      lines: [
        ...optional(tensor("reduction.weight", "stream{i+1}", "4 * stream{i-1}")),
        ...optional(...norm("norm", "4 * stream{i-1}")),
      ],
      blocks: [fusedBlock("{j}", ["mlp.0", "mlp.3"])],
    },
  ],
  after: norm("norm", "stream{n}"),
  heads: [linear("head", "!head", "stream{n}")],
  output: { axis: "stream{n}" },
};

const huggingFace: Style = {
  anchors: [
    "embeddings.patch_embeddings.projection.weight",
    "encoder.layers.0.blocks.0.attention.self.relative_position_bias_table",
  ],
  lines: [
    ...conv("embeddings.patch_embeddings.projection", "stream0", "!channel"),
    ...norm("embeddings.norm", "stream0"),
    ...optional(
      tensor("embeddings.position_embeddings", "**", "stream0"),
      tensor("embeddings.mask_token", "**", "stream0"),
    ),
  ],
  blocks: [
    {
      at: "encoder.layers.{i}",
      scope: "stage{i}",
      lines: merging("downsample", "stream{i+1}", "stream{i}"),
      blocks: [
        {
          at: "blocks.{j}",
          scope: "stage{i}.block{j}",
          attention: [
            {
              name: "",
              query: ["attention.self.query.weight", 0],
              perHead: ["attention.self.relative_position_bias_table", 1],
            },
          ],
          lines: [
            ...norm("layernorm_before", "stream{i}"),
            ...linear("attention.self.query", "@q", "stream{i}"),
            ...linear("attention.self.key", "@k", "stream{i}"),
            ...linear("attention.self.value", "@v", "stream{i}"),
            table("attention.self.relative_position_bias_table"),
            ...linear("attention.output.dense", "stream{i}", "@o"),
            ...norm("layernorm_after", "stream{i}"),
            ...linear("intermediate.dense", ".ff", "stream{i}"),
            ...linear("output.dense", "stream{i}", ".ff"),
          ],
        },
      ],
    },
  ],
  after: norm("layernorm", "stream{n}"),
  heads: [linear("classifier", "!classifier", "stream{n}")],
  output: { axis: "stream{n}" },
};

export const swin = templateOf({
  family: "swin",
  covers: "Swin, version 1: names of Hugging Face, timm, torchvision and the original release",
  modelTypes: ["swin"],
  styles: [
    huggingFace,
    original(merging("downsample", "stream{i+1}", "stream{i}"), { anchors: [patches] }),
    original(merging("downsample", "stream{i}", "stream{i-1}"), {
      anchors: [],
      without: [patches],
    }),
    torchvision,
  ],
});
