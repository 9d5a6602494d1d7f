// Convolutions of small images, fast for many networks: a convolution is a product with a matrix that repeats the kernel's
// entries, unfolded every step. A constant table says which kernel position joins an input position to an output position.

import { jit, lax, numpy as np, tree } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import { frozenRecord } from "../../core/records.ts";
import { asColumn, copyOf, sumRows } from "./elementwise.ts";
import type { Layer, Pass } from "./layer.ts";
import { activations, type ActivationName, compiledActivations } from "./pointwise.ts";
import { matmul, matmulNT, matmulTN } from "./matmul.ts";

export interface ConvOptions {
  /** Channels. */
  readonly inputs: number;
  readonly outputs: number;
  /** Images are side x side pixels, and ceil(side / stride) afterwards. */
  readonly side: number;
  readonly stride: number;
  /** Kernels are odd and square; images get a border of zeros of half a kernel. @default 3 */
  readonly kernel?: number;
  readonly activation: ActivationName;
}

/** 1 where a kernel position joins two positions: row-major [tap, from, to]. */
function joinsOf(side: number, stride: number, kernel: number): Float32Array<ArrayBuffer> {
  const next = Math.ceil(side / stride);
  const [from, to] = [side * side, next * next];
  const border = (kernel - 1) / 2;
  const joins = new Float32Array(kernel * kernel * from * to);
  for (let out = 0; out < to; out++) {
    for (let tap = 0; tap < kernel * kernel; tap++) {
      const row = stride * Math.floor(out / next) + Math.floor(tap / kernel) - border;
      const column = stride * (out % next) + (tap % kernel) - border;
      if (row < 0 || row >= side || column < 0 || column >= side) continue;
      joins[(tap * from + row * side + column) * to + out] = 1;
    }
  }
  return joins;
}

/** [n, out, in, from, to] -> [n, in * from, out * to] */
const asMatrix = jit((unfolded: np.Array) => {
  const [n, out, inputs, from, to] = unfolded.shape;
  return np.reshape(np.transpose(unfolded, [0, 2, 3, 1, 4]), [n, inputs * from, out * to]);
});

/** [n, batch, channels * positions] plus a bias [n, channels]. */
function addChannelBias(products: np.Array, bias: np.Array): np.Array {
  const [n, batch, width] = products.shape;
  const [, channels] = bias.shape;
  const parted = np.reshape(products, [n, batch, channels, width / channels]);
  const sums = np.add(parted, np.reshape(bias, [n, 1, channels, 1]));
  return np.reshape(sums, [n, batch, width]);
}
const activate = {
  relu: jit((x: np.Array, bias: np.Array) => activations.relu.apply(addChannelBias(x, bias))),
  tanh: jit((x: np.Array, bias: np.Array) => activations.tanh.apply(addChannelBias(x, bias))),
};

/** What the passes of a convolution share: its table, and the ways between kernels and matrices. */
function geometry({ inputs, outputs, side, stride, kernel = 3 }: ConvOptions) {
  const taps = kernel * kernel;
  const from = side * side;
  const to = Math.ceil(side / stride) ** 2;
  const table = joinsOf(side, stride, kernel);
  const joins = () => np.array(table, { shape: [1, taps, from * to] });
  /** The gradient at the matrix [n, in * from, out * to] to [n, out * in, from * to]. */
  const fold = jit((matrix: np.Array) => {
    const [n] = matrix.shape;
    const parted = np.reshape(matrix, [n, inputs, from, outputs, to]);
    return np.reshape(np.transpose(parted, [0, 3, 1, 2, 4]), [n, outputs * inputs, from * to]);
  });
  return {
    positions: to,
    /** [n, outputs * positions] to [n, outputs]. */
    sumOfPositions: jit((at: np.Array) => {
      const [n] = at.shape;
      return np.sum(np.reshape(at, [n, outputs, to]), -1);
    }),
    /** A kernel [n, outputs, inputs, kernel, kernel] to the matrix [n, inputs * from, outputs * to]. */
    unfold: (weight: np.Array): np.Array => {
      const [n] = weight.shape;
      const unfolded = matmul(np.reshape(weight, [n, outputs * inputs, taps]), joins());
      return asMatrix(np.reshape(unfolded, [n, outputs, inputs, from, to]));
    },
    /** The gradient at a kernel, from that at the matrix. */
    refold: (matrix: np.Array): np.Array => {
      const [n] = matrix.shape;
      const ofKernel = matmulNT(fold(matrix), joins()); // [n, out * in, taps]
      return copyOf(np.reshape(ofKernel, [n, outputs, inputs, kernel, kernel]));
    },
  };
}

/**
 * A convolution with its activation, [n, batch, inputs * side * side] to [n, batch, outputs * positions], channels outside
 * positions: tensors `<name>.weight` [outputs, inputs, kernel, kernel] and `<name>.bias` [outputs].
 * @throws {OptionError} when the kernel is even
 */
export function conv(name: string, options: ConvOptions): Layer {
  const { inputs, outputs, side, stride, kernel = 3, activation } = options;
  if (kernel % 2 !== 1)
    throw new OptionError(`conv: kernel of "${name}" expected an odd width, got ${kernel}`);
  const { positions, sumOfPositions, unfold, refold } = geometry(options);
  function forward(x: np.Array, { weights, hold, give }: Pass) {
    hold(x);
    const matrix = hold(unfold(weights[`${name}.weight`].ref));
    const products = matmul(x.ref, matrix.ref);
    const y = hold(activate[activation](products, weights[`${name}.bias`].ref));
    const backward = (at: np.Array): np.Array => {
      const atSums = compiledActivations[activation].through(at, y);
      give(`${name}.bias`, sumOfPositions(sumRows(atSums.ref)));
      give(`${name}.weight`, refold(matmulTN(x, atSums.ref)));
      return atSums;
    };
    return { output: y.ref, backward, matrix };
  }
  return {
    shapes: frozenRecord<readonly number[]>([
      [`${name}.weight`, [outputs, inputs, kernel, kernel]],
      [`${name}.bias`, [outputs]],
    ]),
    ...(activation === "relu" && {
      form: { kind: "convolution", name, inputs, outputs, side, stride, kernel },
    }),
    apply(weights, x) {
      const [batch] = x.shape;
      const border: [number, number] = [(kernel - 1) / 2, (kernel - 1) / 2];
      const maps = np.reshape(x, [batch, inputs, side, side]);
      const weight = weights[`${name}.weight`].ref;
      const sums = lax.convGeneralDilated(maps, weight, [stride, stride], [border, border]);
      const bias = asColumn(asColumn(weights[`${name}.bias`].ref));
      const y = activations[activation].apply(np.add(sums, bias));
      return np.reshape(y, [batch, outputs * positions]);
    },
    run(x, pass) {
      const { output, backward, matrix } = forward(x, pass);
      return [output, (at) => matmulNT(backward(at), matrix)];
    },
    runOnData(x, pass) {
      const { output, backward, matrix } = forward(x, pass);
      return [output, (at) => tree.dispose([backward(at), matrix])];
    },
  };
}
