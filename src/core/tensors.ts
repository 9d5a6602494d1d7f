// Weights on the host: named arrays of numbers with a shape, before any array library is involved.

/** A dense row-major array. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array;
}

/** The weights of one network by tensor name. */
export type Weights = Readonly<Record<string, Tensor>>;
