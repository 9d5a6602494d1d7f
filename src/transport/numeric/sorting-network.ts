// A network that sorts vectors of two float64 numbers, half by half, in WebAssembly: bitonic merges (Batcher 1968), whose comparisons
// do not depend on the numbers, so that no branch is guessed wrong. Eight neighbours at a time stay in registers.

import type { FunctionWriter } from "../../kernels/wasm/assembler.ts";
import {
  access,
  get,
  i32,
  type Instruction,
  type Local,
  op,
  set,
} from "../../kernels/wasm/instructions.ts";

/** Numbers of the longest list. */
export const longestSorted = 16384;

export const vectorBytes = 16;
export const numberBytes = Float64Array.BYTES_PER_ELEMENT;

/** Vectors that lie in registers together. */
export const together = 8;

/** Where vectors begin; before them lie both lists. */
export const vectorsAt = 2 * longestSorted * numberBytes;

/** Comparisons of a network that sorts eight numbers, and those of the last steps of a merge. */
const sortEight = [
  ["01", "23", "45", "67"],
  ["02", "13", "46", "57"],
  ["12", "56", "04", "37"],
  ["15", "26"],
  ["14", "36"],
  ["24", "35"],
  ["34"],
].flat();
const mergeEight = ["04", "15", "26", "37", "02", "13", "46", "57", "01", "23", "45", "67"];

/** Addresses of loops over vectors. */
type Places = Record<"end" | "size" | "step" | "from" | "low" | "high" | "stop", Local>;

/** Puts two vectors in ascending order, half by half. */
function compare({ emit }: FunctionWriter, a: Local, b: Local, kept: Local): void {
  emit(
    set(kept, op("f64x2.pmin", get(a), get(b))),
    set(b, op("f64x2.pmax", get(a), get(b))),
    set(a, get(kept)),
  );
}

/** Takes vectors eight by eight into registers, compares some of them and writes them back. */
function writeEights(
  writer: FunctionWriter,
  { from, end }: Places,
  vectors: readonly Local[],
  kept: Local,
  comparisons: readonly string[],
): void {
  const { emit, repeat } = writer;
  emit(set(from, i32(0)));
  repeat(
    () => {
      for (const [i, vector] of vectors.entries())
        emit(set(vector, access("v128.load", vectorsAt + vectorBytes * i, get(from))));
      for (const [a, b] of comparisons) compare(writer, vectors[+a], vectors[+b], kept);
      for (const [i, vector] of vectors.entries())
        emit(access("v128.store", vectorsAt + vectorBytes * i, get(from), get(vector)));
      emit(set(from, op("i32.add", get(from), i32(together * vectorBytes))));
    },
    () => op("i32.lt_u", get(from), get(end)),
  );
}

/** Compares the vectors of a part with those of another, four by four: the other's from its end on where it is `mirrored`. */
function writeFours(
  writer: FunctionWriter,
  { low, high, stop }: Places,
  vectors: readonly Local[],
  kept: Local,
  mirrored: boolean,
): void {
  const { emit, repeat } = writer;
  const highAt = (i: number) => vectorsAt + vectorBytes * (mirrored ? 3 - i : i);
  repeat(
    () => {
      if (mirrored) emit(set(high, op("i32.sub", get(high), i32(4 * vectorBytes))));
      for (let i = 0; i < 4; i++) {
        const [a, b] = [vectors[i], vectors[i + 4]];
        emit(
          set(a, access("v128.load", vectorsAt + vectorBytes * i, get(low))),
          set(b, access("v128.load", highAt(i), get(high))),
        );
        compare(writer, a, b, kept);
        emit(
          access("v128.store", vectorsAt + vectorBytes * i, get(low), get(a)),
          access("v128.store", highAt(i), get(high), get(b)),
        );
      }
      emit(set(low, op("i32.add", get(low), i32(4 * vectorBytes))));
      if (!mirrored) emit(set(high, op("i32.add", get(high), i32(4 * vectorBytes))));
    },
    () => op("i32.lt_u", get(low), get(mirrored ? high : stop)),
  );
}

/** First step of a merge: every part of `size` bytes, whose halves are sorted, from both ends. What would lie behind the end is larger than all. */
function writeMirrored(
  writer: FunctionWriter,
  places: Places,
  vectors: readonly Local[],
  kept: Local,
): void {
  const { emit, repeat, when } = writer;
  const { from, size, low, high, end } = places;
  emit(set(from, i32(0)));
  repeat(
    () => {
      emit(set(low, get(from)), set(high, op("i32.add", get(from), get(size))));
      when(op("i32.gt_u", get(high), get(end)), () => {
        emit(set(low, op("i32.add", get(from), op("i32.sub", get(high), get(end)))));
        emit(set(high, get(end)));
      });
      writeFours(writer, places, vectors, kept, true);
      emit(set(from, op("i32.add", get(from), get(size))));
    },
    () => op("i32.lt_u", op("i32.add", get(from), half(size)), get(end)),
  );
}

const half = (bytes: Local): Instruction => op("i32.shr_u", get(bytes), i32(1));

/** Further steps of a merge, down to parts of eight: vectors `step` bytes apart. */
function writeHalvings(
  writer: FunctionWriter,
  places: Places,
  vectors: readonly Local[],
  kept: Local,
): void {
  const { emit, repeat, when } = writer;
  const { from, size, step, low, high, stop, end } = places;
  const least = i32(together * vectorBytes);
  emit(set(step, op("i32.shr_u", get(size), i32(2))));
  when(op("i32.ge_u", get(step), least), () =>
    repeat(
      () => {
        emit(set(from, i32(0)));
        repeat(
          () => {
            emit(set(low, get(from)), set(high, op("i32.add", get(from), get(step))));
            emit(set(stop, get(high)), set(from, op("i32.sub", get(end), get(step))));
            when(op("i32.gt_u", get(stop), get(from)), () => emit(set(stop, get(from))));
            emit(set(from, op("i32.add", get(high), get(step))));
            writeFours(writer, places, vectors, kept, false);
          },
          () => op("i32.lt_u", op("i32.add", get(from), get(step)), get(end)),
        );
        emit(set(step, half(step)));
      },
      () => op("i32.ge_u", get(step), least),
    ),
  );
}

/** `sort`: sorts vectors, half by half; their bytes are a multiple of eight vectors. */
export function writeSort(writer: FunctionWriter): void {
  const { parameters, local, emit, repeat, when } = writer;
  const [end] = parameters;
  const names = ["size", "step", "from", "low", "high", "stop"] as const;
  const places = {
    end,
    ...Object.fromEntries(names.map((name) => [name, local("i32", name)])),
  } as Places;
  const vectors = Array.from({ length: together }, (_, i) => local("v128", `vector${i}`));
  const kept = local("v128", "kept");
  const { size } = places;
  writeEights(writer, places, vectors, kept, sortEight);
  emit(set(size, i32(2 * together * vectorBytes)));
  when(op("i32.lt_u", half(size), get(end)), () =>
    repeat(
      () => {
        writeMirrored(writer, places, vectors, kept);
        writeHalvings(writer, places, vectors, kept);
        writeEights(writer, places, vectors, kept, mergeEight);
        emit(set(size, op("i32.add", get(size), get(size))));
      },
      () => op("i32.lt_u", half(size), get(end)),
    ),
  );
}
