// Whether the host multiplies and adds vectors in one instruction (relaxed SIMD), and how kernels multiply and add.

import { writeModule } from "./assembler.ts";
import { drop, type Instruction, op, vector } from "./instructions.ts";

let known: boolean | undefined;

/** Whether this host accepts fused multiply-add; the last bits of products depend on it. */
export function hasFusedMultiplyAdd(): boolean {
  if (known === undefined) {
    const module = writeModule({ pages: 1 });
    module.func("probe", [], ({ emit }) => {
      emit(drop(op("f32x4.relaxed_madd", vector(1), vector(1), vector(1))));
    });
    known = WebAssembly.validate(module.bytes());
  }
  return known;
}

/** a * b + c on four numbers. */
export type MultiplyAdd = (a: Instruction, b: Instruction, c: Instruction) => Instruction;

export const multiplyAdd = (fused: boolean): MultiplyAdd =>
  fused
    ? (a, b, c) => op("f32x4.relaxed_madd", a, b, c)
    : (a, b, c) => op("f32x4.add", c, op("f32x4.mul", a, b));
