// BERT (Devlin et al. 2018), RoBERTa, ELECTRA, DistilBERT and ALBERT (Lan et al. 2019) as Hugging Face stores them, with the
// heads for masked words, next sentences, classification, tokens and answers. A masked-word head reads the word embedding, so
// its space is that of the embedding.

import { templateOf } from "../read-table.ts";
import { type Block, type Line, linear, norm, optional, type Style, tensor } from "../table.ts";
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

const completeLayer: Block = {
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
};

/** `words` is the space of the embedding: that of the stream, or a narrower one that is projected (ELECTRA). */
const completeStyle = (words: "residual" | "word"): Style => ({
  anchors: [
    "embeddings.word_embeddings.weight",
    "encoder.layer.0.attention.self.query.weight",
    ...(words === "word" ? ["embeddings_project.weight"] : []),
  ],
  ...(words === "residual" && { without: ["embeddings_project.weight"] }),
  lines: [
    tensor("embeddings.word_embeddings.weight", "!vocabulary", words),
    ...optional(
      tensor("embeddings.position_embeddings.weight", "!position", words),
      tensor("embeddings.token_type_embeddings.weight", "!segment", words),
    ),
    ...norm("embeddings.LayerNorm", words),
    ...(words === "word" ? linear("embeddings_project", "residual", words) : []),
  ],
  blocks: [completeLayer],
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
    [
      ...linear("discriminator_predictions.dense", "discriminator", "residual"),
      ...linear("discriminator_predictions.dense_prediction", "!replaced", "discriminator"),
    ],
    [
      ...linear("generator_predictions.dense", words, "residual"),
      ...norm("generator_predictions.LayerNorm", words),
      ...optional(
        tensor("generator_lm_head.weight", "!vocabulary", words),
        tensor("generator_lm_head.bias", "!vocabulary"),
      ),
    ],
    linear("classifier", "!classifier", "residual"),
    linear("qa_outputs", "!qa_outputs", "residual"),
  ],
  output: { axis: "residual" },
  more(builder, prefix) {
    readPooled(builder, `${prefix}pooler.dense`, "cls.seq_relationship");
    return readDeepClassifier(builder, prefix);
  },
});

function read(builder: SpecBuilder, name: string, to: string, from: string): void {
  builder.assign(`${name}.weight`, [to, from]);
  builder.assignIf(`${name}.bias`, [to]);
}

/** The vector that sentences are told by, behind a hyperbolic tangent, and what reads it: `next` or the classifier. */
function readPooled(builder: SpecBuilder, dense: string, next: string): void {
  const d = "residual";
  const pooler = builder.has(`${dense}.weight`) ? builder.shape(`${dense}.weight`, 2) : null;
  if (pooler !== null) {
    // A classifier beside a pooler reads the pooled vector or, in files of older versions, every token: moving both
    // spaces alike is a symmetry either way.
    const isUnsure = builder.has("classifier.weight");
    const pooled = isUnsure ? d : builder.axis("pooled", pooler[0], { scale: "sign" });
    read(builder, dense, pooled, d);
    if (isUnsure)
      builder.warn(
        `"classifier" may read the pooled vector or the tokens: both spaces are moved together`,
      );
    if (builder.has(`${next}.weight`)) read(builder, next, "2", isUnsure ? d : `${pooled}^-1`);
    else if (!isUnsure) builder.fix(pooled);
  }
}

/** A classifier of two layers that reads the first token, without a pooler; tells whether it is there. */
function readDeepClassifier(builder: SpecBuilder, prefix: string): boolean {
  const isDeep =
    builder.has("classifier.dense.weight") && builder.has("classifier.out_proj.weight");
  if (isDeep) {
    const [size] = builder.shape("classifier.dense.weight", 2) ?? [1];
    const [classes] = builder.shape("classifier.out_proj.weight", 2) ?? [1];
    // That of RoBERTa has a hyperbolic tangent, that of ELECTRA a GELU.
    const isOdd = builder.facts.modelType !== "electra" && !/(^|\.)electra\.$/.test(prefix);
    const hidden = builder.axis("classifier.hidden", size, isOdd ? { scale: "sign" } : {});
    read(builder, "classifier.dense", hidden, "residual");
    read(builder, "classifier.out_proj", `${classes}`, isOdd ? `${hidden}^-1` : hidden);
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
  covers: "BERT, RoBERTa, ELECTRA and DistilBERT as Hugging Face stores them, with the usual heads",
  modelTypes: ["bert", "roberta", "xlm-roberta", "camembert", "electra", "distilbert"],
  styles: [completeStyle("residual"), completeStyle("word"), distilled],
});

/** Words in a narrow space that is projected to the stream once; layers are run several times. */
const albertStyle: Style = {
  anchors: [
    "embeddings.word_embeddings.weight",
    "encoder.albert_layer_groups.0.albert_layers.0.attention.query.weight",
  ],
  lines: [
    tensor("embeddings.word_embeddings.weight", "!vocabulary", "word"),
    ...optional(
      tensor("embeddings.position_embeddings.weight", "!position", "word"),
      tensor("embeddings.token_type_embeddings.weight", "!segment", "word"),
    ),
    ...norm("embeddings.LayerNorm", "word"),
    ...linear("encoder.embedding_hidden_mapping_in", "residual", "word"),
  ],
  blocks: [
    {
      at: "encoder.albert_layer_groups.{i}",
      scope: "group{i}",
      lines: [],
      blocks: [
        {
          at: "albert_layers.{j}",
          scope: "group{i}.layer{j}",
          attention: [
            {
              name: "",
              query: ["attention.query.weight", 0],
              absolute: ["embeddings.position_embeddings.weight"],
            },
          ],
          lines: [
            ...linear("attention.query", "@q", "residual"),
            ...linear("attention.key", "@k", "residual"),
            ...linear("attention.value", "@v", "residual"),
            ...linear("attention.dense", "residual", "@o"),
            ...norm("attention.LayerNorm", "residual"),
            ...linear("ffn", ".ff", "residual"),
            ...linear("ffn_output", "residual", ".ff"),
            ...norm("full_layer_layer_norm", "residual"),
          ],
        },
      ],
    },
  ],
  heads: [
    [
      ...linear("predictions.dense", "word", "residual"),
      ...norm("predictions.LayerNorm", "word"),
      ...optional(
        tensor("predictions.decoder.weight", "!vocabulary", "word"),
        tensor("predictions.decoder.bias", "!vocabulary"),
        tensor("predictions.bias", "!vocabulary"),
      ),
    ],
    linear("classifier", "!classifier", "residual"),
    linear("qa_outputs", "!qa_outputs", "residual"),
  ],
  output: { axis: "residual" },
  more: (builder, prefix) => {
    readPooled(builder, `${prefix}pooler`, "sop_classifier.classifier");
    return false;
  },
};

export const albert = templateOf({
  family: "albert",
  covers: "ALBERT as Hugging Face stores it, with the usual heads",
  modelTypes: ["albert"],
  styles: [albertStyle],
});
