// Writes the operations without tiles: clearing, combining what threads summed, and blocks of shared coefficients.

import { access, get, i32, type Local, op, set, vector } from "./wasm/instructions.ts";
import { addressOf, bytesOf, type Frame, once, plus, threadRange, times } from "./nest.ts";
import type { BlocksOperation, ClearOperation, CombineOperation } from "./wasm/operations.ts";
import { lanesOf, panelsOf, storeLanes, vectorBytes } from "./wasm/vectors.ts";

/** Every thread clears its own part of what there is once a thread; the first one clears the rest. */
export function writeClear(frame: Frame, { buffers }: ClearOperation): void {
  const { writer, layout, batch } = frame;
  for (const buffer of buffers) {
    const { size, batched, perThread } = layout.buffers[buffer];
    const bytes = batched ? times(get(batch), bytesOf(size)) : i32(bytesOf(size));
    const fill = () => writer.emit(op("memory.fill", addressOf(frame, buffer, 0), i32(0), bytes));
    if (perThread === true) fill();
    else once(frame, fill);
  }
}

/** Adds what the threads have, and scales; four numbers at a time. */
export function writeCombine(frame: Frame, { from, to, scale }: CombineOperation): void {
  const { writer, layout, batch, count } = frame;
  const { emit } = writer;
  const { size, batched } = layout.buffers[from];
  const parts = layout.buffers[from].perThread === true ? layout.threads : 1;
  const [source, target, bytes, next] = ["source", "target", "bytes", "next"].map((name) =>
    writer.local("i32", name),
  );
  const alone: Frame = { ...frame, thread: writer.local("i32", "thread0") };
  const bytesFor = (networks: Local) =>
    batched ? times(get(networks), bytesOf(size)) : i32(bytesOf(size));
  emit(
    set(source, addressOf(alone, from, 0)),
    set(target, addressOf(alone, to, 0)),
    set(bytes, bytesFor(count)),
  );
  if (parts > 1) emit(set(next, bytesFor(batch)));
  const sum = writer.local("v128", "sum");
  const combine = (at: Local, last: number) => {
    const part = writer.local("i32", "part");
    emit(set(part, op("i32.add", get(source), get(at))));
    emit(set(sum, access("v128.load", 0, get(part))));
    for (let p = 1; p < parts; p++) {
      emit(set(part, op("i32.add", get(part), get(next))));
      emit(set(sum, op("f32x4.add", get(sum), access("v128.load", 0, get(part)))));
    }
    if (scale !== 1) emit(set(sum, op("f32x4.mul", get(sum), vector(scale))));
    const place = () => op("i32.add", get(target), get(at));
    emit(...storeLanes(place, 0, sum, last));
  };
  const vectors = op("i32.div_u", get(bytes), i32(vectorBytes));
  const range = threadRange(frame, vectors);
  const [vectorAt, at] = [writer.local("i32", "vector"), writer.local("i32", "at")];
  writer.loop(vectorAt, get(range.from), get(range.to), 1, () => {
    emit(set(at, times(get(vectorAt), vectorBytes)));
    combine(at, 4);
  });
  once(frame, () => {
    const vectorPart = op(
      "i32.mul",
      op("i32.div_u", get(bytes), i32(vectorBytes)),
      i32(vectorBytes),
    );
    writer.loop(at, vectorPart, get(bytes), 4, () => combine(at, 1));
  });
}

/** Copies blocks between a table and the matrices made of them, or adds them up; the first thread does it. */
export function writeBlocks(frame: Frame, operation: BlocksOperation): void {
  once(frame, () => writeAllBlocks(frame, operation));
}

function writeAllBlocks(frame: Frame, operation: BlocksOperation): void {
  const { writer } = frame;
  const { emit } = writer;
  const { kind, places, inner, columns } = operation;
  const rowBytes = bytesOf(places.across * columns);
  const [table, matrix, index] = [operation.table, operation.matrix, places.buffer].map(
    (buffer, i) => {
      const base = writer.local("i32", ["table", "matrix", "index"][i]);
      emit(set(base, addressOf(frame, buffer, 0)));
      return base;
    },
  );
  const [row, across, block] = ["row", "across", "block"].map((name) => writer.local("i32", name));
  const [inTable, inMatrix] = [writer.local("i32", "inTable"), writer.local("i32", "inMatrix")];
  const value = writer.local("v128", "value");
  writer.loop(row, i32(0), i32(places.rows), 1, () => {
    writer.loop(across, i32(0), i32(places.across), 1, () => {
      emit(set(block, access("i32.load", 0, get(index))), set(index, plus(get(index), 4)));
      emit(set(inTable, op("i32.add", get(table), times(get(block), bytesOf(inner * columns)))));
      const start = op(
        "i32.add",
        times(get(row), inner * rowBytes),
        times(get(across), bytesOf(columns)),
      );
      emit(set(inMatrix, op("i32.add", get(matrix), start)));
      const [to, from] = kind === "expand" ? [inMatrix, inTable] : [inTable, inMatrix];
      const k = writer.local("i32", "k");
      writer.loop(k, i32(0), i32(inner), 1, () => {
        for (const panel of panelsOf(columns, 1)) {
          const column = writer.local("i32", "column");
          const end = i32(panel.begin + panel.count * vectorBytes);
          writer.loop(column, i32(panel.begin), end, vectorBytes, () => {
            const place = (base: Local) => op("i32.add", get(base), get(column));
            const read = access("v128.load", 0, place(from));
            const old = access("v128.load", 0, place(to));
            emit(set(value, kind === "expand" ? read : op("f32x4.add", read, old)));
            emit(...storeLanes(() => place(to), 0, value, lanesOf(panel, 0)));
          });
        }
        emit(
          set(inTable, plus(get(inTable), bytesOf(columns))),
          set(inMatrix, plus(get(inMatrix), rowBytes)),
        );
      });
    });
  });
}
