// Writes one tile of a stream operation: rows and vectors of columns that stay in registers from their addends to their sums.

import type { FunctionWriter } from "./wasm/assembler.ts";
import type { MultiplyAdd } from "./wasm/fused-multiply-add.ts";
import {
  access,
  get,
  type Instruction,
  type Local,
  op,
  set,
  splatLane,
  vector,
} from "./wasm/instructions.ts";
import { bytesOf, plus } from "./nest.ts";
import type { StreamOperation } from "./wasm/operations.ts";
import { pointwise } from "./pointwise.ts";
import { lanesOf, type Panel, storeLanes, vectorBytes } from "./wasm/vectors.ts";

/** Steps of the inner dimension that are written out one after another. */
const unroll = 4;

/** Everything of a view that the inside of a tile needs. */
export interface TileView {
  readonly pointer: Local;
  /** Bytes from a row of the tile to the next. */
  readonly step: number;
}

export interface TileViews {
  /** `packed` is the number of bytes between rows of a matrix whose panel was copied; its columns begin at 0. */
  readonly products: readonly (TileView & { readonly matrix: Local; readonly packed?: number })[];
  readonly addends: readonly (TileView & { readonly conditions: readonly Condition[] })[];
  readonly derivative: TileView | undefined;
  readonly before: TileView | undefined;
  readonly output: TileView;
  readonly sums: readonly TileView[];
}

/** Two indices that must be equal; null stands for the row of the tile. */
export type Condition = readonly [Local | null, Local | null];

/** Where a panel begins: bytes that are known, or counted by a loop. */
export type Column = number | Local;

/** The place of a view's first row in the panel, and the bytes from there. */
type PlaceOf = (view: TileView, name: string) => { readonly place: Local; readonly shift: number };

/** A tile in registers, from its addends to its sums. */
export function writeTile(
  writer: FunctionWriter,
  operation: StreamOperation,
  views: TileViews,
  panel: Panel,
  height: number,
  row: Local,
  column: Column,
  madd: MultiplyAdd,
): void {
  const { emit } = writer;
  const tile = Array.from({ length: height }, (_, r) =>
    Array.from({ length: panel.vectors }, (_, v) => writer.local("v128", `tile${r}.${v}`)),
  );
  const at: PlaceOf = ({ pointer }, name) => {
    if (typeof column === "number") return { place: pointer, shift: column };
    const place = writer.local("i32", name);
    emit(set(place, op("i32.add", get(pointer), get(column))));
    return { place, shift: 0 };
  };
  writeAddends(writer, views.addends, tile, row, at);
  for (const [i, { inner, matrix }] of operation.products.entries()) {
    const { packed } = views.products[i];
    const step = packed ?? bytesOf(matrix.rowStride);
    const from = packed === undefined ? column : 0;
    writeProduct(writer, views.products[i], inner, step, tile, from, madd);
  }
  const eachVector = (view: TileView, visit: (r: number, v: number, offset: number) => void) =>
    tile.forEach((vectors, r) =>
      vectors.forEach((_, v) => visit(r, v, r * view.step + v * vectorBytes)),
    );
  const store = (view: TileView, name: string) => {
    const { place, shift } = at(view, name);
    eachVector(view, (r, v, offset) =>
      emit(...storeLanes(() => get(place), shift + offset, tile[r][v], lanesOf(panel, v))),
    );
  };
  if (views.before) store(views.before, "before");
  if (operation.activation !== "identity") {
    const { value } = pointwise[operation.activation];
    for (const local of tile.flat()) emit(set(local, value(get(local), writer)));
  }
  if (views.derivative && operation.derivative) {
    const { derivative } = pointwise[operation.derivative.activation];
    const { place, shift } = at(views.derivative, "of");
    eachVector(views.derivative, (r, v, offset) => {
      const factor = derivative(access("v128.load", shift + offset, get(place)), writer);
      emit(set(tile[r][v], op("f32x4.mul", get(tile[r][v]), factor)));
    });
  }
  store(views.output, "output");
  for (const sum of views.sums) writeSum(writer, sum, tile, panel, at(sum, "sum"));
}

/** Fills a tile with the sum of its addends, or zeros. */
function writeAddends(
  writer: FunctionWriter,
  addends: TileViews["addends"],
  tile: readonly (readonly Local[])[],
  row: Local,
  at: PlaceOf,
): void {
  const { emit } = writer;
  let filled = false;
  const everywhere = addends.filter(({ conditions }) => conditions.length === 0);
  const sorted = [
    ...everywhere.filter(({ step }) => step === 0),
    ...everywhere.filter(({ step }) => step !== 0),
  ];
  for (const addend of sorted) {
    const { place, shift } = at(addend, "addend");
    for (const [r, vectors] of tile.entries()) {
      for (const [v, local] of vectors.entries()) {
        const repeated = addend.step === 0 && r > 0 && !filled;
        const loaded = repeated
          ? get(tile[0][v])
          : access("v128.load", shift + r * addend.step + v * vectorBytes, get(place));
        emit(set(local, filled ? op("f32x4.add", get(local), loaded) : loaded));
      }
    }
    filled = true;
  }
  if (!filled) for (const local of tile.flat()) emit(set(local, vector(0)));
  for (const addend of addends) {
    if (addend.conditions.length === 0) continue;
    const { place, shift } = at(addend, "diagonal");
    for (const [r, vectors] of tile.entries()) {
      const index = (local: Local | null) => (local === null ? plus(get(row), r) : get(local));
      const holds = addend.conditions
        .map(([a, b]) => op("i32.eq", index(a), index(b)))
        .reduce((all, one) => op("i32.and", all, one));
      writer.when(holds, () => {
        for (const [v, local] of vectors.entries()) {
          const loaded = access("v128.load", shift + r * addend.step + v * vectorBytes, get(place));
          emit(set(local, op("f32x4.add", get(local), loaded)));
        }
      });
    }
  }
}

/** Adds rows of `x` times the matrix to a tile. */
function writeProduct(
  writer: FunctionWriter,
  { pointer, step, matrix }: TileViews["products"][number],
  inner: number,
  matrixStep: number,
  tile: readonly (readonly Local[])[],
  column: Column,
  madd: MultiplyAdd,
): void {
  const { emit } = writer;
  const [x, m] = [writer.local("i32", "x"), writer.local("i32", "m")];
  const matrixVectors = tile[0].map((_, v) => writer.local("v128", `own${v}`));
  const factor = writer.local("v128", "factor");
  const factors = tile.map((_, r) => writer.local("v128", `factors${r}`));
  const multiply = (k: number, factorOf: (row: number) => Instruction) => {
    for (const [v, local] of matrixVectors.entries())
      emit(set(local, access("v128.load", k * matrixStep + v * vectorBytes, get(m))));
    for (const [r, vectors] of tile.entries()) {
      emit(set(factor, factorOf(r)));
      for (const [v, local] of vectors.entries())
        emit(set(local, madd(get(factor), get(matrixVectors[v]), get(local))));
    }
  };
  /** Four factors a row with one load: loads, not multiplications, are what a tile waits for. */
  const four = (from: number) => {
    for (const [r, local] of factors.entries())
      emit(set(local, access("v128.load", r * step + 4 * from, get(x))));
    for (let k = 0; k < unroll; k++) multiply(from + k, (r) => splatLane(k, get(factors[r])));
  };
  const steps = (from: number, count: number) => {
    let k = from;
    for (; k + unroll <= from + count; k += unroll) four(k);
    for (; k < from + count; k++) {
      const at = k;
      multiply(at, (r) => access("v128.load32_splat", r * step + 4 * at, get(x)));
    }
  };
  const begin =
    typeof column === "number"
      ? plus(get(matrix), column)
      : op("i32.add", get(matrix), get(column));
  emit(set(m, begin));
  const turns = inner <= 2 * unroll ? 0 : Math.floor(inner / unroll);
  if (turns > 0) {
    const end = writer.local("i32", "end");
    emit(set(end, plus(get(pointer), turns * unroll * 4)));
    writer.loop(
      x,
      get(pointer),
      get(end),
      unroll * 4,
      () => {
        steps(0, unroll);
        emit(set(m, plus(get(m), unroll * matrixStep)));
      },
      { runsOnce: true },
    );
  } else emit(set(x, get(pointer)));
  steps(0, inner - turns * unroll);
}

/** Adds a tile to a sum: row by row, or all rows at once where the sum runs along them. */
function writeSum(
  writer: FunctionWriter,
  { step }: TileView,
  tile: readonly (readonly Local[])[],
  panel: Panel,
  { place, shift }: ReturnType<PlaceOf>,
): void {
  const { emit } = writer;
  const total = writer.local("v128", "total");
  const addTo = (offset: number, v: number, value: Instruction) => {
    emit(set(total, op("f32x4.add", access("v128.load", shift + offset, get(place)), value)));
    emit(...storeLanes(() => get(place), shift + offset, total, lanesOf(panel, v)));
  };
  for (let v = 0; v < panel.vectors; v++) {
    const rows = tile.map((vectors) => get(vectors[v]));
    if (step === 0)
      addTo(
        v * vectorBytes,
        v,
        rows.reduce((sum, one) => op("f32x4.add", sum, one)),
      );
    else for (const [r, one] of rows.entries()) addTo(r * step + v * vectorBytes, v, one);
  }
}
