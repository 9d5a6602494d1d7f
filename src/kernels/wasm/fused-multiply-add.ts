// Whether the host multiplies and adds vectors in one instruction (relaxed SIMD), and how kernels multiply and add.

import { writeModule } from "./assembler.ts";
import { access, drop, i32, type Instruction, op, vector } from "./instructions.ts";

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

/**
 * How kernels of this process round. Found by multiplying and adding, since a host without the instruction in its processor
 * accepts it, too. The last bits of all trained networks depend on it.
 */
export const arithmeticOfHost = (): Arithmetic =>
  hostArithmetic() === "plain" ? "plain" : tryArithmetic();

function tryArithmetic(): Arithmetic {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const module = writeModule({ pages: 1 });
  const load = (offset: number) => access("v128.load", offset, i32(0));
  module.func("probe", [], ({ emit }) => {
    const sum = op("f32x4.relaxed_madd", load(0), load(16), load(32));
    emit(access("v128.store", 48, i32(0), sum));
  });
  const numbers = new Float32Array(memory.buffer);
  const factor = 1 + 2 ** -12;
  numbers.fill(factor, 0, 8);
  numbers.fill(-Math.fround(factor * factor), 8, 12);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    host: { memory },
  });
  (exports["probe"] as () => void)();
  return numbers[12] === 0 ? "plain" : "fma"; // what rounding the product has lost, or 2^-24
}
