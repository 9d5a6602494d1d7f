// Dense layers on every entry of a tensor by itself, a few entries at a time: eight entries go through all layers before the next ones do, so
// that what lies between two layers never leaves the first-level cache. Channels of neighbouring entries lie side by side.

import { add, multiply } from "../wasm/arithmetic.ts";
import type { FunctionWriter, ModuleWriter } from "../wasm/assembler.ts";
import type { MultiplyAdd } from "../wasm/fused-multiply-add.ts";
import {
  access,
  get,
  i32,
  type Instruction,
  lanesFrom,
  type Local,
  op,
  set,
  vector,
} from "../wasm/instructions.ts";
import { lanesOfVector, vectorBytes } from "../wasm/vectors.ts";
import type { Place, StaticArena } from "../wasm/static-arena.ts";

/** Vectors of a tile. */
const vectors = 2;
/** Entries of a tile: tensors are padded to a multiple of it. */
export const tileEntries = vectors * lanesOfVector;
/** Outputs that are computed at once: eight sums stay in registers. */
const outputsTogether = 4;

/** Bytes of one channel of a tile. */
const tileBytes = vectors * vectorBytes;

/** One layer: a matrix [inputs, outputs] and a bias [outputs]. */
export interface EntryLayer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: Place;
  readonly bias: Place;
  readonly activate: boolean;
}

/** Where the outputs of the last layer go. */
export type EntryOutputs =
  /** Channel by channel, [outputs, entries]. */
  | { readonly kind: "channels"; readonly at: Place }
  /** Every entry's outputs side by side, at the address (in bytes, int32) that a table gives for it. */
  | { readonly kind: "rows"; readonly table: Place };

/** What entries bring along. */
export interface InputOptions {
  /** Numbers of a channel: entries of all tensors, padded. */
  readonly entries: number;
  /** [inputs, entries] */
  readonly source: Place;
  /** Inputs are bounded by this. @default not at all */
  readonly clip?: number;
}

export interface EntryLayersOptions extends InputOptions {
  readonly layers: readonly EntryLayer[];
  readonly outputs: EntryOutputs;
  readonly madd: MultiplyAdd;
}

/** Places of the layers of these widths. */
export const placeLayers = (
  { floats }: StaticArena,
  widths: readonly number[],
  activateLast: boolean,
): EntryLayer[] =>
  widths.slice(1).map((outputs, i) => ({
    inputs: widths[i],
    outputs,
    weight: floats(widths[i] * outputs),
    bias: floats(outputs),
    activate: i < widths.length - 2 || activateLast,
  }));

/** Vector `v` of a tile of one channel. */
function inputAt(
  { entries, source, clip }: InputOptions,
  channel: number,
  v: number,
  at: Local,
): Instruction {
  const place = source.address + 4 * channel * entries + v * vectorBytes;
  const x = access("v128.load", place, get(at));
  if (clip === undefined) return x;
  return op("f32x4.max", op("f32x4.min", x, vector(clip)), vector(-clip));
}

/** Outputs that are computed at once, from output `first` (a local in bytes, or a constant). */
interface Group {
  readonly first: Instruction;
  readonly outputs: number;
}

/** Sums of a group, [outputs][vectors]. */
type Sums = readonly (readonly Local[])[];

/** Writes the sums of a group: bias, and inputs of the tile times the matrix. */
function writeSums(
  writer: FunctionWriter,
  { inputs, outputs, weight, bias, activate }: EntryLayer,
  { first, outputs: together }: Group,
  from: number,
  sums: Sums,
  madd: MultiplyAdd,
): void {
  const { local, emit, loop } = writer;
  const [row, at] = [local("i32", "row"), local("i32", "k")];
  const x = Array.from({ length: vectors }, (_, v) => local("v128", `x${v}`));
  const factor = local("v128", "factor");
  for (let j = 0; j < together; j++) {
    const [one, ...others] = sums[j];
    emit(set(one, access("v128.load32_splat", bias.address + 4 * j, first)));
    for (const other of others) emit(set(other, get(one)));
  }
  // One input a turn: V8 moves the loads of longer turns together, and sums out of the registers.
  emit(set(row, first));
  loop(
    at,
    i32(0),
    i32(inputs * tileBytes),
    tileBytes,
    () => {
      for (const [v, own] of x.entries())
        emit(set(own, access("v128.load", from + v * vectorBytes, get(at))));
      for (let j = 0; j < together; j++) {
        emit(set(factor, access("v128.load32_splat", weight.address + 4 * j, get(row))));
        for (const [v, sum] of sums[j].entries())
          emit(set(sum, madd(get(factor), get(x[v]), get(sum))));
      }
      emit(set(row, op("i32.add", get(row), i32(4 * outputs))));
    },
    { runsOnce: true },
  );
  if (!activate) return;
  for (const sum of sums.slice(0, together).flat())
    emit(set(sum, op("f32x4.max", get(sum), vector(0))));
}

/** Every group of a layer's outputs. */
function everyGroup(
  writer: FunctionWriter,
  outputs: number,
  body: (group: Group, firstBytes: Instruction) => void,
): void {
  const full = outputs - (outputs % outputsTogether);
  if (full > 0) {
    const first = writer.local("i32", "first");
    writer.loop(
      first,
      i32(0),
      i32(4 * full),
      4 * outputsTogether,
      () => body({ first: get(first), outputs: outputsTogether }, get(first)),
      { runsOnce: true },
    );
  }
  if (full < outputs) body({ first: i32(4 * full), outputs: outputs - full }, i32(4 * full));
}

/** Four vectors of four entries as four rows of entries. */
function transposed(writer: FunctionWriter, columns: readonly Local[]): (() => Instruction)[] {
  const [a, b, c, d] = columns.map(get);
  const keep = (name: string, value: Instruction) => {
    const local = writer.local("v128", name);
    writer.emit(set(local, value));
    return local;
  };
  const [lowAB, highAB] = [
    keep("ab", lanesFrom([0, 4, 1, 5], a, b)),
    keep("ab", lanesFrom([2, 6, 3, 7], a, b)),
  ];
  const [lowCD, highCD] = [
    keep("cd", lanesFrom([0, 4, 1, 5], c, d)),
    keep("cd", lanesFrom([2, 6, 3, 7], c, d)),
  ];
  return [
    () => lanesFrom([0, 1, 4, 5], get(lowAB), get(lowCD)),
    () => lanesFrom([2, 3, 6, 7], get(lowAB), get(lowCD)),
    () => lanesFrom([0, 1, 4, 5], get(highAB), get(highCD)),
    () => lanesFrom([2, 3, 6, 7], get(highAB), get(highCD)),
  ];
}

/** Stores a group of the last layer. `at` is where the tile begins in a channel, in bytes. */
function writeOutputs(
  writer: FunctionWriter,
  { outputs, entries }: EntryLayersOptions,
  sums: Sums,
  group: Group,
  at: Local,
): void {
  const { emit } = writer;
  if (outputs.kind === "channels") {
    const begin = op("i32.add", get(at), op("i32.mul", group.first, i32(entries)));
    for (let j = 0; j < group.outputs; j++)
      for (const [v, sum] of sums[j].entries()) {
        const offset = outputs.at.address + 4 * j * entries + v * vectorBytes;
        emit(access("v128.store", offset, begin, get(sum)));
      }
    return;
  }
  for (let v = 0; v < vectors; v++) {
    const rows = transposed(
      writer,
      sums.map((ofOutput) => ofOutput[v]),
    );
    for (const [lane, row] of rows.entries()) {
      const place = access("i32.load", outputs.table.address + v * vectorBytes + 4 * lane, get(at));
      emit(access("v128.store", 0, op("i32.add", place, group.first), row()));
    }
  }
}

/**
 * Adds `entries(from, to)`: all layers on the entries between two places of a channel, in bytes, multiples of a tile.
 * Rows of outputs need a last layer whose width is a multiple of four.
 */
export function writeEntryLayers(
  module: ModuleWriter,
  arena: StaticArena,
  options: EntryLayersOptions,
): void {
  const { layers, madd } = options;
  const widest = Math.max(...layers.map(({ inputs }) => inputs));
  const tiles = [0, 1].map(() => arena.floats(widest * tileEntries).address);
  module.func("entries", ["from", "to"], (writer) => {
    const { emit, local, loop, parameters } = writer;
    const [from, to] = parameters;
    const at = local("i32", "at");
    const sums = Array.from({ length: outputsTogether }, (_, j) =>
      Array.from({ length: vectors }, (_1, v) => local("v128", `sum${j}.${v}`)),
    );
    loop(at, get(from), get(to), tileBytes, () => {
      for (let k = 0; k < layers[0].inputs; k++)
        for (let v = 0; v < vectors; v++) {
          const place = tiles[0] + k * tileBytes + v * vectorBytes;
          emit(access("v128.store", place, i32(0), inputAt(options, k, v, at)));
        }
      for (const [i, layer] of layers.entries()) {
        const [here, there] = [tiles[i % 2], tiles[(i + 1) % 2]];
        everyGroup(writer, layer.outputs, (group) => {
          writeSums(writer, layer, group, here, sums, madd);
          if (i === layers.length - 1) {
            writeOutputs(writer, options, sums, group, at);
            return;
          }
          const begin = op("i32.mul", group.first, i32(tileBytes / 4));
          for (let j = 0; j < group.outputs; j++)
            for (const [v, sum] of sums[j].entries()) {
              const offset = there + j * tileBytes + v * vectorBytes;
              emit(access("v128.store", offset, begin, get(sum)));
            }
        });
      }
    });
  });
}

/** A running mean of a channel: next = keep * before + (1 - keep) * gradient. */
export interface RunningMeans {
  /** [entries] */
  readonly gradient: Place;
  /** [decays, entries] */
  readonly means: Place;
  readonly decays: readonly number[];
}

/** What is read of the inputs. */
export interface ReadingOptions extends InputOptions {
  readonly channels: number;
  /** [channels, 2] float64 */
  readonly sums: Place;
}

/**
 * Adds `read(from, to)`: where wanted, running means of the entries between two places, then for each of the channels [channels, entries] at `source`
 * the sum of its squares, values bounded by `clip`, as two float64 sums at `sums`.
 */
export function writeReading(
  module: ModuleWriter,
  means: RunningMeans | undefined,
  options: ReadingOptions,
): void {
  const { entries, channels, sums } = options;
  module.func("read", ["from", "to"], (writer) => {
    const { emit, local, loop, parameters } = writer;
    const [from, to] = parameters;
    const at = local("i32", "at");
    const totals = Array.from({ length: channels }, (_, c) => local("v128", `total${c}`));
    loop(at, get(from), get(to), tileBytes, () => {
      if (means !== undefined) writeMeans(writer, means, entries, at);
      writeSquares(writer, options, totals, at);
    });
    for (const [c, total] of totals.entries())
      emit(access("v128.store", sums.address + vectorBytes * c, i32(0), get(total)));
  });
}

function writeMeans(
  { emit, local }: FunctionWriter,
  { gradient, means, decays }: RunningMeans,
  entries: number,
  at: Local,
): void {
  const [value, next] = [local("v128", "gradient"), local("v128", "next")];
  for (let v = 0; v < vectors; v++) {
    const offset = v * vectorBytes;
    emit(set(value, access("v128.load", gradient.address + offset, get(at))));
    for (const [d, keep] of decays.entries()) {
      const place = means.address + 4 * d * entries + offset;
      const kept = multiply(access("v128.load", place, get(at)), vector(keep));
      emit(set(next, add(kept, multiply(get(value), vector(1 - keep)))));
      emit(access("v128.store", place, get(at), get(next)));
    }
  }
}

function writeSquares(
  { emit, local }: FunctionWriter,
  options: ReadingOptions,
  totals: readonly Local[],
  at: Local,
): void {
  const [value, squares] = [local("v128", "value"), local("v128", "squares")];
  for (const [c, total] of totals.entries()) {
    for (let v = 0; v < vectors; v++) {
      emit(set(value, inputAt(options, c, v, at)));
      const square = multiply(get(value), get(value));
      emit(set(squares, v === 0 ? square : add(get(squares), square)));
    }
    const upper = lanesFrom([2, 3, 2, 3], get(squares), get(squares));
    for (const half of [get(squares), upper])
      emit(set(total, op("f64x2.add", get(total), op("f64x2.promote_low_f32x4", half))));
  }
}
