// Inner tasks on text: small models of the next character, a recurrent one and a Transformer of two blocks.

import type { RandomStream } from "../../core/random.ts";
import type { Weights } from "../../core/tensors.ts";
import type { TextData } from "../../datasets/text.ts";
import { attention, causalMask } from "../../populations/layers/attention.ts";
import { embedding, positions } from "../../populations/layers/embedding.ts";
import { type Layer, residual, sequence } from "../../populations/layers/layer.ts";
import { layerNorm } from "../../populations/layers/layer-norm.ts";
import { linear, scores } from "../../populations/layers/linear.ts";
import { recurrence } from "../../populations/layers/recurrence.ts";
import { normalWeights } from "../../populations/networks/initial-weights.ts";
import type { InnerTask } from "./inner-task.ts";
import { layerTask } from "./layer-task.ts";

/** Characters of an example, and examples of a batch. */
export const textShape = { tokens: 16, batch: 16 } as const;

/** Held-out examples: so many, at equal distances. */
const testExamples = 256;
const testPortion = 64;

/** One example: characters, and the one after each. */
function writeExample(
  text: Uint8Array,
  from: number,
  inputs: Float32Array,
  labels: Float32Array,
  at: number,
): void {
  for (let t = 0; t < textShape.tokens; t++) {
    inputs[at * textShape.tokens + t] = text[from + t];
    labels[at * textShape.tokens + t] = text[from + t + 1];
  }
}

function testParts(text: Uint8Array) {
  const { tokens } = textShape;
  const distance = (text.length - tokens - 1) / testExamples;
  return Array.from({ length: testExamples / testPortion }, (_, part) => {
    const [inputs, labels] = [0, 1].map(() => new Float32Array(testPortion * tokens));
    for (let at = 0; at < testPortion; at++) {
      const from = Math.floor((part * testPortion + at) * distance);
      writeExample(text, from, inputs, labels, at);
    }
    return { inputs, labels };
  });
}

function textTask(
  name: string,
  layer: Layer,
  { symbols, train, test }: TextData,
  init: (random: RandomStream) => Weights,
): Promise<InnerTask> {
  const rows = textShape.batch * textShape.tokens;
  return layerTask({
    name,
    layer,
    classes: symbols.length,
    inputShape: [rows],
    labels: rows,
    tokens: textShape.tokens,
    traceShape: [2 * textShape.tokens],
    init,
    draw(inputs, labels, random) {
      for (let at = 0; at < textShape.batch; at++)
        writeExample(
          train,
          random.integer(train.length - textShape.tokens - 1),
          inputs,
          labels,
          at,
        );
    },
    test: testParts(test),
  });
}

const usual = (layer: Layer) => (random: RandomStream) =>
  normalWeights(layer.shapes, random, { scale: 1, gain: 1 });

/** Embedding 16, 32 recurrent units with ReLU whose matrix starts as the identity, scores. */
export function irnnTask(name: string, data: TextData): Promise<InnerTask> {
  const [width, hidden, symbols] = [16, 32, data.symbols.length];
  const layer = sequence(
    embedding("embed", { symbols, width }),
    linear("in", { inputs: width, outputs: hidden }),
    recurrence("rec", { hidden, tokens: textShape.tokens }),
    scores("out", { inputs: hidden, outputs: symbols }),
  );
  return textTask(name, layer, data, (random) => {
    const weights = usual(layer)(random);
    const identity = Float32Array.from({ length: hidden * hidden }, (_, i) =>
      i % (hidden + 1) === 0 ? 1 : 0,
    );
    return { ...weights, "rec.state": { shape: [hidden, hidden], data: identity } };
  });
}

/** Two blocks of width 32 with LayerNorms before them, two heads, feed-forward 64. */
export function textTransformerTask(name: string, data: TextData): Promise<InnerTask> {
  const [width, heads, feedForward, symbols] = [32, 2, 64, data.symbols.length];
  const { tokens } = textShape;
  const block = (prefix: string) => [
    residual(
      sequence(layerNorm, attention(prefix, { width, heads, tokens, mask: causalMask(tokens) })),
    ),
    residual(
      sequence(
        layerNorm,
        linear(`${prefix}.up`, { inputs: width, outputs: feedForward, activation: "relu" }),
        linear(`${prefix}.down`, { inputs: feedForward, outputs: width }),
      ),
    ),
  ];
  const layer = sequence(
    embedding("embed", { symbols, width }),
    positions("positions", { tokens, width }),
    ...block("block1"),
    ...block("block2"),
    layerNorm,
    scores("out", { inputs: width, outputs: symbols }),
  );
  return textTask(name, layer, data, usual(layer));
}
