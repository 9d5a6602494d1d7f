// Examples that networks learn from and are tested on.

/** Examples with the label each should be given. */
export interface Examples {
  readonly count: number;
  /** [count], each from 0 to classes - 1. */
  readonly labels: Uint8Array;
}

/** Examples to classify, as rows of numbers. */
export interface Dataset extends Examples {
  /** Row-major [count, features]. */
  readonly inputs: Float32Array<ArrayBuffer>;
}
