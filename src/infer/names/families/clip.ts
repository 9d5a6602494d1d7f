// CLIP (Radford et al. 2021): a tower for texts and one for images, each with a projection to the shared space, whose axes are
// the network's output. Names of Hugging Face and of the original release.

import { templateOf } from "../read-table.ts";
import { type Block, conv, linear, norm, optional, type Style, tensor } from "../table.ts";

const huggingFaceLayers: Block = {
  at: "encoder.layers.{i}",
  scope: "layer{i}",
  attention: [{ name: "", query: ["self_attn.q_proj.weight", 0] }],
  lines: [
    ...norm("layer_norm1", "residual"),
    ...linear("self_attn.q_proj", "@q", "residual"),
    ...linear("self_attn.k_proj", "@k", "residual"),
    ...linear("self_attn.v_proj", "@v", "residual"),
    ...linear("self_attn.out_proj", "residual", "@o"),
    ...norm("layer_norm2", "residual"),
    ...linear("mlp.fc1", ".ff", "residual"),
    ...linear("mlp.fc2", "residual", ".ff"),
  ],
};

const text: Style = {
  anchors: ["embeddings.token_embedding.weight", "encoder.layers.0.layer_norm1.weight"],
  section: "text_config",
  lines: [
    tensor("embeddings.token_embedding.weight", "!vocabulary", "residual"),
    tensor("embeddings.position_embedding.weight", "!position", "residual"),
    ...norm("final_layer_norm", "residual"),
  ],
  blocks: [huggingFaceLayers],
  heads: [
    [
      ...linear("text_projection", "!text_projection", "residual"),
      ...optional(tensor("logit_scale")),
    ],
  ],
  output: { axis: "residual" },
};

const image: Style = {
  anchors: ["embeddings.patch_embedding.weight", "encoder.layers.0.layer_norm1.weight"],
  section: "vision_config",
  lines: [
    ...conv("embeddings.patch_embedding", "residual", "!channel"),
    tensor("embeddings.position_embedding.weight", "!position", "residual"),
    ...optional(tensor("embeddings.class_embedding", "residual")),
    ...optional(...norm("pre_layrnorm", "residual")),
    ...norm("post_layernorm", "residual"),
  ],
  blocks: [huggingFaceLayers],
  heads: [linear("visual_projection", "!visual_projection", "residual")],
  output: { axis: "residual" },
};

const originalLayers: Block = {
  at: "transformer.resblocks.{i}",
  scope: "layer{i}",
  attention: [{ name: "", query: ["attn.out_proj.weight", 1], fused: ["attn.in_proj_weight", 0] }],
  lines: [
    ...norm("ln_1", "residual"),
    tensor("attn.in_proj_weight", "@qkv", "residual"),
    tensor("attn.in_proj_bias", "@qkv"),
    ...linear("attn.out_proj", "residual", "@o"),
    ...norm("ln_2", "residual"),
    ...linear("mlp.c_fc", ".ff", "residual"),
    ...linear("mlp.c_proj", "residual", ".ff"),
  ],
};

const originalText: Style = {
  anchors: ["token_embedding.weight", "transformer.resblocks.0.attn.in_proj_weight"],
  section: "text_config",
  lines: [
    tensor("token_embedding.weight", "!vocabulary", "residual"),
    tensor("positional_embedding", "!position", "residual"),
    ...norm("ln_final", "residual"),
  ],
  blocks: [originalLayers],
  heads: [[tensor("text_projection", "residual", "*"), ...optional(tensor("logit_scale"))]],
  output: { axis: "residual" },
};

const originalImage: Style = {
  anchors: ["conv1.weight", "transformer.resblocks.0.attn.in_proj_weight", "ln_pre.weight"],
  section: "vision_config",
  lines: [
    ...conv("conv1", "residual", "!channel"),
    tensor("class_embedding", "residual"),
    tensor("positional_embedding", "!position", "residual"),
    ...norm("ln_pre", "residual"),
    ...norm("ln_post", "residual"),
  ],
  blocks: [originalLayers],
  heads: [[tensor("proj", "residual", "*")]],
  output: { axis: "residual" },
};

export const clip = templateOf({
  family: "clip",
  covers: "both towers of CLIP: names of Hugging Face and of the original release",
  modelTypes: ["clip", "clip_text_model", "clip_vision_model"],
  styles: [text, image, originalText, originalImage],
});
