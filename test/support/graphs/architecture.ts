// A network to generate and the axes that inference must find in it.

import { type OnnxBuilder, onnxBuilder } from "./onnx-builder.ts";

export interface Architecture {
  readonly name: string;
  /** `12` for S_12 or GL(12), `4 in 3` for an axis of 4 within one of 3; sorted. */
  readonly axes: readonly string[];
  readonly build: (b: OnnxBuilder) => void;
  readonly opset?: number;
}

export function buildModel({ build, opset }: Architecture, seed = 1): Uint8Array {
  const b = onnxBuilder(seed, opset);
  build(b);
  return b.bytes();
}
