// BERT (Devlin et al. 2018), RoBERTa and DistilBERT as Hugging Face stores them, with the heads for masked words, next
// sentences, classification, tokens and answers. A masked-word head reads the word embedding, so its space is the residual one.

import { templateOf } from "../read-table.ts";
import { type Line, linear, norm, optional, type Style, tensor } from "../table.ts";
import type { SpecBuilder } from "../template.ts";

/** What turns a vector of the stream into scores of words. */
const wordHead = (dense: string, normed: string, decoder: string, ...biases: string[]): Line[] => [
  ...linear(dense, "residual", "residual"),
  ...norm(normed, "residual"),
  ...optional(
    tensor(decoder, "!vocabulary", "residual"),
    ...biases.map((name) => tensor(name, "!vocabulary")),
  ),
];

const completeStyle: Style = {
  anchors: ["embeddings.word_embeddings.weight", "encoder.layer.0.attention.self.query.weight"],
  lines: [
    tensor("embeddings.word_embeddings.weight", "!vocabulary", "residual"),
    ...optional(
      tensor("embeddings.position_embeddings.weight", "!position", "residual"),
      tensor("embeddings.token_type_embeddings.weight", "!segment", "residual"),
    ),
    ...norm("embeddings.LayerNorm", "residual"),
  ],
  blocks: [
    {
      at: "encoder.layer.{i}",
      scope: "layer{i}",
      attention: [
        {
          name: "",
          query: ["attention.self.query.weight", 0],
          absolute: ["embeddings.position_embeddings.weight"],
        },
      ],
      lines: [
        ...linear("attention.self.query", "@q", "residual"),
        ...linear("attention.self.key", "@k", "residual"),
        ...linear("attention.self.value", "@v", "residual"),
        ...linear("attention.output.dense", "residual", "@o"),
        ...norm("attention.output.LayerNorm", "residual"),
        ...linear("intermediate.dense", ".ff", "residual"),
        ...linear("output.dense", "residual", ".ff"),
        ...norm("output.LayerNorm", "residual"),
      ],
    },
  ],
  heads: [
    wordHead(
      "cls.predictions.transform.dense",
      "cls.predictions.transform.LayerNorm",
      "cls.predictions.decoder.weight",
      "cls.predictions.bias",
      "cls.predictions.decoder.bias",
    ),
    wordHead(
      "lm_head.dense",
      "lm_head.layer_norm",
      "lm_head.decoder.weight",
      "lm_head.bias",
      "lm_head.decoder.bias",
    ),
    linear("classifier", "!classifier", "residual"),
    linear("qa_outputs", "!qa_outputs", "residual"),
  ],
  output: { axis: "residual" },
  more: readPooled,
};

/** The vector that sentences are told by, and what reads it. */
function readPooled(builder: SpecBuilder, prefix: string): boolean {
  const read = (name: string, to: string, from: string) => {
    builder.assign(`${name}.weight`, [to, from]);
    builder.assignIf(`${name}.bias`, [to]);
  };
  const d = "residual";
  const dense = `${prefix}pooler.dense`;
  const pooler = builder.has(`${dense}.weight`) ? builder.shape(`${dense}.weight`, 2) : null;
  const next = "cls.seq_relationship";
  if (pooler !== null) {
    // A classifier beside a pooler reads the pooled vector or, in files of older versions, every token: moving both
    // spaces alike is a symmetry either way.
    const isUnsure = builder.has("classifier.weight");
    const pooled = isUnsure ? d : builder.axis("pooled", pooler[0], { scale: "sign" });
    read(dense, pooled, d);
    if (isUnsure)
      builder.warn(
        `"classifier" may read the pooled vector or the tokens: both spaces are moved together`,
      );
    if (builder.has(`${next}.weight`)) read(next, "2", isUnsure ? d : `${pooled}^-1`);
    else if (!isUnsure) builder.fix(pooled);
  }
  // RoBERTa classifies from the first token, without a pooler.
  const isDeep =
    builder.has("classifier.dense.weight") && builder.has("classifier.out_proj.weight");
  if (isDeep) {
    const [size] = builder.shape("classifier.dense.weight", 2) ?? [1];
    const [classes] = builder.shape("classifier.out_proj.weight", 2) ?? [1];
    const hidden = builder.axis("classifier.hidden", size, { scale: "sign" });
    read("classifier.dense", hidden, d);
    read("classifier.out_proj", `${classes}`, `${hidden}^-1`);
  }
  return isDeep;
}

const distilled: Style = {
  anchors: ["embeddings.word_embeddings.weight", "transformer.layer.0.attention.q_lin.weight"],
  lines: [
    tensor("embeddings.word_embeddings.weight", "!vocabulary", "residual"),
    tensor("embeddings.position_embeddings.weight", "!position", "residual"),
    ...norm("embeddings.LayerNorm", "residual"),
  ],
  blocks: [
    {
      at: "transformer.layer.{i}",
      scope: "layer{i}",
      attention: [{ name: "", query: ["attention.q_lin.weight", 0] }],
      lines: [
        ...linear("attention.q_lin", "@q", "residual"),
        ...linear("attention.k_lin", "@k", "residual"),
        ...linear("attention.v_lin", "@v", "residual"),
        ...linear("attention.out_lin", "residual", "@o"),
        ...norm("sa_layer_norm", "residual"),
        ...linear("ffn.lin1", ".ff", "residual"),
        ...linear("ffn.lin2", "residual", ".ff"),
        ...norm("output_layer_norm", "residual"),
      ],
    },
  ],
  heads: [
    [
      ...linear("vocab_transform", "residual", "residual"),
      ...norm("vocab_layer_norm", "residual"),
      ...optional(
        tensor("vocab_projector.weight", "!vocabulary", "residual"),
        tensor("vocab_projector.bias", "!vocabulary"),
      ),
    ],
    [
      ...linear("pre_classifier", "pre_classifier", "residual"),
      ...linear("classifier", "!classifier", "pre_classifier"),
    ],
    linear("qa_outputs", "!qa_outputs", "residual"),
  ],
  output: { axis: "residual" },
};

export const bert = templateOf({
  family: "bert",
  covers: "BERT, RoBERTa and DistilBERT as Hugging Face stores them, with the usual heads",
  modelTypes: ["bert", "roberta", "xlm-roberta", "camembert", "distilbert"],
  styles: [completeStyle, distilled],
});
