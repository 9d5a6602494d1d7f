// Multi-head self-attention (Vaswani et al. 2017) over the tokens of every example, with or without a mask.

import { jit, nn, numpy as np } from "@jax-js/jax";
import { ShapeError } from "../../core/errors.ts";
import { frozenRecord } from "../../core/records.ts";
import { addThree } from "./elementwise.ts";
import type { Back, Layer, Pass } from "./layer.ts";
import { linear } from "./linear.ts";
import { matmul, matmulNT, matmulTN } from "./matmul.ts";

/** Scores where a mask says no: their softmax is 0 in float32. */
const never = -1e30;

export interface AttentionOptions {
  readonly width: number;
  readonly heads: number;
  /** Tokens of an example. */
  readonly tokens: number;
  /** Row-major [tokens, tokens]: which tokens (columns) a token (row) may attend to. @default all */
  readonly mask?: readonly (readonly boolean[])[];
}

/** Every token attends to itself and those before it. */
export const causalMask = (tokens: number): boolean[][] =>
  Array.from({ length: tokens }, (_, row) => Array.from({ length: tokens }, (_, at) => at <= row));

function checkMask(name: string, tokens: number, mask: AttentionOptions["mask"]): void {
  if (mask === undefined) return;
  const square = mask.length === tokens && mask.every((row) => row.length === tokens);
  if (!square || !mask.every((row) => row.includes(true)))
    throw new ShapeError(
      `attention: mask of "${name}" expected ${tokens} rows of ${tokens} with at least one true each; let every token attend to a token`,
    );
}

type Three = [np.Array, np.Array, np.Array];

/**
 * Queries, keys, values and outputs are linear layers `<name>.q`, `.k`, `.v`, `.o` of width inputs and outputs; heads lie outside
 * positions in a head. [n, batch * tokens, width] to the same shape.
 * @throws {ShapeError} when heads do not divide the width, or the mask is not [tokens, tokens] or leaves a token nothing to attend to
 */
export function attention(name: string, options: AttentionOptions): Layer {
  const { width, heads, tokens, mask } = options;
  if (width % heads !== 0)
    throw new ShapeError(
      `attention: width of "${name}" expected a multiple of ${heads} heads, got ${width}`,
    );
  checkMask(name, tokens, mask);
  const [q, k, v, o] = ["q", "k", "v", "o"].map((part) =>
    linear(`${name}.${part}`, { inputs: width, outputs: width }),
  );
  const mix = mixer(options);
  const blocked = blockedScores(mask);
  return {
    shapes: frozenRecord([q, k, v, o].flatMap(({ shapes }) => Object.entries(shapes))),
    form: {
      kind: "attention",
      name,
      width,
      heads,
      tokens,
      added: mask === undefined ? null : addedScores(mask),
    },
    apply(weights, x) {
      const [rows] = x.shape;
      const split = (y: np.Array) =>
        np.transpose(np.reshape(y, [rows / tokens, tokens, heads, width / heads]), [0, 2, 1, 3]);
      const [queries, keys, values] = [q, k, v].map((part) => split(part.apply(weights, x.ref)));
      x.dispose();
      const products = np.matmul(queries, np.swapaxes(keys, -1, -2));
      const scores = np.multiply(products, 1 / Math.sqrt(width / heads));
      const open = blocked === undefined ? scores : np.add(scores, blocked());
      const mixed = np.matmul(nn.softmax(open, -1), values); // [batch, heads, tokens, head size]
      return o.apply(weights, np.reshape(np.transpose(mixed, [0, 2, 1, 3]), [rows, width]));
    },
    run(x, pass) {
      const parts = [q, k, v].map((part) => part.run(x.ref, pass));
      x.dispose();
      const [queries, keys, values] = parts.map(([output]) => output);
      const [mixed, backMix] = mix([queries, keys, values], pass);
      const [output, backOut] = o.run(mixed, pass);
      const back: Back = (at) => {
        const [dq, dk, dv] = backMix(backOut(at)).map((d, i) => parts[i][1](d));
        return addThree(dq, dk, dv);
      };
      return [output, back];
    },
  };
}

const addedScores = (mask: NonNullable<AttentionOptions["mask"]>): number[] =>
  mask.flat().map((yes) => (yes ? 0 : never));

/** What is added to scores [tokens, tokens]: 0 where the mask says yes. */
function blockedScores(mask: AttentionOptions["mask"]): (() => np.Array) | undefined {
  if (mask === undefined) return undefined;
  const table = Float32Array.from(addedScores(mask));
  return () => np.array(Float32Array.from(table), { shape: [mask.length, mask.length] });
}

/** Softmax of scores times values, for n networks, and the way back to queries, keys and values. */
function mixer({ width, heads, tokens, mask }: AttentionOptions) {
  const scale = 1 / Math.sqrt(width / heads);
  const blocked = blockedScores(mask);
  /** [n, batch * tokens, width] -> [n, batch * heads, tokens, head size], laid out in memory. */
  const split = jit((x: np.Array) => {
    const [n, rows] = x.shape;
    const batch = rows / tokens;
    const parted = np.reshape(x, [n, batch, tokens, heads, width / heads]);
    const swapped = np.transpose(parted, [0, 1, 3, 2, 4]);
    return np.add(np.reshape(swapped, [n, batch * heads, tokens, width / heads]), 0);
  });
  const join = jit((x: np.Array) => {
    const [n, all] = x.shape;
    const batch = all / heads;
    const parted = np.reshape(x, [n, batch, heads, tokens, width / heads]);
    const swapped = np.transpose(parted, [0, 1, 3, 2, 4]);
    return np.add(np.reshape(swapped, [n, batch * tokens, width]), 0);
  });
  const softmax = jit((scores: np.Array) => nn.softmax(np.multiply(scores, scale), -1));
  const maskedSoftmax = jit((scores: np.Array, added: np.Array) =>
    nn.softmax(np.add(np.multiply(scores, scale), added), -1),
  );
  const through = jit((at: np.Array, chances: np.Array) => {
    const along = np.sum(np.multiply(at.ref, chances.ref), -1, { keepdims: true });
    return np.multiply(np.multiply(chances, np.subtract(at, along)), scale);
  });
  return (inputs: Three, { hold }: Pass): readonly [np.Array, (at: np.Array) => Three] => {
    const [queries, keys, values] = inputs.map((x) => hold(split(x)));
    const scores = matmulNT(queries.ref, keys.ref);
    const chances = hold(
      blocked === undefined ? softmax(scores) : maskedSoftmax(scores, blocked()),
    );
    return [
      join(matmul(chances.ref, values.ref)),
      (at) => {
        const parted = split(at);
        const atChances = matmulNT(parted.ref, values);
        const atValues = matmulTN(chances.ref, parted);
        const atScores = through(atChances, chances);
        const atQueries = matmul(atScores.ref, keys);
        const atKeys = matmulTN(atScores, queries);
        return [join(atQueries), join(atKeys), join(atValues)];
      },
    ];
  };
}
