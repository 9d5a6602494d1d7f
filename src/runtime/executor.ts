// What the proof needs from whatever runs a model: bytes and input arrays in, output arrays out.

import type { OnnxType } from "../formats/onnx/onnx-element-types.ts";

/**
 * A dense row-major array of one of the types that models take and give. Numbers of half precision (`float16`) come out as a
 * `Float32Array`; they go in as one, which is rounded, or as a `Uint16Array` of codes.
 */
export interface ModelArray {
  readonly type: OnnxType;
  readonly shape: readonly number[];
  readonly data:
    | Float32Array
    | Float64Array
    | Uint16Array
    | Int8Array
    | Uint8Array
    | Int16Array
    | Int32Array
    | Uint32Array
    | BigInt64Array
    | BigUint64Array;
}

type Arrays = Readonly<Record<string, ModelArray>>;

/** How a model is prepared. */
export interface RunOptions {
  /** Leaves the graph as it is written: simplifying one of many thousand nodes takes minutes. @default false */
  readonly asWritten?: boolean;
}

/** A program that runs models; tests and proofs compare its outputs. */
export interface Executor {
  /** The model's outputs by name. Rejects when the model cannot run. */
  run(model: Uint8Array, inputs: Arrays, options?: RunOptions): Promise<Arrays>;
  /** The same for one set of inputs after the other; the model is prepared once. */
  runEach(model: Uint8Array, inputs: Iterable<Arrays>, options?: RunOptions): AsyncIterable<Arrays>;
}
