// What the proof needs from whatever runs a model: bytes and input arrays in, output arrays out.

import type { OnnxType } from "../formats/onnx-tensor.ts";

/** A dense row-major array of one of the types that models take and give. */
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

export interface Executor {
  /** The model's outputs by name. Rejects when the model cannot run. */
  run(
    model: Uint8Array,
    inputs: Readonly<Record<string, ModelArray>>,
  ): Promise<Readonly<Record<string, ModelArray>>>;
}
