// Writes a stream operation: rows and vectors of columns are taken together in a tile of registers. A tile starts as its
// addends, collects products over the inner dimension, passes the activation and is stored and added to sums at once.

import type { FunctionWriter } from "./wasm/assembler.ts";
import type { MultiplyAdd } from "./wasm/fused-multiply-add.ts";
import { access, get, i32, type Local, op, set } from "./wasm/instructions.ts";
import {
  addressOf,
  bytesOf,
  type Frame,
  mergeLoops,
  type Nest,
  plus,
  type Rows,
  tileLoopOf,
  writeNest,
} from "./nest.ts";
import type { Addend, StreamOperation, View } from "./wasm/operations.ts";
import {
  type Column,
  type Condition,
  type TileView,
  type TileViews,
  writeTile,
} from "./stream-tile.ts";
import { type Panel, panelsOf, vectorBytes } from "./wasm/vectors.ts";

/** Registers that hold a tile; the rest hold a row of the matrix, a factor and what the host needs. */
const tileRegisters = 12;
/** Vectors of a row in a tile that has rows enough. */
const maxVectors = 3;
/** Vectors of a row in a tile of one row. */
const maxPanelVectors = tileRegisters;
/** Rows and vectors of a tile. */
export function tileShape(rows: number | null, columns: number): { rows: number; vectors: number } {
  const all = Math.ceil(columns / 4);
  const vectors = Math.min(all, maxVectors);
  const maxRows = Math.floor(tileRegisters / vectors);
  const tiles = rows === null ? 1 : Math.ceil(rows / maxRows);
  const height = rows === null ? maxRows : Math.ceil(rows / tiles);
  return { rows: height, vectors: Math.min(all, Math.floor(tileRegisters / height)) };
}

const viewsOf = ({
  products,
  addends,
  derivative,
  before,
  output,
  sums,
}: StreamOperation): View[] => [
  ...products.map(({ x }) => x),
  ...addends.map(({ view }) => view),
  ...(derivative ? [derivative.of] : []),
  ...(before ? [before] : []),
  output,
  ...sums,
];

/** Names of the pointers of {@link viewsOf}. */
const namesOf = ({ products, addends, derivative, before, sums }: StreamOperation): string[] => [
  ...products.map(() => "x"),
  ...addends.map(() => "addend"),
  ...(derivative ? ["of"] : []),
  ...(before ? ["before"] : []),
  "output",
  ...sums.map(() => "sum"),
];

/** Loops over the batch and the given sizes, joined where all views allow it. */
function nestOf(operation: StreamOperation, views: readonly View[]): Nest {
  const loops = [
    { size: 1, batched: true },
    ...operation.sizes.map((size) => ({ size, batched: false })),
  ];
  const unmerged = new Set(
    operation.addends.flatMap(({ equal }) => equal.flat().map((i) => i + 1)),
  );
  return mergeLoops(
    loops,
    views.map(({ batch, strides }) => [batch, ...strides]),
    unmerged,
  );
}

export function writeStream(frame: Frame, operation: StreamOperation, madd: MultiplyAdd): void {
  const views = viewsOf(operation);
  const nest = nestOf(operation, views);
  const tile = tileLoopOf(nest);
  const { writer } = frame;
  const matrices = operation.products.map(({ matrix }, i) => {
    const base = writer.local("i32", `matrix${i}`);
    writer.emit(set(base, addressOf(frame, matrix.buffer, matrix.offset)));
    return base;
  });
  writeNest(frame, nest, views, namesOf(operation), tile, (pointers, rows, indices) => {
    const tiled = tileViews(operation, nest, tile, pointers, matrices, indices);
    writeRows(
      frame,
      operation,
      tiled,
      pointers,
      nest.strides.map((ofView) => bytesOf(ofView[tile])),
      rows,
      madd,
    );
  });
}

function tileViews(
  { products, addends, derivative, before, sums }: StreamOperation,
  nest: Nest,
  tile: number,
  pointers: readonly Local[],
  matrices: readonly Local[],
  indices: ReadonlyMap<number, Local>,
): TileViews {
  let next = 0;
  const take = (): TileView => {
    const view = { pointer: pointers[next], step: bytesOf(nest.strides[next][tile]) };
    next++;
    return view;
  };
  const indexOf = (loop: number): Local | null => {
    const merged = nest.loopOf[loop + 1];
    return merged === tile ? null : (indices.get(merged) ?? null);
  };
  const conditionsOf = ({ equal }: Addend): Condition[] =>
    equal
      .filter(([a]) => nest.loopOf[a + 1] !== -1)
      .map(([a, b]): Condition => [indexOf(a), indexOf(b)]);
  return {
    products: products.map((_, i) => ({ ...take(), matrix: matrices[i] })),
    addends: addends.map((addend) => ({ ...take(), conditions: conditionsOf(addend) })),
    derivative: derivative && take(),
    before: before && take(),
    output: take(),
    sums: sums.map(take),
  };
}

/** A matrix larger than this many bytes is read once, panel by panel, for all rows; a smaller one for every tile of rows. */
const largeMatrix = 262_144;

const innerOf = ({ products }: StreamOperation): number =>
  products.reduce((sum, part) => sum + part.inner, 0);

const isLarge = (operation: StreamOperation): boolean =>
  bytesOf(innerOf(operation) * operation.columns) > largeMatrix;

/** Rows from which copying a panel of a matrix costs less than reading it where it lies, far apart. */
const panelFrom = 16;

/** Numbers of the panel that an operation copies its matrices to; 0 where it reads them in place. */
export function panelNumbers(operation: StreamOperation): number {
  const rows = Math.max(1, ...operation.sizes);
  if (!isLarge(operation) || rows < panelFrom) return 0;
  return innerOf(operation) * 4 * Math.min(maxPanelVectors, Math.ceil(operation.columns / 4));
}

/** All rows of the tile loop, and all their columns. */
function writeRows(
  frame: Frame,
  operation: StreamOperation,
  views: TileViews,
  pointers: readonly Local[],
  steps: readonly number[],
  rows: Rows,
  madd: MultiplyAdd,
): void {
  const { writer } = frame;
  const { columns } = operation;
  const shape = tileShape(rows.count, columns);
  const row = writer.local("i32", "row");
  const moving = pointers.flatMap((pointer, v) =>
    steps[v] === 0 ? [] : [{ pointer, step: steps[v] }],
  );
  const inPanels = (height: number, panels: readonly Panel[]) => {
    for (const panel of panels)
      writePanels(writer, panel, (column) =>
        writeTile(writer, operation, views, panel, height, row, column, madd),
      );
  };
  const short = Math.min(8, Math.ceil(columns / 4));
  if (!isLarge(operation)) {
    walkRows(writer, rows, shape.rows, row, moving, (height) =>
      inPanels(
        height,
        panelsOf(columns, height === 1 && rows.count === null ? short : shape.vectors),
      ),
    );
    return;
  }
  const starts = moving.map(({ pointer }) => {
    const start = writer.local("i32", "start");
    writer.emit(set(start, get(pointer)));
    return start;
  });
  for (const panel of panelsOf(columns, shape.vectors)) {
    writePanels(writer, panel, (column) => {
      for (const [i, { pointer }] of moving.entries()) writer.emit(set(pointer, get(starts[i])));
      const few = rows.count !== null && rows.count < panelFrom;
      const packed = few ? views : packMatrices(frame, operation, views, panel, column);
      walkRows(writer, rows, shape.rows, row, moving, (height) =>
        writeTile(writer, operation, packed, panel, height, row, column, madd),
      );
    });
  }
}

/** Copies the columns of a panel of all matrices side by side, so that tiles read them one after another. */
function packMatrices(
  frame: Frame,
  operation: StreamOperation,
  views: TileViews,
  panel: Panel,
  column: Column,
): TileViews {
  const { writer } = frame;
  const { emit } = writer;
  if (operation.panel === undefined) return views;
  const [to, from, end] = ["to", "from", "end"].map((name) => writer.local("i32", name));
  const width = panel.vectors * vectorBytes;
  let offset = 0;
  const products = operation.products.map(({ inner, matrix: { rowStride } }, i) => {
    const { matrix } = views.products[i];
    const packed = writer.local("i32", `packed${i}`);
    const begin =
      typeof column === "number"
        ? plus(get(matrix), column)
        : op("i32.add", get(matrix), get(column));
    emit(
      set(packed, addressOf(frame, operation.panel ?? 0, offset)),
      set(to, get(packed)),
      set(from, begin),
      set(end, plus(get(packed), inner * width)),
    );
    writer.repeat(
      () => {
        for (let v = 0; v < panel.vectors; v++) {
          const value = access("v128.load", v * vectorBytes, get(from));
          emit(access("v128.store", v * vectorBytes, get(to), value));
        }
        emit(set(to, plus(get(to), width)), set(from, plus(get(from), bytesOf(rowStride))));
      },
      () => op("i32.lt_u", get(to), get(end)),
    );
    offset += (inner * width) / 4;
    return { ...views.products[i], matrix: packed, packed: width };
  });
  return { ...views, products };
}

/** Tiles of rows one after another, then what is left; moves the pointers. */
function walkRows(
  writer: FunctionWriter,
  { count, from, to }: Rows,
  height: number,
  row: Local,
  moving: readonly { readonly pointer: Local; readonly step: number }[],
  body: (height: number) => void,
): void {
  const { emit } = writer;
  const forward = (rows: number) => {
    for (const { pointer, step } of moving) emit(set(pointer, plus(get(pointer), rows * step)));
    emit(set(row, plus(get(row), rows)));
  };
  const write = (rows: number) => {
    body(rows);
    forward(rows);
  };
  emit(set(row, from));
  if (count === null) {
    // A thread's part begins anywhere.
    for (const { pointer, step } of moving)
      emit(set(pointer, op("i32.add", get(pointer), op("i32.mul", get(row), i32(step)))));
    for (const rows of new Set([height, 1])) {
      const fits = () => op("i32.le_u", plus(get(row), rows), to);
      writer.when(fits(), () => writer.repeat(() => write(rows), fits));
    }
    return;
  }
  const tiles = Math.floor(count / height);
  const rest = count - tiles * height;
  const more = () => op("i32.lt_u", get(row), i32(tiles * height));
  if (tiles > 1) writer.repeat(() => write(height), more);
  else if (rest > 0) write(height);
  else body(height);
  if (rest > 0) body(rest);
}

/** Panels of one form, in a loop where there are several. */
function writePanels(writer: FunctionWriter, panel: Panel, body: (column: Column) => void): void {
  if (panel.count === 1) return body(panel.begin);
  const column = writer.local("i32", "column");
  const width = panel.vectors * vectorBytes;
  const [begin, end] = [i32(panel.begin), i32(panel.begin + panel.count * width)];
  writer.loop(column, begin, end, width, () => body(column), { runsOnce: true });
}
