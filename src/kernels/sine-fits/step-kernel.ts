// Steps of a fit: examples are fetched, blocks go through the network, gradients are added up, and weights move as the optimizers of
// populations move them.

import { beginMove } from "../optimizers/population-move.ts";
import { keep, multiply } from "../wasm/arithmetic.ts";
import type { FunctionReference, FunctionWriter } from "../wasm/assembler.ts";
import { access, get, i32, type Instruction, op, set } from "../wasm/instructions.ts";
import { lanesOfVector, vectorBytes } from "../wasm/vectors.ts";
import { type ArrayName, blockExamples, rowBytes, type SineFitLayout } from "./layout.ts";
import { number } from "./sine-cosine.ts";

/** Blocks whose gradients are taken together: what they hold stays in a cache of the second level. */
const blocksTogether = 49;

/** Bytes of an example: its place, then the wanted value. */
export const exampleBytes = ({ inputs }: SineFitLayout["shape"]): number => 4 * (inputs + 1);

/** Copies the examples of a step into the blocks; their addresses lie at the parameter. */
export function writeFetch(writer: FunctionWriter, layout: SineFitLayout): void {
  const { local, emit, loop } = writer;
  const [addresses] = writer.parameters;
  const { batch, blocks, blockBytes, groupBytes, shape, rows } = layout;
  const [block, from] = [local("i32", "block"), local("i32", "from")];
  const columns = [...Array.from({ length: shape.inputs }, (_, i) => rows.places + i), rows.value];
  const fetch = (count: number) => {
    for (let e = 0; e < count; e++) {
      emit(set(from, access("i32.load", 4 * e, get(addresses))));
      for (const [i, row] of columns.entries()) {
        const value = access("i32.load", 4 * i, get(from));
        const group = Math.floor(e / lanesOfVector) * groupBytes;
        const to = group + row * rowBytes + 4 * (e % lanesOfVector);
        emit(access("i32.store", to, get(block), value));
      }
    }
    emit(set(addresses, op("i32.add", get(addresses), i32(4 * count))));
  };
  const full = Math.floor(batch / blockExamples);
  const end = blocks.at + full * blockBytes;
  loop(block, i32(blocks.at), i32(end), blockBytes, () => fetch(blockExamples));
  if (full < blocks.count) {
    emit(set(block, i32(end)));
    fetch(batch % blockExamples);
  }
}

/** Weights times omega: as sine layers read them. */
export function writeScale(writer: FunctionWriter, layout: SineFitLayout): void {
  const { local, emit, loop } = writer;
  const at = local("i32", "at");
  loop(at, i32(0), i32(layout.sineBytes), vectorBytes, () => {
    const weight = access("v128.load", layout.at("weights", "into"), get(at));
    const scaled = multiply(weight, number("omega"));
    emit(access("v128.store", layout.at("scaled", "into"), get(at), scaled));
  });
}

/** Moves all weights, with the step size at the parameter. */
export function writeMove(writer: FunctionWriter, layout: SineFitLayout): void {
  const { local, emit, loop } = writer;
  const [sizeAt] = writer.parameters;
  const moved = beginMove(writer, number, access("v128.load32_splat", 0, get(sizeAt)));
  const at = local("i32", "at");
  const move = (from: number, to: number, scales: boolean) =>
    loop(at, i32(from), i32(to), vectorBytes, () => {
      const load = (array: ArrayName) => access("v128.load", layout.at(array, "into"), get(at));
      const store = (array: ArrayName, value: Instruction) =>
        emit(access("v128.store", layout.at(array, "into"), get(at), value));
      const taken = load("gradients");
      const gradient = scales ? multiply(taken, number("omega")) : taken;
      const [first, second] = [load("first"), load("second")];
      const after = moved({ gradient, first, second, weight: load("weights") });
      const weight = keep(writer, "moved", after.weight);
      store("first", after.first);
      store("second", after.second);
      store("weights", weight());
      if (scales) store("scaled", multiply(weight(), number("omega")));
    });
  move(0, layout.sineBytes, true);
  move(layout.sineBytes, layout.arrayBytes, false);
}

/** The functions that a step calls. */
export interface StepParts {
  readonly fetch: FunctionReference;
  readonly block: FunctionReference;
  readonly gradients: FunctionReference;
  readonly move: FunctionReference;
}

/** Gradients of the examples in the blocks. */
export function writePass(
  writer: FunctionWriter,
  layout: SineFitLayout,
  { block, gradients }: Pick<StepParts, "block" | "gradients">,
): void {
  const { local, emit, loop, when } = writer;
  const [first, end, at] = [local("i32", "first"), local("i32", "end"), local("i32", "at")];
  const { blocks, blockBytes } = layout;
  const last = blocks.at + blocks.count * blockBytes;
  const cleared = layout.at("gradients", "into");
  emit(op("memory.fill", i32(cleared), i32(0), i32(layout.arrayBytes)));
  loop(first, i32(blocks.at), i32(last), blocksTogether * blockBytes, () => {
    emit(set(end, op("i32.add", get(first), i32(blocksTogether * blockBytes))));
    when(op("i32.gt_u", get(end), i32(last)), () => emit(set(end, i32(last))));
    loop(at, get(first), get(end), blockBytes, () => emit(block.call(get(at))));
    emit(gradients.call(get(first), get(end)));
  });
}

/** Steps one after another: addresses of their examples, then their step sizes, lie at the parameters. */
export function writeSteps(
  writer: FunctionWriter,
  { batch }: SineFitLayout,
  { fetch, pass, move }: Pick<StepParts, "fetch" | "move"> & { readonly pass: FunctionReference },
): void {
  const { emit, repeat } = writer;
  const [addresses, size, end] = writer.parameters;
  repeat(
    () => {
      emit(fetch.call(get(addresses)), pass.call(), move.call(get(size)));
      emit(set(addresses, op("i32.add", get(addresses), i32(4 * batch))));
      emit(set(size, op("i32.add", get(size), i32(4))));
    },
    () => op("i32.lt_u", get(size), get(end)),
  );
}

/** Steps that a call may take: enough that calling costs nothing, few enough that others of the thread may go on. */
export const stepsOfCall = 32;
