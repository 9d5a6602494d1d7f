// Swin Transformers, versions 1 (Liu et al. 2021) and 2 (Liu et al. 2022): names of Hugging Face, timm, torchvision and the
// original release. Stages have streams of their own; a stage begins or ends by joining four patches side by side. Biases of
// relative positions tell how many heads a block has; in version 2 a small network makes them, queries and keys are brought
// to one length, and norms stand behind what they normalise.

import { templateOf } from "../read-table.ts";
import {
  type Attention,
  type Block,
  conv,
  type Line,
  linear,
  norm,
  optional,
  type Style,
  tensor,
  type Width,
} from "../table.ts";

/** What the two versions have of their own. */
interface Version {
  /** What tells a block of this version, and has an entry for every head: a tensor of its attention and the dimension. */
  readonly perHead: Width;
  /** The tensors of relative positions of an attention, beside those of its projections; `inner` is that of Hugging Face. */
  readonly positions: (at: string, isInner: boolean) => readonly Line[];
  readonly cosine: boolean;
  /** Where the norm of joined patches stands. */
  readonly joined: "before" | "behind";
}

const first: Version = {
  perHead: ["relative_position_bias_table", 1],
  positions: (at) => [tensor(`${at}.relative_position_bias_table`, "*", "@h")],
  cosine: false,
  joined: "before",
};

const second: Version = {
  perHead: ["logit_scale", 0],
  positions: (at, isInner) => {
    const network = `${at}.${isInner ? "continuous_position_bias_mlp" : "cpb_mlp"}`;
    return [
      tensor(`${at}.logit_scale`, "@h", "1", "1"),
      ...linear(`${network}.0`, ".positions", "*"),
      ...linear(`${network}.2`, "@h", ".positions"),
      ...optional(tensor(`${at}.q_bias`, "@q"), tensor(`${at}.v_bias`, "@v")),
    ];
  },
  cosine: true,
  joined: "behind",
};

const tables = ["relative_coords_table", "relative_position_index"];

/** Four neighbouring patches of the stream `from`, projected to the stream `to` and normalised. */
const merging = (version: Version, at: string, to: string, from: string): Line[] =>
  optional(
    tensor(`${at}reduction.weight`, to, `4 * ${from}`),
    ...norm(`${at}norm`, version.joined === "before" ? `4 * ${from}` : to),
  );

const attentionOf = (version: Version, at: string, widths: Partial<Attention>): Attention => ({
  name: "",
  query: [`${at}.proj.weight`, 1],
  perHead: [`${at}.${version.perHead[0]}`, version.perHead[1]],
  ...(version.cosine && { cosine: true }),
  ...widths,
});

/** Blocks with fused projections, as all but Hugging Face store them. */
const fusedBlock = (
  version: Version,
  at: string,
  [first, last]: readonly [string, string],
): Block => ({
  at,
  scope: "stage{i}.block{j}",
  where: "attn.qkv.weight",
  optional: true,
  attention: [attentionOf(version, "attn", { fused: ["attn.qkv.weight", 0] })],
  lines: [
    ...norm("norm1", "stream{i}"),
    ...linear("attn.qkv", "@qkv", "stream{i}"),
    ...version.positions("attn", false),
    ...linear("attn.proj", "stream{i}", "@o"),
    ...norm("norm2", "stream{i}"),
    ...linear(first, ".ff", "stream{i}"),
    ...linear(last, "stream{i}", ".ff"),
  ],
  ignore: tables.map((name) => `attn.${name}`),
});

const stages = (version: Version, down: Line[]): Block => ({
  at: "layers.{i}",
  scope: "stage{i}",
  lines: down,
  blocks: [fusedBlock(version, "blocks.{j}", ["mlp.fc1", "mlp.fc2"])],
});

const patches = "layers.0.downsample.reduction.weight";

/** Patches are joined at the end of a stage (the original) or at the beginning of the next (timm). */
const original = (version: Version, isAtEnd: boolean): Style => ({
  anchors: [
    "patch_embed.proj.weight",
    `layers.0.blocks.0.attn.${version.perHead[0]}`,
    ...(isAtEnd ? [patches] : []),
  ],
  ...(!isAtEnd && { without: [patches] }),
  lines: [
    ...conv("patch_embed.proj", "stream0", "!channel"),
    ...optional(...norm("patch_embed.norm", "stream0")),
    ...optional(tensor("absolute_pos_embed", "**", "stream0")),
  ],
  blocks: [
    stages(
      version,
      isAtEnd
        ? merging(version, "downsample.", "stream{i+1}", "stream{i}")
        : merging(version, "downsample.", "stream{i}", "stream{i-1}"),
    ),
  ],
  after: norm("norm", "stream{n}"),
  heads: [linear("head.fc", "!head", "stream{n}"), linear("head", "!head", "stream{n}")],
  output: { axis: "stream{n}" },
});

const torchvision = (version: Version): Style => ({
  anchors: ["features.0.0.weight", `features.1.0.attn.${version.perHead[0]}`],
  lines: [...conv("features.0.0", "stream1", "!channel"), ...norm("features.0.2", "stream1")],
  blocks: [
    {
      at: "features.{i}",
      scope: "stage{i}",
      // Stages have odd numbers, what joins their patches the even ones between.
      lines: merging(version, "", "stream{i+1}", "stream{i-1}"),
      blocks: [fusedBlock(version, "{j}", ["mlp.0", "mlp.3"])],
    },
  ],
  after: norm("norm", "stream{n}"),
  heads: [linear("head", "!head", "stream{n}")],
  output: { axis: "stream{n}" },
});

const huggingFace = (version: Version): Style => ({
  anchors: [
    "embeddings.patch_embeddings.projection.weight",
    `encoder.layers.0.blocks.0.attention.self.${version.perHead[0]}`,
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
      lines: merging(version, "downsample.", "stream{i+1}", "stream{i}"),
      blocks: [
        {
          at: "blocks.{j}",
          scope: "stage{i}.block{j}",
          attention: [
            attentionOf(version, "attention.self", { query: ["attention.self.query.weight", 0] }),
          ],
          lines: [
            ...norm("layernorm_before", "stream{i}"),
            ...linear("attention.self.query", "@q", "stream{i}"),
            ...linear("attention.self.key", "@k", "stream{i}"),
            ...linear("attention.self.value", "@v", "stream{i}"),
            ...version.positions("attention.self", true),
            ...linear("attention.output.dense", "stream{i}", "@o"),
            ...norm("layernorm_after", "stream{i}"),
            ...linear("intermediate.dense", ".ff", "stream{i}"),
            ...linear("output.dense", "stream{i}", ".ff"),
          ],
          ignore: tables.map((name) => `attention.self.${name}`),
        },
      ],
    },
  ],
  after: norm("layernorm", "stream{n}"),
  heads: [linear("classifier", "!classifier", "stream{n}")],
  output: { axis: "stream{n}" },
});

const stylesOf = (version: Version): Style[] => [
  huggingFace(version),
  original(version, true),
  original(version, false),
  torchvision(version),
];

export const swin = templateOf({
  family: "swin",
  covers: "Swin, version 1: names of Hugging Face, timm, torchvision and the original release",
  modelTypes: ["swin"],
  styles: stylesOf(first),
});

export const swin2 = templateOf({
  family: "swin-v2",
  covers: "Swin, version 2: names of Hugging Face, timm, torchvision and the original release",
  modelTypes: ["swinv2"],
  styles: stylesOf(second),
});
