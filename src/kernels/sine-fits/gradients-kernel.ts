// Gradients of a sine network from blocks that went through it: every entry is a sum over examples, kept in four parts in a register
// while the blocks go by, and added up at their end.

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
import { lanesOfVector } from "../wasm/vectors.ts";
import { rowBytes, type SineFitLayout } from "./layout.ts";

/** Units whose entries are neighbours in memory, and rows of the second layer's weights that are computed together. */
const [together, rowsTogether] = [lanesOfVector, 2];

interface Frame {
  readonly writer: FunctionWriter;
  readonly layout: SineFitLayout;
  readonly madd: MultiplyAdd;
  /** The address of a group; rows of it are read beside it. */
  readonly group: Local;
  /** Goes over all groups. */
  readonly everyGroup: (body: () => void) => void;
}

const counted = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const add = (a: Instruction, b: Instruction): Instruction => op("f32x4.add", a, b);

/** The sums of the lanes of four vectors, as one vector. */
function laneSums({ local, emit }: FunctionWriter, sums: readonly Local[]): Instruction {
  const pair = (a: Local, b: Local) => {
    const both = local("v128", "both");
    const [low, high] = [
      lanesFrom([0, 4, 1, 5], get(a), get(b)),
      lanesFrom([2, 6, 3, 7], get(a), get(b)),
    ];
    emit(set(both, add(low, high)));
    return both;
  };
  const [left, right] = [pair(sums[0], sums[1]), pair(sums[2], sums[3])];
  return add(
    lanesFrom([0, 1, 4, 5], get(left), get(right)),
    lanesFrom([2, 3, 6, 7], get(left), get(right)),
  );
}

/** Adds the lanes of four sums to four gradients. */
function addUp({ writer }: Frame, sums: readonly Local[], at: Local, offset: number): void {
  const lanes = laneSums(writer, sums);
  const before = access("v128.load", offset, get(at));
  writer.emit(access("v128.store", offset, get(at), add(before, lanes)));
}

/** Names so many sums and sets them to 0 whenever `clear` is written. */
function sumsOf({ writer }: Frame, count: number) {
  const sums = counted(count).map((i) => writer.local("v128", `sum${i}`));
  const clear = () => {
    for (const sum of sums) writer.emit(set(sum, vector(0)));
  };
  return { sums, clear };
}

/** Weights of the second layer: shares of two units with sines of four. */
function writeAcross(frame: Frame): void {
  const { writer, layout, madd, group, everyGroup } = frame;
  const { local, emit, loop } = writer;
  const { rows, shape } = layout;
  const [unit, input, to, shares, waves] = ["unit", "input", "to", "shares", "waves"].map((name) =>
    local("i32", name),
  );
  const { sums, clear } = sumsOf(frame, rowsTogether * together);
  const [share, wave] = [
    counted(rowsTogether).map((u) => local("v128", `share${u}`)),
    local("v128", "wave"),
  ];
  emit(set(to, i32(layout.at("gradients", "across"))));
  loop(unit, i32(0), i32(shape.hidden * rowBytes), rowsTogether * rowBytes, () => {
    loop(input, i32(0), i32(shape.hidden * rowBytes), together * rowBytes, () => {
      clear();
      everyGroup(() => {
        emit(set(shares, op("i32.add", get(group), get(unit))));
        emit(set(waves, op("i32.add", get(group), get(input))));
        for (const u of counted(rowsTogether))
          emit(set(share[u], access("v128.load", (rows.cosines2 + u) * rowBytes, get(shares))));
        for (const k of counted(together)) {
          emit(set(wave, access("v128.load", (rows.sines1 + k) * rowBytes, get(waves))));
          for (const u of counted(rowsTogether)) {
            const sum = sums[u * together + k];
            emit(set(sum, madd(get(wave), get(share[u]), get(sum))));
          }
        }
      });
      for (const u of counted(rowsTogether))
        addUp(frame, sums.slice(u * together, (u + 1) * together), to, 4 * u * shape.hidden);
      emit(set(to, op("i32.add", get(to), i32(4 * together))));
    });
    const rest = 4 * (rowsTogether - 1) * shape.hidden;
    if (rest > 0) emit(set(to, op("i32.add", get(to), i32(rest))));
  });
}

/**
 * Entries with one factor an example or none, of four units at a time: rows of the block times each factor, whose row is given; without
 * one rows are added.
 */
function writeRows(
  frame: Frame,
  entries: readonly { readonly row: number; readonly factor?: number; readonly at: number }[],
): void {
  const { writer, layout, madd, group, everyGroup } = frame;
  const { local, emit, loop } = writer;
  const [unit, to, shares] = ["unit", "to", "shares"].map((name) => local("i32", name));
  const { sums, clear } = sumsOf(frame, entries.length * together);
  const read = local("v128", "read");
  const factors = entries.map((_, e) => local("v128", `factor${e}`));
  emit(set(to, i32(0)));
  loop(unit, i32(0), i32(layout.shape.hidden * rowBytes), together * rowBytes, () => {
    clear();
    everyGroup(() => {
      emit(set(shares, op("i32.add", get(group), get(unit))));
      for (const [e, { factor }] of entries.entries())
        if (factor !== undefined)
          emit(set(factors[e], access("v128.load", factor * rowBytes, get(group))));
      for (const u of counted(together)) {
        for (const [e, { row, factor }] of entries.entries()) {
          const isRead = e > 0 && entries[e - 1].row === row;
          if (!isRead) emit(set(read, access("v128.load", (row + u) * rowBytes, get(shares))));
          const sum = sums[e * together + u];
          const more =
            factor === undefined
              ? add(get(sum), get(read))
              : madd(get(read), get(factors[e]), get(sum));
          emit(set(sum, more));
        }
      }
    });
    for (const [e, { at }] of entries.entries())
      addUp(frame, sums.slice(e * together, (e + 1) * together), to, at);
    emit(set(to, op("i32.add", get(to), i32(4 * together))));
  });
}

/** The bias of the last layer: the sum of all errors. */
function writeOutBias(frame: Frame): void {
  const { layout, group, everyGroup, writer } = frame;
  const { sums, clear } = sumsOf(frame, 1);
  const [sum] = sums;
  clear();
  everyGroup(() => {
    const error = access("v128.load", layout.rows.error * rowBytes, get(group));
    writer.emit(set(sum, add(get(sum), error)));
  });
  const at = writer.local("i32", "at");
  writer.emit(set(at, i32(0)));
  addUp(frame, [sum, sum, sum, sum], at, layout.at("gradients", "outBias"));
}

/** Adds the gradients of the blocks from its first parameter to its second. */
export function writeGradients(
  writer: FunctionWriter,
  layout: SineFitLayout,
  madd: MultiplyAdd,
): void {
  const [first, end] = writer.parameters;
  const group = writer.local("i32", "group");
  const everyGroup = (body: () => void) =>
    writer.loop(group, get(first), get(end), layout.groupBytes, body, { runsOnce: true });
  const frame: Frame = { writer, layout, madd, group, everyGroup };
  const { rows, shape } = layout;
  const gradient = (tensor: Parameters<SineFitLayout["at"]>[1]) => layout.at("gradients", tensor);
  writeAcross(frame);
  writeRows(frame, [{ row: rows.sines2, factor: rows.error, at: gradient("out") }]);
  writeRows(frame, [{ row: rows.cosines2, at: gradient("acrossBias") }]);
  writeRows(frame, [{ row: rows.cosines1, at: gradient("intoBias") }]);
  const columns = counted(shape.inputs).map((i) => ({
    row: rows.cosines1,
    factor: rows.places + i,
    at: gradient("into") + 4 * i * shape.hidden,
  }));
  for (let i = 0; i < columns.length; i += 2) writeRows(frame, columns.slice(i, i + 2));
  writeOutBias(frame);
}
