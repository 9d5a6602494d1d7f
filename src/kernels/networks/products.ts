// Products of small matrices whose sizes are known when the code is written: rows of one times columns of the other, and inner products of
// rows. Eight sums stay in registers, and loops take one step a turn: V8 moves the loads of longer turns together, and sums out of
// the registers.

import { add } from "../wasm/arithmetic.ts";
import type { FunctionWriter } from "../wasm/assembler.ts";
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
import { lanesOfVector, storeLanes, vectorBytes } from "../wasm/vectors.ts";

/** A matrix: an address in bytes, perhaps plus a local, and steps in numbers. */
export interface Operand {
  readonly address: number;
  readonly base?: Local;
  /** To the next row; the next column is one further, unless `columnStep` says otherwise. */
  readonly rowStep: number;
  readonly columnStep?: number;
  /** Address of int32 offsets in bytes, one a row, in place of steps. */
  readonly rowTable?: number;
}

/** What sums begin with: zeros, what lies there, or one number a row. */
export type Begin = "zeros" | "there" | { readonly bias: Operand };

const rowsTogether = 4;
const vectorsTogether = 2;

/** Where a row begins that is not known before, in bytes after the operand's address. */
const rowOf = (operand: Operand, index: Instruction): Instruction =>
  operand.rowTable === undefined
    ? moved(begin(operand), op("i32.mul", index, i32(4 * operand.rowStep)))
    : moved(begin(operand), access("i32.load", operand.rowTable, op("i32.mul", index, i32(4))));

const begin = ({ base }: Operand): Instruction => (base === undefined ? i32(0) : get(base));
const moved = (value: Instruction, by: Instruction): Instruction => op("i32.add", value, by);

/** Runs a body for groups of `together`, then once for what is left. `at` counts single ones. */
function groups(
  writer: FunctionWriter,
  count: number,
  together: number,
  body: (first: () => Instruction, size: number) => void,
): void {
  const full = count - (count % together);
  if (full > together) {
    const at = writer.local("i32", "group");
    writer.loop(at, i32(0), i32(full), together, () => body(() => get(at), together), {
      runsOnce: true,
    });
  } else if (full === together) body(() => i32(0), together);
  if (full < count) body(() => i32(full), count - full);
}

const sumLocals = ({ local }: FunctionWriter, rows: number, columns: number): Local[][] =>
  Array.from({ length: rows }, (_, j) =>
    Array.from({ length: columns }, (_1, v) => local("v128", `sum${j}.${v}`)),
  );

/** a [rows, inner] times b [inner, columns] to c [rows, columns]; columns are a multiple of four. */
export interface ProductOptions {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly a: Operand;
  readonly b: Operand;
  readonly c: Operand;
  readonly begin?: Begin;
  readonly relu?: boolean;
}

/** Writes a product. */
export function writeProduct(
  writer: FunctionWriter,
  { rows, inner, columns, a, b, c, begin: from = "zeros", relu = false }: ProductOptions,
  madd: MultiplyAdd,
): void {
  const { local, emit, loop } = writer;
  const [aStep, bStep] = [4 * (a.columnStep ?? 1), 4 * b.rowStep];
  const [ap, bp, bytes, k] = ["a", "b", "column", "k"].map((name) => local("i32", name));
  const cp = Array.from({ length: rowsTogether }, () => local("i32", "c"));
  const sums = sumLocals(writer, rowsTogether, vectorsTogether);
  const x = Array.from({ length: vectorsTogether }, (_, v) => local("v128", `x${v}`));
  const factor = local("v128", "factor");
  groups(writer, rows, rowsTogether, (row, rowCount) =>
    groups(writer, columns / lanesOfVector, vectorsTogether, (column, vectorCount) => {
      emit(set(bytes, op("i32.mul", column(), i32(vectorBytes))));
      emit(set(ap, rowOf(a, row())), set(bp, moved(begin(b), get(bytes))));
      const tile = sums.slice(0, rowCount).map((ofRow) => ofRow.slice(0, vectorCount));
      for (const j of tile.keys())
        emit(set(cp[j], moved(rowOf(c, moved(row(), i32(j))), get(bytes))));
      const placeOf = (v: number) => c.address + v * vectorBytes;
      for (const [j, ofRow] of tile.entries())
        for (const [v, sum] of ofRow.entries()) {
          if (from === "zeros") emit(set(sum, vector(0)));
          else if (from === "there") emit(set(sum, access("v128.load", placeOf(v), get(cp[j]))));
          else {
            const at = rowOf(from.bias, row());
            const place = from.bias.address + 4 * j * from.bias.rowStep;
            emit(set(sum, access("v128.load32_splat", place, at)));
          }
        }
      loop(
        k,
        i32(0),
        i32(inner),
        1,
        () => {
          if (b.rowTable !== undefined) emit(set(bp, moved(rowOf(b, get(k)), get(bytes))));
          for (const [v, own] of x.slice(0, vectorCount).entries())
            emit(set(own, access("v128.load", b.address + v * vectorBytes, get(bp))));
          for (const [j, ofRow] of tile.entries()) {
            const place = a.address + 4 * j * a.rowStep;
            emit(set(factor, access("v128.load32_splat", place, get(ap))));
            for (const [v, sum] of ofRow.entries())
              emit(set(sum, madd(get(factor), get(x[v]), get(sum))));
          }
          emit(set(ap, moved(get(ap), i32(aStep))));
          if (b.rowTable === undefined) emit(set(bp, moved(get(bp), i32(bStep))));
        },
        { runsOnce: true },
      );
      for (const [j, ofRow] of tile.entries())
        for (const [v, sum] of ofRow.entries()) {
          const result = relu ? op("f32x4.max", get(sum), vector(0)) : get(sum);
          emit(access("v128.store", placeOf(v), get(cp[j]), result));
        }
    }),
  );
}

/** Four vectors to one: the sum of the lanes of each. */
export function laneSums(writer: FunctionWriter, four: readonly Instruction[]): Local {
  const { local, emit } = writer;
  const pair = (a: Instruction, b: Instruction): Local => {
    const sum = local("v128", "pair");
    emit(set(sum, add(lanesFrom([0, 4, 1, 5], a, b), lanesFrom([2, 6, 3, 7], a, b))));
    return sum;
  };
  const [a, b, c, d] = four;
  const [low, high] = [pair(a, b), pair(c, d)];
  const sum = local("v128", "lanes");
  emit(
    set(
      sum,
      add(
        lanesFrom([0, 1, 4, 5], get(low), get(high)),
        lanesFrom([2, 3, 6, 7], get(low), get(high)),
      ),
    ),
  );
  return sum;
}

/** c[i, j] = sum over r of a[i, r] b[j, r]; `inner` is a multiple of four. */
export interface InnerProductOptions extends Omit<ProductOptions, "begin" | "relu"> {
  readonly begin?: "zeros" | "there";
  /** Sums go on over so many pieces: `a` moves by `step` numbers, `b` by the int32 offsets in bytes of a table. @default one piece */
  readonly pieces?: { readonly count: number; readonly step: number; readonly table: number };
}

/** Writes inner products of rows. */
export function writeInnerProducts(
  writer: FunctionWriter,
  { rows, inner, columns, a, b, c, begin: from = "zeros", pieces }: InnerProductOptions,
  madd: MultiplyAdd,
): void {
  const { local, emit, loop } = writer;
  const [ap, cp, at, piece] = ["a", "c", "r", "piece"].map((name) => local("i32", name));
  const bp = Array.from({ length: rowsTogether }, () => local("i32", "b"));
  const sums = sumLocals(writer, vectorsTogether, rowsTogether);
  const x = Array.from({ length: vectorsTogether }, (_, i) => local("v128", `x${i}`));
  const factor = local("v128", "factor");
  groups(writer, rows, vectorsTogether, (row, rowCount) =>
    groups(writer, columns, rowsTogether, (column, columnCount) => {
      emit(set(cp, moved(rowOf(c, row()), op("i32.mul", column(), i32(4)))));
      const tile = sums.slice(0, rowCount).map((ofRow) => ofRow.slice(0, columnCount));
      for (const sum of tile.flat()) emit(set(sum, vector(0)));
      const onePiece = () => {
        emit(set(ap, rowOf(a, row())));
        for (let j = 0; j < columnCount; j++) emit(set(bp[j], rowOf(b, moved(column(), i32(j)))));
        if (pieces !== undefined) {
          emit(set(ap, moved(get(ap), op("i32.mul", get(piece), i32(4 * pieces.step)))));
          const by = () => access("i32.load", pieces.table, op("i32.mul", get(piece), i32(4)));
          for (let j = 0; j < columnCount; j++) emit(set(bp[j], moved(get(bp[j]), by())));
        }
        loop(
          at,
          i32(0),
          i32(4 * inner),
          vectorBytes,
          () => {
            for (const [i, own] of x.slice(0, rowCount).entries()) {
              const place = a.address + 4 * i * a.rowStep;
              emit(set(own, access("v128.load", place, moved(get(ap), get(at)))));
            }
            for (let j = 0; j < columnCount; j++) {
              emit(set(factor, access("v128.load", b.address, moved(get(bp[j]), get(at)))));
              for (const ofRow of tile.keys()) {
                const sum = tile[ofRow][j];
                emit(set(sum, madd(get(factor), get(x[ofRow]), get(sum))));
              }
            }
          },
          { runsOnce: true },
        );
      };
      if (pieces === undefined) onePiece();
      else loop(piece, i32(0), i32(pieces.count), 1, onePiece, { runsOnce: true });
      for (const [i, ofRow] of tile.entries()) {
        const four = Array.from({ length: rowsTogether }, (_, j) =>
          j < columnCount ? get(ofRow[j]) : vector(0),
        );
        const result = laneSums(writer, four);
        const place = c.address + 4 * i * c.rowStep;
        if (from === "there")
          emit(set(result, add(get(result), access("v128.load", place, get(cp)))));
        emit(...storeLanes(() => get(cp), place, result, columnCount));
      }
    }),
  );
}

/** sums[i] (+)= the sum of row i of x [rows, columns], at steps of one; columns are a multiple of four. */
export function writeRowSums(
  writer: FunctionWriter,
  {
    rows,
    columns,
    x,
    to,
    begin: from = "zeros",
  }: {
    readonly rows: number;
    readonly columns: number;
    readonly x: Operand;
    readonly to: number;
    readonly begin?: "zeros" | "there";
  },
): void {
  const { local, emit, loop } = writer;
  const [xp, at, place] = [local("i32", "x"), local("i32", "r"), local("i32", "to")];
  const sums = Array.from({ length: rowsTogether }, (_, j) => local("v128", `sum${j}`));
  groups(writer, rows, rowsTogether, (row, count) => {
    emit(set(xp, moved(begin(x), op("i32.mul", row(), i32(4 * x.rowStep)))));
    emit(set(place, op("i32.mul", row(), i32(4))));
    for (const sum of sums) emit(set(sum, vector(0)));
    loop(
      at,
      i32(0),
      i32(columns),
      lanesOfVector,
      () => {
        for (const [j, sum] of sums.slice(0, count).entries()) {
          const value = access("v128.load", x.address + 4 * j * x.rowStep, get(xp));
          emit(set(sum, add(get(sum), value)));
        }
        emit(set(xp, moved(get(xp), i32(vectorBytes))));
      },
      { runsOnce: true },
    );
    const result = laneSums(writer, sums.map(get));
    if (from === "there") emit(set(result, add(get(result), access("v128.load", to, get(place)))));
    emit(...storeLanes(() => get(place), to, result, count));
  });
}
