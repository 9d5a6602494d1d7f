// Sine and cosine together of four numbers: one reduction by multiples of pi, two polynomials, one sign for both.

import { keep, multiply, subtract } from "../wasm/arithmetic.ts";
import type { FunctionWriter } from "../wasm/assembler.ts";
import type { MultiplyAdd } from "../wasm/fused-multiply-add.ts";
import { access, get, i32, type Instruction, op, set } from "../wasm/instructions.ts";
import { vectorBytes } from "../wasm/vectors.ts";
import { type NumberName, numberAt } from "./layout.ts";

/**
 * Numbers of {@link sineCosine}. Pi is a number of eight bits, whose multiples are exact, and the rest. Polynomials are least largest
 * errors of r + r^3 s(r^2) and 1 + r^2 c(r^2) over [-pi/2, pi/2], rounded one after another: 4.9e-9 and 5.4e-8.
 */
export const sineCosineNumbers: Readonly<Partial<Record<NumberName, number>>> = {
  perTurn: 1 / Math.PI,
  rounder: 1.5 * 2 ** 23, // a sum with it is a whole number, whose last bit is odd for odd ones
  turnHigh: -3.140625,
  turnLow: -(Math.PI - 3.140625),
  one: 1,
  sine3: -0.166666567,
  sine5: 0.00833300874,
  sine7: -0.000198060312,
  sine9: 0.00000259885087,
  cosine2: -0.499999315,
  cosine4: 0.0416639633,
  cosine6: -0.00138557085,
  cosine8: 0.0000231890335,
};

/** Reads four times a number of the memory. */
export const number = (name: NumberName): Instruction =>
  access("v128.load", numberAt(name), i32(0));

/**
 * Vectors from its first parameter to its second become their sines; cosines come `apart` bytes behind them. Numbers are kept in
 * locals over the loop, and it does nothing else: so V8 keeps what it needs in registers.
 */
export function writeWaves(writer: FunctionWriter, apart: number, madd: MultiplyAdd): void {
  const { local, emit, repeat } = writer;
  const [at, end] = writer.parameters;
  const names = Object.keys(sineCosineNumbers) as NumberName[];
  const numbers = new Map(names.map((name) => [name, keep(writer, name, number(name))]));
  const kept = (name: NumberName): Instruction => numbers.get(name)?.() ?? number(name);
  const [turns, whole, rest, square, value, x] = [
    "turns",
    "whole",
    "rest",
    "square",
    "value",
    "x",
  ].map((name) => local("v128", name));
  const horner = (ofPowers: readonly NumberName[]) => {
    const [last, ...others] = ofPowers.toReversed();
    emit(set(value, kept(last)));
    for (const name of others) emit(set(value, madd(get(value), get(square), kept(name))));
  };
  repeat(
    () => {
      emit(set(x, access("v128.load", 0, get(at))));
      emit(set(turns, madd(get(x), kept("perTurn"), kept("rounder"))));
      emit(set(whole, subtract(get(turns), kept("rounder"))));
      emit(set(rest, madd(get(whole), kept("turnHigh"), get(x))));
      emit(set(rest, madd(get(whole), kept("turnLow"), get(rest))));
      emit(set(square, multiply(get(rest), get(rest))));
      emit(set(turns, op("i32x4.shl", get(turns), i32(31)))); // the sign of odd multiples
      horner(["one", "cosine2", "cosine4", "cosine6", "cosine8"]);
      emit(access("v128.store", apart, get(at), op("v128.xor", get(value), get(turns))));
      horner(["sine3", "sine5", "sine7", "sine9"]);
      emit(set(square, multiply(get(square), get(rest))));
      const sine = madd(get(value), get(square), get(rest));
      emit(access("v128.store", 0, get(at), op("v128.xor", sine, get(turns))));
      emit(set(at, op("i32.add", get(at), i32(vectorBytes))));
    },
    () => op("i32.lt_u", get(at), get(end)),
  );
}
