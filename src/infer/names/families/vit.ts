// Vision Transformers (Dosovitskiy et al. 2021) and DINOv2 (Oquab et al. 2023): names of Hugging Face, timm (fused qkv) and
// torchvision. The image patches and their positions are inputs, so only the residual, head and feed-forward axes move.
// Networks of timm whose queries are not known to be left unturned by positions keep the entries of heads in place.

import { templateOf } from "../read-table.ts";
import { conv, type Line, linear, norm, optional, type Style, tensor, together } from "../table.ts";

/** Vectors of the stream, behind one leading dimension or two. */
const table = (name: string): Line => tensor(name, "**", "residual");

const head = (name: string): Line[] => linear(name, `!${name}`, "residual");

const output = { axis: "residual" } as const;

const heads = (...names: readonly string[]): Line[][] => names.map(head);

const pooler = together(...linear("pooler.dense", "!pooler.dense", "residual"));

const huggingFace: Style = {
  anchors: [
    "embeddings.patch_embeddings.projection.weight",
    "encoder.layer.0.layernorm_before.weight",
    "embeddings.position_embeddings",
  ],
  lines: [
    ...conv("embeddings.patch_embeddings.projection", "residual", "!channel"),
    table("embeddings.position_embeddings"),
    ...optional(table("embeddings.cls_token"), table("embeddings.distillation_token")),
    ...norm("layernorm", "residual"),
    ...pooler,
  ],
  blocks: [
    {
      at: "encoder.layer.{i}",
      scope: "layer{i}",
      attention: [{ name: "", query: ["attention.attention.query.weight", 0] }],
      lines: [
        ...norm("layernorm_before", "residual"),
        ...linear("attention.attention.query", "@q", "residual"),
        ...linear("attention.attention.key", "@k", "residual"),
        ...linear("attention.attention.value", "@v", "residual"),
        ...linear("attention.output.dense", "residual", "@o"),
        ...norm("layernorm_after", "residual"),
        ...linear("intermediate.dense", ".ff", "residual"),
        ...linear("output.dense", "residual", ".ff"),
      ],
    },
  ],
  heads: heads("classifier", "cls_classifier", "distillation_classifier"),
  output,
};

const timm: Style = {
  anchors: ["patch_embed.proj.weight", "blocks.0.attn.qkv.weight", "blocks.0.norm1.weight"],
  lines: [
    ...conv("patch_embed.proj", "residual", "!channel"),
    ...optional(
      table("pos_embed"),
      table("cls_token"),
      table("dist_token"),
      table("reg_token"),
      table("register_tokens"),
      table("mask_token"),
    ),
    ...["norm", "norm_pre", "fc_norm"].flatMap((name) => optional(...norm(name, "residual"))),
  ],
  blocks: [
    {
      at: "blocks.{i}",
      scope: "layer{i}",
      attention: [
        {
          name: "",
          query: ["attn.proj.weight", 1],
          fused: ["attn.qkv.weight", 0],
          absolute: ["pos_embed", "attn.qkv.bias"],
          perHead: ["attn.relative_position_bias_table", 1],
          norms: ["attn.q_norm", "attn.k_norm"],
        },
      ],
      lines: [
        ...norm("norm1", "residual"),
        ...linear("attn.qkv", "@qkv", "residual"),
        ...optional(tensor("attn.q_bias", "@q"), tensor("attn.v_bias", "@v")),
        ...optional(tensor("attn.relative_position_bias_table", "*", "@h")),
        ...linear("attn.proj", "residual", "@o"),
        ...norm("norm2", "residual"),
        // Both halves of a gate may lie in the first matrix.
        ...together(
          ...linear("mlp.fc2", "residual", ".ff"),
          ...linear("mlp.fc1", ".ff | 2 * .ff", "residual"),
        ),
        ...optional(...norm("mlp.norm", ".ff")),
        ...together(
          ...linear("mlp.w12", "2 * .ff", "residual"),
          ...linear("mlp.w3", "residual", ".ff"),
        ),
        ...optional(tensor("ls1.gamma", "residual"), tensor("ls2.gamma", "residual")),
        ...optional(tensor("gamma_1", "residual"), tensor("gamma_2", "residual")),
      ],
    },
  ],
  heads: heads("head", "head_dist"),
  output,
};

const torchvision: Style = {
  anchors: ["conv_proj.weight", "encoder.layers.encoder_layer_0.ln_1.weight"],
  lines: [
    ...conv("conv_proj", "residual", "!channel"),
    table("encoder.pos_embedding"),
    ...optional(table("class_token")),
    ...norm("encoder.ln", "residual"),
  ],
  blocks: [
    {
      at: "encoder.layers.encoder_layer_{i}",
      scope: "layer{i}",
      attention: [
        {
          name: "",
          query: ["self_attention.out_proj.weight", 1],
          fused: ["self_attention.in_proj_weight", 0],
        },
      ],
      lines: [
        ...norm("ln_1", "residual"),
        tensor("self_attention.in_proj_weight", "@qkv", "residual"),
        ...optional(tensor("self_attention.in_proj_bias", "@qkv")),
        ...linear("self_attention.out_proj", "residual", "@o"),
        ...norm("ln_2", "residual"),
        ...together(
          ...linear("mlp.linear_1", ".ff", "residual"),
          ...linear("mlp.linear_2", "residual", ".ff"),
        ),
        ...together(...linear("mlp.0", ".ff", "residual"), ...linear("mlp.3", "residual", ".ff")),
      ],
    },
  ],
  heads: heads("heads.head"),
  output,
};

export const vit = templateOf({
  family: "vit",
  covers: "ViT and DeiT: names of Hugging Face, timm (fused qkv) and torchvision",
  modelTypes: ["vit", "deit", "vit_mae"],
  styles: [huggingFace, timm, torchvision],
});

export const dinov2 = templateOf({
  family: "dinov2",
  covers: "DINOv2 as Hugging Face stores it; the original names are those of timm, family vit",
  modelTypes: ["dinov2", "dinov2_with_registers"],
  styles: [
    {
      anchors: [
        "embeddings.patch_embeddings.projection.weight",
        "encoder.layer.0.layer_scale1.lambda1",
      ],
      lines: [
        ...conv("embeddings.patch_embeddings.projection", "residual", "!channel"),
        table("embeddings.position_embeddings"),
        ...optional(
          table("embeddings.cls_token"),
          table("embeddings.register_tokens"),
          table("embeddings.mask_token"),
        ),
        ...norm("layernorm", "residual"),
      ],
      blocks: [
        {
          at: "encoder.layer.{i}",
          scope: "layer{i}",
          attention: [{ name: "", query: ["attention.attention.query.weight", 0] }],
          lines: [
            ...norm("norm1", "residual"),
            ...linear("attention.attention.query", "@q", "residual"),
            ...linear("attention.attention.key", "@k", "residual"),
            ...linear("attention.attention.value", "@v", "residual"),
            ...linear("attention.output.dense", "residual", "@o"),
            tensor("layer_scale1.lambda1", "residual"),
            ...norm("norm2", "residual"),
            ...together(
              ...linear("mlp.fc1", ".ff", "residual"),
              ...linear("mlp.fc2", "residual", ".ff"),
            ),
            ...together(
              ...linear("mlp.weights_in", "2 * .ff", "residual"),
              ...linear("mlp.weights_out", "residual", ".ff"),
            ),
            tensor("layer_scale2.lambda1", "residual"),
          ],
        },
      ],
      // Of the class token and of the mean of all patches.
      heads: [linear("classifier", "!classifier", "2 * residual")],
      output,
    },
  ],
});
