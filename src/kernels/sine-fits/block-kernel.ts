// One block of examples through a sine network and back: sines and cosines of both layers, the error, and the share that every sum has
// in it. V8 puts all loads of a straight piece of code before its arithmetic, so loops are short enough for both to stay in registers.

import type { FunctionReference, FunctionWriter } from "../wasm/assembler.ts";
import type { MultiplyAdd } from "../wasm/fused-multiply-add.ts";
import {
  access,
  get,
  i32,
  type Instruction,
  type Local,
  op,
  set,
  vector,
} from "../wasm/instructions.ts";
import { blockGroups, rowBytes, type SineFitLayout } from "./layout.ts";

/** Units that are computed together. */
const together = 4;

/** Writes into one function. */
interface Frame {
  readonly writer: FunctionWriter;
  readonly layout: SineFitLayout;
  readonly madd: MultiplyAdd;
  /** Sines and cosines of rows. */
  readonly waves: FunctionReference;
  /** Address of the block. */
  readonly block: Local;
}

const groups = Array.from({ length: blockGroups }, (_, g) => g);
const units = Array.from({ length: together }, (_, u) => u);
const load = (base: Local, offset: number): Instruction => access("v128.load", offset, get(base));
const splat = (base: Local, offset: number): Instruction =>
  access("v128.load32_splat", offset, get(base));
const plus = (pointer: Local, bytes: number): Instruction =>
  op("i32.add", get(pointer), i32(bytes));
const advance = (pointer: Local, bytes: number): Instruction => set(pointer, plus(pointer, bytes));
/** Bytes from the begin of a block. */
const inBlock = ({ groupBytes }: SineFitLayout, row: number, group: number): number =>
  group * groupBytes + row * rowBytes;

/** Sums of a layer, which lie from a row on, become sines, with cosines behind them. */
function writeWavesOf({ writer, layout, waves, block }: Frame, row: number): void {
  for (const g of groups) {
    const from = inBlock(layout, row, g);
    writer.emit(waves.call(plus(block, from), plus(block, from + layout.shape.hidden * rowBytes)));
  }
}

/** Sums of the first layer. */
function writeFirstSums({ writer, layout, madd, block }: Frame): void {
  const { local, emit } = writer;
  const { rows, shape } = layout;
  const [unit, at, end] = [local("i32", "unit"), local("i32", "at"), local("i32", "end")];
  const places = Array.from({ length: shape.inputs }, (_, i) =>
    groups.map((g) => {
      const place = local("v128", `place${i}.${g}`);
      emit(set(place, load(block, inBlock(layout, rows.places + i, g))));
      return place;
    }),
  );
  const [sum, factor] = [groups.map((g) => local("v128", `sum${g}`)), local("v128", "factor")];
  const first = layout.at("scaled", "into");
  const column = 4 * shape.hidden;
  emit(set(unit, i32(first)), set(at, get(block)), set(end, i32(first + column)));
  writer.repeat(
    () => {
      emit(set(factor, splat(unit, shape.inputs * column))); // the bias
      for (const g of groups) emit(set(sum[g], get(factor)));
      for (const [i, place] of places.entries()) {
        emit(set(factor, splat(unit, i * column)));
        for (const g of groups) emit(set(sum[g], madd(get(place[g]), get(factor), get(sum[g]))));
      }
      for (const g of groups)
        emit(access("v128.store", inBlock(layout, rows.sines1, g), get(at), get(sum[g])));
      emit(advance(unit, 4), advance(at, rowBytes));
    },
    () => op("i32.lt_u", get(unit), get(end)),
  );
}

/** A product of the second layer's weights with rows of the block. */
interface Product {
  /** First row. */
  readonly from: number;
  /** Bytes between the weights of neighbouring results, and of neighbouring rows. */
  readonly result: number;
  readonly inner: number;
  /** Puts begin values into sums of the results from a number of bytes of float32 on. */
  readonly begin: (sums: readonly (readonly Local[])[], unit: Local) => void;
  /** Takes one sum: result `u` from the row at a pointer on, of a group. */
  readonly end: (sum: Local, u: number, at: Local, group: number) => void;
}

function writeProduct(frame: Frame, { from, result, inner, begin, end }: Product): void {
  const { writer, layout, madd, block } = frame;
  const { local, emit, repeat } = writer;
  const { hidden } = layout.shape;
  const [unit, at, weights] = [local("i32", "unit"), local("i32", "at"), local("i32", "weights")];
  const [row, stop, weight] = [local("i32", "row"), local("i32", "stop"), local("i32", "weight")];
  const sums = units.map((u) => groups.map((g) => local("v128", `sum${u}.${g}`)));
  const [factor, read] = [local("v128", "factor"), groups.map((g) => local("v128", `row${g}`))];
  emit(set(unit, i32(0)), set(at, get(block)));
  emit(set(weights, i32(layout.at("scaled", "across"))));
  emit(set(stop, plus(block, hidden * rowBytes)));
  repeat(
    () => {
      begin(sums, unit);
      emit(set(row, get(block)), set(weight, get(weights)));
      repeat(
        () => {
          for (const g of groups) emit(set(read[g], load(row, inBlock(layout, from, g))));
          for (const [u, sum] of sums.entries()) {
            emit(set(factor, splat(weight, u * result)));
            for (const g of groups) emit(set(sum[g], madd(get(read[g]), get(factor), get(sum[g]))));
          }
          emit(advance(row, rowBytes), advance(weight, inner));
        },
        () => op("i32.lt_u", get(row), get(stop)),
      );
      for (const [u, sum] of sums.entries()) for (const g of groups) end(sum[g], u, at, g);
      emit(advance(unit, 4 * together), advance(at, together * rowBytes));
      emit(advance(weights, together * result));
    },
    () => op("i32.lt_u", get(unit), i32(4 * hidden)),
  );
}

/** Sums of the second layer. */
function writeSecondSums(frame: Frame): void {
  const { writer, layout } = frame;
  const { emit } = writer;
  const { rows, shape } = layout;
  writeProduct(frame, {
    from: rows.sines1,
    result: 4 * shape.hidden,
    inner: 4,
    begin: (sums, unit) => {
      for (const [u, [first, ...others]] of sums.entries()) {
        emit(set(first, splat(unit, layout.at("scaled", "acrossBias") + 4 * u)));
        for (const other of others) emit(set(other, get(first)));
      }
    },
    end: (sum, u, at, g) =>
      emit(access("v128.store", inBlock(layout, rows.sines2 + u, g), get(at), get(sum))),
  });
}

/** The first layer's share in the error, in place of its cosines. */
function writeBack(frame: Frame): void {
  const { writer, layout } = frame;
  const { emit } = writer;
  const { rows, shape } = layout;
  writeProduct(frame, {
    from: rows.cosines2,
    result: 4,
    inner: 4 * shape.hidden,
    begin: (sums) => {
      for (const sum of sums.flat()) emit(set(sum, vector(0)));
    },
    end: (sum, u, at, g) => {
      const place = inBlock(layout, rows.cosines1 + u, g);
      emit(access("v128.store", place, get(at), op("f32x4.mul", get(sum), load(at, place))));
    },
  });
}

/** The error of every example, times its factor, and the second layer's share in it, in place of the cosines. */
function writeError({ writer, layout, madd, block }: Frame): void {
  const { local, emit } = writer;
  const { rows, shape } = layout;
  const [factor, row, unit] = [local("v128", "factor"), local("i32", "row"), local("i32", "unit")];
  const error = groups.map((g) => local("v128", `error${g}`));
  const first = layout.at("weights", "out");
  const everyUnit = (body: (u: number) => void) => {
    emit(set(row, get(block)));
    writer.loop(unit, i32(first), i32(first + 4 * shape.hidden), 4 * together, () => {
      for (const u of units) {
        emit(set(factor, splat(unit, 4 * u)));
        body(u);
      }
      emit(advance(row, together * rowBytes));
    });
  };
  emit(set(error[0], access("v128.load", layout.at("weights", "outBias"), i32(0))));
  for (const other of error.slice(1)) emit(set(other, get(error[0])));
  everyUnit((u) => {
    for (const g of groups) {
      const sine = load(row, inBlock(layout, rows.sines2 + u, g));
      emit(set(error[g], madd(sine, get(factor), get(error[g]))));
    }
  });
  for (const g of groups) {
    const off = op("f32x4.sub", get(error[g]), load(block, inBlock(layout, rows.value, g)));
    const scale = load(block, inBlock(layout, rows.factor, g));
    emit(set(error[g], op("f32x4.mul", off, scale)));
    emit(access("v128.store", inBlock(layout, rows.error, g), get(block), get(error[g])));
  }
  everyUnit((u) => {
    for (const g of groups) {
      const at = inBlock(layout, rows.cosines2 + u, g);
      const share = op("f32x4.mul", load(row, at), op("f32x4.mul", get(factor), get(error[g])));
      emit(access("v128.store", at, get(row), share));
    }
  });
}

/** Everything of the block at its parameter: forward and backward. */
export function writeBlock(
  writer: FunctionWriter,
  layout: SineFitLayout,
  waves: FunctionReference,
  madd: MultiplyAdd,
): void {
  const [block] = writer.parameters;
  const frame: Frame = { writer, layout, madd, waves, block };
  writeFirstSums(frame);
  writeWavesOf(frame, layout.rows.sines1);
  writeSecondSums(frame);
  writeWavesOf(frame, layout.rows.sines2);
  writeError(frame);
  writeBack(frame);
}
