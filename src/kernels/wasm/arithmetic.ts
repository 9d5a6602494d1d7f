// Arithmetic on four numbers at a time, as functions that are written from it read it.

import type { FunctionWriter } from "./assembler.ts";
import { get, type Instruction, op, set } from "./instructions.ts";

export const add = (a: Instruction, b: Instruction): Instruction => op("f32x4.add", a, b);
export const subtract = (a: Instruction, b: Instruction): Instruction => op("f32x4.sub", a, b);
export const multiply = (a: Instruction, b: Instruction): Instruction => op("f32x4.mul", a, b);
export const divide = (a: Instruction, b: Instruction): Instruction => op("f32x4.div", a, b);

/** Keeps a value in a local and gives readings of it. */
export function keep(writer: FunctionWriter, name: string, value: Instruction): () => Instruction {
  const local = writer.local("v128", name);
  writer.emit(set(local, value));
  return () => get(local);
}
