// What libraries call the tensors of low-rank adapters: one table of key styles, and one of what is no product of two
// factors. Checked against what PEFT 0.21, diffusers 0.42, kohya's sd-scripts and LyCORIS write.

/** What a tensor is to the layer that an adapter changes by scale * B A. */
export type AdapterRole =
  /** A, [rank, in]; of a convolution [rank, in, kernel...]. */
  | "down"
  /** B, [out, rank]. */
  | "up"
  /** Between both, [rank, rank, kernel...]: a convolution in three steps (LoCon with Tucker's decomposition). */
  | "middle"
  /** One number; the scale is alpha / rank. */
  | "alpha"
  /** Norms of the rows or columns of the changed weight (DoRA). */
  | "magnitude"
  /** Added to the layer's output, times the scale. */
  | "bias";

/** How one library writes the tensors of a layer. */
export interface KeyStyle {
  readonly style: string;
  /** Who writes it, for people. */
  readonly what: string;
  /** What stands behind the layer's name; `{adapter}` is any name without dots. */
  readonly endings: Partial<Record<AdapterRole, readonly string[]>>;
  /** Whether a factor belongs to a table of embeddings: B A is the other way round there. */
  readonly embedding?: true;
  /**
   * The scale where neither a tensor nor a configuration tells alpha; null where the library cannot do without. For layers of
   * a pipeline's networks it is 1, whatever the endings.
   */
  readonly scaleWithoutAlpha: 1 | null;
  /** What the layer is called elsewhere; the first that fits. */
  readonly layers?: readonly { readonly from: RegExp; readonly to: string }[];
}

/** Layers of attention as diffusers named them before it took over PEFT's names. */
const processorLayers = [
  { from: /(^|[._])self_attn\.to_([qkv]|out)$/, to: "$1self_attn.$2_proj" },
  { from: /\.processor\.to_out$/, to: ".to_out.0" },
  { from: /\.processor\.(?=to_[qkv]$)/, to: "." },
] as const;

/** All styles, in the order in which they are tried. */
export const keyStyles: readonly KeyStyle[] = [
  {
    style: "peft",
    what: "PEFT",
    endings: {
      down: [".lora_A.weight", ".lora_A.{adapter}.weight"],
      up: [".lora_B.weight", ".lora_B.{adapter}.weight"],
      bias: [".lora_B.bias", ".lora_B.{adapter}.bias"],
      magnitude: [
        ".lora_magnitude_vector",
        ".lora_magnitude_vector.weight",
        ".lora_magnitude_vector.{adapter}",
        ".lora_magnitude_vector.{adapter}.weight",
      ],
    },
    scaleWithoutAlpha: null,
  },
  {
    style: "peft",
    what: "PEFT",
    endings: {
      down: [".lora_embedding_A", ".lora_embedding_A.{adapter}"],
      up: [".lora_embedding_B", ".lora_embedding_B.{adapter}"],
    },
    embedding: true,
    scaleWithoutAlpha: null,
  },
  {
    style: "bare",
    what: "factors that are parameters themselves, as loralib and Mochi have them",
    endings: { down: [".lora_A"], up: [".lora_B"] },
    scaleWithoutAlpha: null,
  },
  {
    style: "kohya",
    what: "kohya's sd-scripts and LyCORIS",
    endings: {
      down: [".lora_down.weight"],
      up: [".lora_up.weight"],
      middle: [".lora_mid.weight"],
      alpha: [".alpha"],
      magnitude: [".dora_scale"],
      bias: [".lora_up.bias"],
    },
    scaleWithoutAlpha: 1,
  },
  {
    style: "diffusers",
    what: "diffusers",
    endings: { down: [".lora.down.weight"], up: [".lora.up.weight"] },
    scaleWithoutAlpha: 1,
  },
  {
    style: "diffusers",
    what: "diffusers, text encoders",
    endings: {
      down: [".lora_linear_layer.down.weight"],
      up: [".lora_linear_layer.up.weight"],
    },
    scaleWithoutAlpha: 1,
  },
  {
    style: "diffusers",
    what: "diffusers, attention processors",
    endings: { down: ["_lora.down.weight"], up: ["_lora.up.weight"] },
    scaleWithoutAlpha: 1,
    layers: processorLayers,
  },
];

/** Networks of a pipeline, as prefixes of layer names tell them; the first that fits. */
export const partPrefixes: readonly { readonly prefix: string; readonly part: string }[] = [
  { prefix: "lora_unet_", part: "unet" },
  { prefix: "lora_te_", part: "text_encoder" },
  { prefix: "lora_te1_", part: "text_encoder" },
  { prefix: "lora_te2_", part: "text_encoder_2" },
  { prefix: "lora_te3_", part: "text_encoder_3" },
  { prefix: "lora_transformer_", part: "transformer" },
  { prefix: "lycoris_", part: "" },
  { prefix: "unet.", part: "unet" },
  { prefix: "text_encoder.", part: "text_encoder" },
  { prefix: "text_encoder_2.", part: "text_encoder_2" },
  { prefix: "text_encoder_3.", part: "text_encoder_3" },
  { prefix: "transformer.", part: "transformer" },
  { prefix: "diffusion_model.", part: "unet" },
];

/** What changes a network in another way than by scale * B A; `pattern` is looked for in names of tensors. */
export interface OtherKind {
  readonly kind: string;
  readonly pattern: RegExp;
  /** What its tensors are. */
  readonly what: string;
}

/** Methods whose tensors are not read as a product of two factors, by the names that they write. */
export const otherKinds: readonly OtherKind[] = [
  {
    kind: "LoHa",
    pattern: /\.hada_[wt][12]/,
    what: "an entry-wise product of two products, of rank up to rank^2",
  },
  { kind: "LoKr", pattern: /\.lokr_[wt][12]/, what: "a Kronecker product, of no low rank" },
  { kind: "(IA)3", pattern: /\.(ia3_l|on_input$)/, what: "factors of activations" },
  { kind: "AdaLoRA", pattern: /\.(lora_E|ranknum)(\.|$)/, what: "singular values beside A and B" },
  { kind: "OFT or BOFT", pattern: /\.(b?oft_|oft_blocks|oft_diag)/, what: "rotations of weights" },
  {
    kind: "VeRA",
    pattern: /(^|\.)p?vera_(lambda_|A|B)/,
    what: "factors of random matrices that the file may leave out",
  },
  { kind: "VB-LoRA", pattern: /\.vblora_/, what: "mixtures of vectors from one bank" },
  { kind: "RandLoRA", pattern: /\.randlora_/, what: "factors of random matrices" },
  { kind: "FourierFT", pattern: /\.(fourierft|waveft)_/, what: "coefficients of frequencies" },
  { kind: "SHiRA", pattern: /\.shira_/, what: "single entries of weights" },
  { kind: "HRA", pattern: /\.hra_/, what: "reflections of weights" },
  {
    kind: "a method of PEFT",
    pattern:
      /(^|\.)(adamss|beft|c3a|cartridge|cpt|deft|delora|frod|glora|gralora|hira|lily|ln_tuning|miss|bone|osf|peanut|poly_lora|psoft|road|shadow|supertuning|tinylora|trainable_tokens|unilora|xlora)_/,
    what: "tensors that are no factors A and B",
  },
  {
    kind: "learnt prompts",
    pattern: /^(prompt_embeddings|prefix_task_)|(^|\.)adaption_/,
    what: "inputs beside the text",
  },
];
