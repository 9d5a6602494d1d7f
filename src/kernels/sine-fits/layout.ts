// Where the numbers of a sine network that is being fitted lie in the kernel's memory. Examples go through the network in groups of
// four: everything of a group lies together, one row of four numbers after another. Two groups make a block.

import { lanesOfVector, vectorBytes } from "../wasm/vectors.ts";

/** A network of two sine layers and a linear one, inputs-hidden-hidden-1. */
export interface SineFitShape {
  readonly inputs: number;
  /** Units of both sine layers, a multiple of 4. */
  readonly hidden: number;
  /** Frequency of both sine layers. */
  readonly omega: number;
}

/** Groups of a block. */
export const blockGroups = 2;
/** Bytes of a row of a group. */
export const rowBytes = vectorBytes;
/** Examples of a block. */
export const blockExamples = blockGroups * lanesOfVector;

/** Numbers of a step that are the same for all steps of a call, four times each, and those of the polynomials. */
export const numberNames = [
  "perTurn",
  "rounder",
  "turnHigh",
  "turnLow",
  "one",
  "sine3",
  "sine5",
  "sine7",
  "sine9",
  "cosine2",
  "cosine4",
  "cosine6",
  "cosine8",
  "keep",
  "take",
  "adaptive",
  "decay",
  "secondDecay",
  "secondRest",
  "epsilon",
  "omega",
] as const;
export type NumberName = (typeof numberNames)[number];

/** Address of a number. */
export const numberAt = (name: NumberName): number => vectorBytes * numberNames.indexOf(name);

/** The network's tensors, weights of the first layer [inputs, hidden], of the second [units, inputs]. */
const tensorNames = ["into", "intoBias", "across", "acrossBias", "out", "outBias"] as const;
/** Weights and biases of the three layers, from inputs to output. */
export type SineFitTensor = (typeof tensorNames)[number];

/** Everything that there is one of for each weight; `scaled` are the weights of the sine layers times omega. */
const arrayNames = ["weights", "scaled", "gradients", "first", "second"] as const;
export type ArrayName = (typeof arrayNames)[number];

/** Rows of a group: places, wanted value, factor of the error, error, and for both sine layers sines and cosines of all units. */
export interface GroupRows {
  readonly places: number;
  readonly value: number;
  readonly factor: number;
  readonly error: number;
  readonly sines1: number;
  readonly cosines1: number;
  readonly sines2: number;
  readonly cosines2: number;
  readonly count: number;
}

/** Addresses and sizes in bytes. */
export interface SineFitLayout {
  readonly shape: SineFitShape;
  /** Examples of a step. */
  readonly batch: number;
  readonly rows: GroupRows;
  readonly groupBytes: number;
  readonly blockBytes: number;
  readonly blocks: { readonly at: number; readonly count: number };
  /** Weights of the sine layers come before those of the last layer. */
  readonly sineBytes: number;
  readonly arrayBytes: number;
  /** Numbers of every tensor; the last bias takes four, all the same. */
  readonly sizes: Readonly<Record<SineFitTensor, number>>;
  /** Address of a tensor of an array. */
  readonly at: (array: ArrayName, tensor: SineFitTensor) => number;
  /** Where examples, steps and what they read begin. */
  readonly end: number;
}

export function sineFitLayout(shape: SineFitShape, batch: number): SineFitLayout {
  const { inputs, hidden } = shape;
  const sizes: Record<SineFitTensor, number> = {
    into: inputs * hidden,
    intoBias: hidden,
    across: hidden * hidden,
    acrossBias: hidden,
    out: hidden,
    outBias: lanesOfVector,
  };
  const offsets = new Map<SineFitTensor, number>();
  let arrayBytes = 0;
  for (const name of tensorNames) {
    offsets.set(name, arrayBytes);
    arrayBytes += 4 * sizes[name];
  }
  const rows: GroupRows = {
    places: 0,
    value: inputs,
    factor: inputs + 1,
    error: inputs + 2,
    sines1: inputs + 3,
    cosines1: inputs + 3 + hidden,
    sines2: inputs + 3 + 2 * hidden,
    cosines2: inputs + 3 + 3 * hidden,
    count: inputs + 3 + 4 * hidden,
  };
  const arraysAt = vectorBytes * numberNames.length;
  const blocksAt = 64 * Math.ceil((arraysAt + arrayNames.length * arrayBytes) / 64);
  const groupBytes = rows.count * rowBytes;
  const blockBytes = blockGroups * groupBytes;
  const count = Math.ceil(batch / blockExamples);
  return {
    shape,
    batch,
    rows,
    groupBytes,
    blockBytes,
    blocks: { at: blocksAt, count },
    sineBytes: offsets.get("out") ?? 0,
    arrayBytes,
    sizes,
    at: (array, tensor) =>
      arraysAt + arrayNames.indexOf(array) * arrayBytes + (offsets.get(tensor) ?? 0),
    end: blocksAt + count * blockBytes,
  };
}
