// Whether the host multiplies and adds vectors in one instruction (relaxed SIMD), and how kernels multiply and add.

import { writeModule } from "./assembler.ts";
import { access, drop, i32, type Instruction, op, vector } from "./instructions.ts";

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

/** How this host rounds products that are added up: once (`fma`), or the product first (`plain`). */
export type Arithmetic = "fma" | "plain";

let arithmetic: Arithmetic | undefined;

/**
 * How kernels of this host round. Found by multiplying and adding, since a host without the instruction in its processor
 * accepts it, too. The last bits of all trained networks depend on it.
 */
export const arithmeticOfHost = (): Arithmetic => (arithmetic ??= tryArithmetic());

function tryArithmetic(): Arithmetic {
  if (!hasFusedMultiplyAdd()) return "plain";
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
