// What Transformers read: embeddings of symbols, patches of images, and learned positions, alone or in one kernel with the bias
// of a linear layer.

import { jit, numpy as np } from "@jax-js/jax";
import { frozenRecord } from "../../core/records.ts";
import { asRow, sumRows } from "./elementwise.ts";
import type { Layer, Pass } from "./layer.ts";
import { matmul, matmulNT, matmulTN } from "./matmul.ts";

/** [n, rows, width] plus a table [n, tokens, width] on every example. */
const onEveryExample = (x: np.Array, table: np.Array): np.Array => {
  const [n, rows, width] = x.shape;
  const [, tokens] = table.shape;
  const parted = np.reshape(x, [n, rows / tokens, tokens, width]);
  return np.reshape(np.add(parted, np.expandDims(table, 1)), [n, rows, width]);
};
const addTable = jit(onEveryExample);
const addBiasAndTable = jit((x: np.Array, bias: np.Array, table: np.Array) =>
  onEveryExample(x, np.add(table, asRow(bias))),
);
/** [n, rows, width] to sums over examples [n, tokens, width]. */
const sumOverExamples = (tokens: number) =>
  jit((at: np.Array) => {
    const [n, rows, width] = at.shape;
    return np.sum(np.reshape(at, [n, rows / tokens, tokens, width]), 1);
  });

const applyTable = (x: np.Array, table: np.Array): np.Array => {
  const [rows, width] = x.shape;
  const [tokens] = table.shape;
  const parted = np.reshape(x, [rows / tokens, tokens, width]);
  return np.reshape(np.add(parted, table), [rows, width]);
};

/** Learned positions: adds the tensor `name` [tokens, width] to every example. */
export function positions(
  name: string,
  { tokens, width }: { tokens: number; width: number },
): Layer {
  const sum = sumOverExamples(tokens);
  return {
    shapes: frozenRecord<readonly number[]>([[name, [tokens, width]]]),
    form: { kind: "positions", name, tokens, width },
    apply: (weights, x) => applyTable(x, weights[name].ref),
    run: (x, { weights, give }) => [
      addTable(x, weights[name].ref),
      (at) => {
        give(name, sum(at.ref));
        return at;
      },
    ],
  };
}

/** x W^T + b + positions in one kernel: tensors `<name>.weight` [width, inputs], `<name>.bias` [width], `positions` [tokens, width]. */
export function linearWithPositions(
  name: string,
  { inputs, width, tokens }: { inputs: number; width: number; tokens: number },
): Layer {
  const sum = sumOverExamples(tokens);
  const ofTable =
    (x: np.Array, { give }: Pass) =>
    (at: np.Array): np.Array => {
      give(`${name}.weight`, matmulTN(at.ref, x));
      give("positions", sum(at.ref));
      give(`${name}.bias`, sumRows(at.ref));
      return at;
    };
  const forward = (x: np.Array, { weights, hold }: Pass) =>
    addBiasAndTable(
      matmulNT(hold(x).ref, weights[`${name}.weight`].ref),
      weights[`${name}.bias`].ref,
      weights["positions"].ref,
    );
  return {
    shapes: frozenRecord<readonly number[]>([
      [`${name}.weight`, [width, inputs]],
      [`${name}.bias`, [width]],
      ["positions", [tokens, width]],
    ]),
    apply(weights, x) {
      const products = np.matmul(x, np.transpose(weights[`${name}.weight`].ref));
      return applyTable(np.add(products, weights[`${name}.bias`].ref), weights["positions"].ref);
    },
    run(x, pass) {
      const back = ofTable(x, pass);
      const weight = pass.weights[`${name}.weight`];
      return [forward(x, pass), (at) => matmul(back(at), weight.ref)];
    },
    runOnData(x, pass) {
      const back = ofTable(x, pass);
      return [forward(x, pass), (at) => back(at).dispose()];
    },
  };
}

/**
 * Rows of a table for symbols: [n, rows] whole numbers from 0 to symbols - 1, as float32, to [n, rows, width]; the tensor `name`
 * [symbols, width]. Other numbers give rows of zeros. Symbols are data: no gradient goes back to them.
 */
export function embedding(
  name: string,
  { symbols, width }: { symbols: number; width: number },
): Layer {
  const oneHot = (indices: np.Array): np.Array =>
    np.where(np.equal(np.expandDims(indices, -1), np.arange(symbols).astype(np.float32)), 1, 0);
  const compiled = jit(oneHot);
  const runOnData = (x: np.Array, { weights, hold, give }: Pass) => {
    const hot = hold(compiled(x)); // [n, rows, symbols]
    const output = matmul(hot.ref, weights[name].ref);
    return [output, (at: np.Array) => give(name, matmulTN(hot, at))] as const;
  };
  return {
    shapes: frozenRecord<readonly number[]>([[name, [symbols, width]]]),
    form: { kind: "embedding", name, symbols, width },
    apply: (weights, x) => np.matmul(oneHot(x), weights[name].ref),
    run(x, pass) {
      const [n, rows] = x.shape;
      const [output, end] = runOnData(x, pass);
      return [
        output,
        (at) => {
          end(at);
          return np.zeros([n, rows]);
        },
      ];
    },
    runOnData,
  };
}

/**
 * Images [n, batch, side * side] to patches [n, batch * tokens, height * width], row by row of patches. No tensors.
 */
export function patches(side: number, { height, width }: { height: number; width: number }): Layer {
  const [rows, columns] = [side / height, side / width];
  const tokens = rows * columns;
  const cut = (images: np.Array): np.Array => {
    const lead = images.shape.slice(0, -1);
    const parted = np.reshape(images, [...lead, rows, height, columns, width]);
    const outer = [...lead.slice(0, -1), lead[lead.length - 1] * tokens, height * width];
    return np.reshape(np.swapaxes(parted, -3, -2), outer);
  };
  const join = (rowsOfPatches: np.Array): np.Array => {
    const [n, all] = rowsOfPatches.shape;
    const parted = np.reshape(rowsOfPatches, [n, all / tokens, rows, columns, height, width]);
    return np.reshape(np.swapaxes(parted, -3, -2), [n, all / tokens, side * side]);
  };
  const [cutAll, joinAll] = [cut, join].map((f) => jit((x: np.Array) => np.add(f(x), 0)));
  return {
    shapes: {},
    apply: (_, images) => cut(images),
    run: (images) => [cutAll(images), joinAll],
  };
}
