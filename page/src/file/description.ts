// What the page knows of one file, as plain data that a worker can send.

/** An axis of the file, as people read it. */
export interface DescribedAxis {
  readonly name: string;
  readonly size: number;
  /** `S_11 with positive scales`, `fixed`. */
  readonly group: string;
  readonly free: boolean;
  readonly within?: string;
  /** Tensors that have it. */
  readonly tensors: readonly string[];
  /** Why it is what it is: operations that tie or fix it. */
  readonly why: string;
}

export interface DescribedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** The axes of every dimension, `h^-1 * 16`; null where the tensor carries none. */
  readonly dims: readonly string[] | null;
  /** Distinct axes, inputs of a layer before its outputs. */
  readonly axes: readonly string[];
}

/** An operation that inference could not follow. */
export interface NotFollowed {
  readonly operation: string;
  readonly node: string;
  readonly reason: string;
}

export interface Description {
  readonly name: string;
  readonly bytes: number;
  readonly format: string;
  readonly numbers: number;
  /** Where the symmetries come from: a graph, names, or nothing that is known. */
  readonly from: "graph" | "names" | "nothing";
  /** The sentence of the library where nothing tells the symmetries. */
  readonly reason?: string;
  readonly origin: string;
  readonly axes: readonly DescribedAxis[];
  readonly tensors: readonly DescribedTensor[];
  readonly notFollowed: readonly NotFollowed[];
  readonly warnings: readonly string[];
  /** The spec as JSON text; undefined where there is none. */
  readonly spec?: string;
}

/** What the proof has come to so far. */
export interface AxisResult {
  readonly axis: string;
  readonly error: number;
  readonly holds: boolean;
  readonly control: { readonly tensor: string; readonly error: number } | null;
}

/** The whole proof. */
export interface ProofResult {
  readonly verdict: "proved" | "refuted" | "nothing to prove";
  readonly together: number;
  readonly tolerance: number;
  readonly seed: number;
  readonly warnings: readonly string[];
}
