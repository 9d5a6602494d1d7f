// The network of vision-transformer.ts for many networks at once, forward and backward: every part returns its output and
// how a gradient goes back through it. Matrix products stay bare, element-wise parts are one fused kernel each.

import { jit, nn, numpy as np, tree } from "@jax-js/jax";
import type { WeightBatch } from "../models/model.ts";
import { product, productByTransposed, productOfTransposed } from "./products.ts";
import {
  blocks,
  epsilon,
  heads,
  normalize,
  patchesOf,
  tokens,
  width,
} from "./vision-transformer.ts";

/** Takes the gradient at an output, consumes what was kept, gives the gradient at the input. */
type Back = (at: np.Array) => np.Array;
type Part = readonly [output: np.Array, back: Back];

/** What the parts of one pass share. */
interface Pass {
  readonly weights: WeightBatch;
  /** Where backward passes write. */
  readonly gradients: WeightBatch;
  /** Notes an array that a backward pass consumes, to be freed if there is none. */
  readonly hold: (array: np.Array) => np.Array;
}

const row = (bias: np.Array) => np.expandDims(bias, -2);
const add = jit((a: np.Array, b: np.Array) => np.add(a, b));
const addRow = jit((x: np.Array, bias: np.Array) => np.add(x, row(bias)));
const addThree = jit((a: np.Array, b: np.Array, c: np.Array) => np.add(np.add(a, b), c));
const sumRows = jit((x: np.Array) => np.sum(x, -2));
const sumColumns = jit((x: np.Array) => np.sum(x, -1));
const toPatches = jit((images: np.Array) => {
  const [n, batch] = images.shape;
  return np.add(np.reshape(patchesOf(images), [n, batch * tokens, -1]), 0);
});

/** [n, batch * tokens, width] and a bias [n, width], positions [n, tokens, width] */
const addPositions = jit((x: np.Array, bias: np.Array, positions: np.Array) => {
  const [n, rows] = x.shape;
  const parted = np.reshape(x, [n, rows / tokens, tokens, width]);
  const table = np.add(positions, row(bias));
  return np.reshape(np.add(parted, np.expandDims(table, 1)), [n, rows, width]);
});
const sumOverImages = jit((at: np.Array) => {
  const [n, rows] = at.shape;
  return np.sum(np.reshape(at, [n, rows / tokens, tokens, width]), 1);
});

const deviation = (x: np.Array) => {
  const centred = np.subtract(x.ref, np.mean(x, -1, { keepdims: true }));
  return np.sqrt(np.add(np.mean(np.square(centred), -1, { keepdims: true }), epsilon));
};
const normalized = jit((x: np.Array) => normalize(x));
const deviations = jit(deviation);
/** (d - mean(d) - y mean(d y)) / deviation */
const throughNormalize = jit((at: np.Array, y: np.Array, spread: np.Array) => {
  const mean = np.mean(at.ref, -1, { keepdims: true });
  const along = np.mean(np.multiply(at.ref, y.ref), -1, { keepdims: true });
  return np.divide(np.subtract(np.subtract(at, mean), np.multiply(y, along)), spread);
});

function normalizePart(x: np.Array, { hold }: Pass): Part {
  const spread = hold(deviations(x.ref));
  const y = hold(normalized(x));
  return [y.ref, (at) => throughNormalize(at, y, spread)];
}

/** x W^T + b; writes the gradients of both under the layer's name. */
function linearPart(name: string, x: np.Array, { weights, gradients, hold }: Pass): Part {
  hold(x);
  const weight = weights[`${name}.weight`];
  const y = addRow(productByTransposed(x.ref, weight.ref), weights[`${name}.bias`].ref);
  return [
    y,
    (at) => {
      gradients[`${name}.weight`] = productOfTransposed(at.ref, x);
      gradients[`${name}.bias`] = sumRows(at.ref);
      return product(at, weight.ref);
    },
  ];
}

const relu = jit((x: np.Array) => nn.relu(x));
const throughRelu = jit((at: np.Array, y: np.Array) => np.where(np.greater(y, 0), at, 0));

function reluPart(x: np.Array, { hold }: Pass): Part {
  const y = hold(relu(x));
  return [y.ref, (at) => throughRelu(at, y)];
}

const scale = 1 / Math.sqrt(width / heads);
/** [n, batch * tokens, width] -> [n, batch * heads, tokens, head size], laid out in memory. */
const splitHeads = jit((x: np.Array) => {
  const [n, rows] = x.shape;
  const batch = rows / tokens;
  const parted = np.reshape(x, [n, batch, tokens, heads, width / heads]);
  const swapped = np.transpose(parted, [0, 1, 3, 2, 4]);
  return np.add(np.reshape(swapped, [n, batch * heads, tokens, width / heads]), 0);
});
const joinHeads = jit((x: np.Array) => {
  const [n, all] = x.shape;
  const batch = all / heads;
  const parted = np.reshape(x, [n, batch, heads, tokens, width / heads]);
  const swapped = np.transpose(parted, [0, 1, 3, 2, 4]);
  return np.add(np.reshape(swapped, [n, batch * tokens, width]), 0);
});
const softmax = jit((scores: np.Array) => nn.softmax(np.multiply(scores, scale), -1));
const throughSoftmax = jit((at: np.Array, chances: np.Array) => {
  const along = np.sum(np.multiply(at.ref, chances.ref), -1, { keepdims: true });
  return np.multiply(np.multiply(chances, np.subtract(at, along)), scale);
});

/** Heads of queries, keys and values [n, batch * tokens, width] to mixed values of that shape. */
function attendPart(
  q: np.Array,
  k: np.Array,
  v: np.Array,
  { hold }: Pass,
): readonly [np.Array, (at: np.Array) => [np.Array, np.Array, np.Array]] {
  const [queries, keys, values] = [q, k, v].map((x) => hold(splitHeads(x)));
  const chances = hold(softmax(productByTransposed(queries.ref, keys.ref)));
  const mixed = joinHeads(product(chances.ref, values.ref));
  return [
    mixed,
    (at) => {
      const parted = splitHeads(at);
      const atChances = productByTransposed(parted.ref, values);
      const atValues = productOfTransposed(chances.ref, parted);
      const atScores = throughSoftmax(atChances, chances);
      const atQueries = product(atScores.ref, keys);
      const atKeys = productOfTransposed(atScores, queries);
      return [joinHeads(atQueries), joinHeads(atKeys), joinHeads(atValues)];
    },
  ];
}

const meanOverTokens = jit((x: np.Array) => {
  const [n, rows] = x.shape;
  return np.mean(np.reshape(x, [n, rows / tokens, tokens, width]), 2);
});
const spreadOverTokens = jit((at: np.Array) => {
  const [n, batch] = at.shape;
  const wide = np.expandDims(np.multiply(at, 1 / tokens), 2);
  return np.reshape(np.broadcastTo(wide, [n, batch, tokens, width]), [n, batch * tokens, width]);
});
const scoreGradient = jit((scores: np.Array, bias: np.Array, targets: np.Array) => {
  const chances = nn.softmax(np.add(scores, np.expandDims(bias, -1)), -2);
  return np.multiply(np.subtract(chances, targets), 1 / targets.shape[2]);
});
const addColumn = jit((sums: np.Array, bias: np.Array) => np.add(sums, np.expandDims(bias, -1)));

/** Forward and backward pass of the network with or without residuals. */
export function fastTransformer(residuals: boolean) {
  /** Up to scores without their bias [n, classes, batch]; weights are kept. */
  function forward(images: np.Array, pass: Pass): Part {
    const { weights, gradients, hold } = pass;
    const linear = (name: string, x: np.Array) => linearPart(name, x, pass);
    const backs: Back[] = [];
    const then = ([output, back]: Part) => {
      backs.push(back);
      return output;
    };
    const around = (layer: (x: np.Array) => Part, x: np.Array): Part => {
      const [y, backNorm] = normalizePart(x.ref, pass);
      const [z, backLayer] = layer(y);
      if (!residuals) {
        x.dispose();
        return [z, (at) => backNorm(backLayer(at))];
      }
      return [add(x, z), (at) => add(backNorm(backLayer(at.ref)), at)];
    };
    const attention =
      (block: string) =>
      (x: np.Array): Part => {
        const parts = ["q", "k", "v"].map((name) => linear(`${block}.${name}`, x.ref));
        x.dispose();
        const [mixed, backMix] = attendPart(parts[0][0], parts[1][0], parts[2][0], pass);
        const [y, backOut] = linear(`${block}.o`, mixed);
        return [
          y,
          (at) => {
            const [dq, dk, dv] = backMix(backOut(at)).map((d, i) => parts[i][1](d));
            return addThree(dq, dk, dv);
          },
        ];
      };
    const feed =
      (block: string) =>
      (x: np.Array): Part => {
        const [wide, backUp] = linear(`${block}.up`, x);
        const [active, backRelu] = reluPart(wide, pass);
        const [y, backDown] = linear(`${block}.down`, active);
        return [y, (at) => backUp(backRelu(backDown(at)))];
      };
    const patches = hold(toPatches(images));
    const bare = productByTransposed(patches.ref, weights["embed.weight"].ref);
    let x = addPositions(bare, weights["embed.bias"].ref, weights["positions"].ref);
    for (const b of blocks) {
      x = then(around(attention(`block${b}`), x));
      x = then(around(feed(`block${b}`), x));
    }
    const pooled = meanOverTokens(then(normalizePart(x, pass)));
    const [hidden, backHidden] = linear("hidden", pooled);
    const [active, backRelu] = reluPart(hidden, pass);
    hold(active);
    const scores = productByTransposed(weights["out.weight"].ref, active.ref); // [n, out, batch]
    return [
      scores,
      (atScores) => {
        gradients["out.weight"] = product(atScores.ref, active);
        gradients["out.bias"] = sumColumns(atScores.ref);
        const atActive = productOfTransposed(atScores, weights["out.weight"].ref);
        let at = spreadOverTokens(backHidden(backRelu(atActive)));
        for (const back of backs.toReversed()) at = back(at);
        gradients["embed.weight"] = productOfTransposed(at.ref, patches);
        gradients["positions"] = sumOverImages(at.ref);
        gradients["embed.bias"] = sumRows(at.ref);
        return at;
      },
    ];
  }

  function gradients(weights: WeightBatch, inputs: np.Array, targets: np.Array): WeightBatch {
    const result: WeightBatch = {};
    const [scores, back] = forward(inputs, { weights, gradients: result, hold: (array) => array });
    back(scoreGradient(scores, weights["out.bias"].ref, targets)).dispose();
    tree.dispose(weights);
    return result;
  }

  function logits(weights: WeightBatch, inputs: np.Array): np.Array {
    const held: np.Array[] = [];
    const hold = (array: np.Array) => {
      held.push(array);
      return array;
    };
    const [n, batch] = [weights["out.bias"].shape[0], inputs.shape[1]];
    const images = np.broadcastTo(inputs, [n, batch, inputs.shape[2]]);
    const [scores] = forward(images, { weights, gradients: {}, hold });
    const result = addColumn(scores, weights["out.bias"].ref);
    tree.dispose([held, weights]);
    return result;
  }
  return { gradients, logits };
}
