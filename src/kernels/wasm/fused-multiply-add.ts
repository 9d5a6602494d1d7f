// Whether the host multiplies and adds vectors in one instruction (relaxed SIMD), and how kernels multiply and add.

import { writeModule } from "./assembler.ts";
import { drop, type Instruction, op, vector } from "./instructions.ts";

/** How products round: once after multiplying and adding (fused multiply-add), or after each of the two. */
export type Arithmetic = "fma" | "plain";

/** What this host does, asked anew. */
export function hostArithmetic(): Arithmetic {
  const module = writeModule({ pages: 1 });
  module.func("probe", [], ({ emit }) => {
    emit(drop(op("f32x4.relaxed_madd", vector(1), vector(1), vector(1))));
  });
  return WebAssembly.validate(module.bytes()) ? "fma" : "plain";
}

let known: Arithmetic | undefined;

/** Whether this host accepts fused multiply-add, asked once; the last bits of products depend on it. */
export function hasFusedMultiplyAdd(): boolean {
  known ??= hostArithmetic();
  return known === "fma";
}

/** Bytes of the fused instruction; short modules that hold them ask whether there is one. */
const fusedBytes = [0xfd, 0x85, 0x02];
const longestProbe = 256;

/** Whether a module is a question for the fused instruction. */
export function isRelaxedModule(bytes: BufferSource): boolean {
  const view = ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
  return (
    view.length <= longestProbe &&
    view.some((_, at) => fusedBytes.every((byte, i) => view[at + i] === byte))
  );
}

/** a * b + c on four numbers. */
export type MultiplyAdd = (a: Instruction, b: Instruction, c: Instruction) => Instruction;

export const multiplyAdd = (fused: boolean): MultiplyAdd =>
  fused
    ? (a, b, c) => op("f32x4.relaxed_madd", a, b, c)
    : (a, b, c) => op("f32x4.add", c, op("f32x4.mul", a, b));
