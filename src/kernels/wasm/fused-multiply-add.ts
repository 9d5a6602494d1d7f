// Whether the host multiplies and adds vectors in one instruction (relaxed SIMD), and how kernels multiply and add.

import { writeModule } from "./assembler.ts";
import { access, drop, i32, type Instruction, op, vector } from "./instructions.ts";

/** How products round: once after multiplying and adding (fused multiply-add), or after each of the two. */
export type Arithmetic = "fma" | "plain";

/** Whether this host accepts the instruction, asked anew. */
function acceptsFused(): boolean {
  const module = writeModule({ pages: 1 });
  module.func("probe", [], ({ emit }) => {
    emit(drop(op("f32x4.relaxed_madd", vector(1), vector(1), vector(1))));
  });
  return WebAssembly.validate(module.bytes());
}

/** Whether the instruction rounds once: a host without it in its processor accepts it, too. */
function roundsOnce(): boolean {
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
  return numbers[12] !== 0; // what rounding the product would lose, 2^-24
}

/** How products of this host round, asked anew by multiplying and adding; the last bits of all trained networks depend on it. */
export const hostArithmetic = (): Arithmetic => (acceptsFused() && roundsOnce() ? "fma" : "plain");

/** What is said of work that was begun with another arithmetic. */
export const otherArithmetic = (recorded: Arithmetic, here: Arithmetic): string =>
  recorded === "fma"
    ? `was begun with fused multiply-add, this program rounds "${here}", so that weights would differ in their last digits; run it with --arithmetic fma, on a processor that has it`
    : `was begun without fused multiply-add, this program rounds "${here}", so that weights would differ in their last digits; run it with --arithmetic plain`;

let known: boolean | undefined;

/** Whether kernels of this host may use fused multiply-add, asked once; the last bits of products depend on it. */
export const hasFusedMultiplyAdd = (): boolean => (known ??= acceptsFused());

/** Whether kernels have asked, so that nothing can change for them any more. */
export const arithmeticIsSettled = (): boolean => known !== undefined;

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
