// Writes the gradient of coefficients: a tile of the matrix stays in registers while rows of both operands go by.

import type { MultiplyAdd } from "./wasm/fused-multiply-add.ts";
import { access, get, i32, type Local, op, set, splatLane } from "./wasm/instructions.ts";
import {
  addressOf,
  bytesOf,
  type Frame,
  mergeLoops,
  plus,
  type Rows,
  tileLoopOf,
  writeNest,
} from "./nest.ts";
import type { OuterOperation } from "./wasm/operations.ts";
import { lanesOf, type Panel, panelsOf, storeLanes, vectorBytes } from "./wasm/vectors.ts";

/** Rows of the matrix in a tile: their factors come with one load. */
const tileRows = 4;
/** Vectors of columns in a tile: with four rows, twelve registers of sums. */
const tileVectors = 3;

/** Rows of the operands that are written out one after another. */
const unroll = 4;

/** Rows of the operands that are read again for every tile: they should stay in the first-level cache. */
const blockRows = 128;

interface Operands {
  readonly x: Local;
  readonly g: Local;
  /** Bytes between rows. */
  readonly xStep: number;
  readonly gStep: number;
}

export function writeOuter(frame: Frame, operation: OuterOperation, madd: MultiplyAdd): void {
  const { writer } = frame;
  const { sizes, x, g } = operation;
  const loops = [{ size: 1, batched: true }, ...sizes.map((size) => ({ size, batched: false }))];
  const strides = [x, g].map(({ batch, strides }) => [batch, ...strides]);
  const nest = mergeLoops(loops, strides, new Set());
  const tile = tileLoopOf(nest);
  const matrix = writer.local("i32", "matrix");
  writer.emit(set(matrix, addressOf(frame, operation.output.buffer, operation.output.offset)));
  const [xStep, gStep] = nest.strides.map((ofView) => bytesOf(ofView[tile]));
  writeNest(frame, nest, [x, g], ["x", "g"], tile, ([px, pg], rows) => {
    writeBlocks(frame, operation, { x: px, g: pg, xStep, gStep }, rows, matrix, madd);
  });
}

/** Rows in blocks that fit the cache. */
function writeBlocks(
  { writer }: Frame,
  operation: OuterOperation,
  { x, g, xStep, gStep }: Operands,
  { count, from, to }: Rows,
  matrix: Local,
  madd: MultiplyAdd,
): void {
  const { emit } = writer;
  const block = (rows: Local) =>
    writeTiles(writer, operation, { x, g, xStep, gStep }, rows, matrix, madd);
  const rows = writer.local("i32", "rows");
  if (count !== null && count <= 2 * blockRows) {
    emit(set(rows, i32(count)));
    block(rows);
    return;
  }
  const row = writer.local("i32", "row");
  const advance = (pointer: Local, step: number, turns: Local) =>
    emit(set(pointer, op("i32.add", get(pointer), op("i32.mul", get(turns), i32(step)))));
  emit(set(row, from));
  advance(x, xStep, row);
  advance(g, gStep, row);
  writer.loop(row, from, to, blockRows, () => {
    emit(set(rows, op("i32.sub", to, get(row))));
    writer.when(op("i32.gt_u", get(rows), i32(blockRows)), () => emit(set(rows, i32(blockRows))));
    block(rows);
    advance(x, xStep, rows);
    advance(g, gStep, rows);
  });
}

/** All tiles of the matrix for one block of rows. */
function writeTiles(
  writer: Frame["writer"],
  { inner, columns, output }: OuterOperation,
  operands: Operands,
  rows: Local,
  matrix: Local,
  madd: MultiplyAdd,
): void {
  const { emit } = writer;
  const rowBytes = bytesOf(output.rowStride);
  const vectors = Math.min(Math.ceil(columns / 4), tileVectors);
  const height = Math.min(inner, tileRows);
  const tiles = Math.floor(inner / height);
  const k = writer.local("i32", "k");
  const [xk, mk] = [writer.local("i32", "xk"), writer.local("i32", "mk")];
  const write = (tileHeight: number) => {
    for (const panel of panelsOf(columns, vectors)) {
      const column = writer.local("i32", "column");
      const body = () =>
        writeTile(
          writer,
          { ...operands, x: xk },
          rows,
          { place: mk, column, rowBytes },
          tileHeight,
          panel,
          madd,
        );
      const width = panel.vectors * vectorBytes;
      const [begin, end] = [i32(panel.begin), i32(panel.begin + panel.count * width)];
      if (panel.count > 1) writer.loop(column, begin, end, width, body, { runsOnce: true });
      else {
        emit(set(column, begin));
        body();
      }
    }
  };
  emit(set(xk, get(operands.x)), set(mk, get(matrix)));
  writer.loop(
    k,
    i32(0),
    i32(tiles),
    1,
    () => {
      write(height);
      emit(set(xk, plus(get(xk), 4 * height)), set(mk, plus(get(mk), height * rowBytes)));
    },
    { runsOnce: true },
  );
  if (inner > tiles * height) write(inner - tiles * height);
}

/** One tile: loaded, summed over the rows, stored. */
function writeTile(
  writer: Frame["writer"],
  { x, g, xStep, gStep }: Operands,
  rows: Local,
  matrix: { readonly place: Local; readonly column: Local; readonly rowBytes: number },
  height: number,
  panel: Panel,
  madd: MultiplyAdd,
): void {
  const { emit } = writer;
  const tile = Array.from({ length: height }, (_, r) =>
    Array.from({ length: panel.vectors }, (_, v) => writer.local("v128", `tile${r}.${v}`)),
  );
  const gradientVectors = tile[0].map((_, v) => writer.local("v128", `own${v}`));
  const [factor, factors] = [writer.local("v128", "factor"), writer.local("v128", "factors")];
  const place = writer.local("i32", "place");
  const [px, pg, turn] = ["px", "pg", "turn"].map((name) => writer.local("i32", name));
  emit(set(place, op("i32.add", get(matrix.place), get(matrix.column))));
  const each = (visit: (local: Local, offset: number, v: number) => void) =>
    tile.forEach((vectors, r) =>
      vectors.forEach((local, v) => visit(local, r * matrix.rowBytes + v * vectorBytes, v)),
    );
  each((local, offset) => emit(set(local, access("v128.load", offset, get(place)))));
  emit(set(px, get(x)), set(pg, op("i32.add", get(g), get(matrix.column))), set(turn, i32(0)));
  const oneRow = (row: number) => {
    const [xAt, gAt] = [row * xStep, row * gStep];
    for (const [v, local] of gradientVectors.entries())
      emit(set(local, access("v128.load", gAt + v * vectorBytes, get(pg))));
    if (height === tileRows) emit(set(factors, access("v128.load", xAt, get(px))));
    for (const [r, vectors] of tile.entries()) {
      const loaded = () => access("v128.load32_splat", xAt + 4 * r, get(px));
      emit(set(factor, height === tileRows ? splatLane(r, get(factors)) : loaded()));
      for (const [v, local] of vectors.entries())
        emit(set(local, madd(get(factor), get(gradientVectors[v]), get(local))));
    }
  };
  for (const count of [unroll, 1]) {
    const fits = () => op("i32.le_u", plus(get(turn), count), get(rows));
    writer.when(fits(), () =>
      writer.repeat(() => {
        for (let row = 0; row < count; row++) oneRow(row);
        emit(set(px, plus(get(px), count * xStep)), set(pg, plus(get(pg), count * gStep)));
        emit(set(turn, plus(get(turn), count)));
      }, fits),
    );
  }
  each((local, offset, v) =>
    emit(...storeLanes(() => get(place), offset, local, lanesOf(panel, v))),
  );
}
