// The mixing of colours as a WebAssembly function, four entries at a time: the same whole numbers as `mixInto`, bit by bit.

import { type FunctionWriter, writeModule } from "../../kernels/wasm/assembler.ts";
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
} from "../../kernels/wasm/instructions.ts";
import type { FloatArray } from "../../symmetry/dense.ts";
import { mixFactors } from "./mix.ts";

/** Rows of a part that meet the same colours along the row. */
export interface RowKernel {
  /** Most rows of one call. */
  readonly rows: number;
  /** What the colours along the row add to the context, [length]; filled by the caller. */
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  /** What all else adds, [rows]; filled by the caller. */
  readonly rowLo: Int32Array;
  readonly rowHi: Int32Array;
  /** Sums of mixed entries by position in the row, [length]; added to by every call, cleared by the caller. */
  readonly sumLo: Int32Array;
  readonly sumHi: Int32Array;
  /** Sums of mixed entries by row and lane, [rows, 4]; written by every call. */
  readonly totalLo: Int32Array;
  readonly totalHi: Int32Array;
  /** Mixes rows of entries one behind the other, their signs turned where `negative`. */
  run(entries: FloatArray, negative: boolean): void;
}

const pageBytes = 65_536;
const lanes = 4;
/** Bytes of entries that are mixed in one call: they stay in the second-level cache. */
const blockBytes = 2 ** 18;

const shared: { memory?: WebAssembly.Memory; functions?: WebAssembly.Exports } = {};

/** Parameters of the function, in order. */
const parameterNames = [
  "data",
  "rows",
  "length",
  "contexts",
  "contextBytes",
  "along",
  "alongBytes",
  "negative",
] as const;

/** Rows of so many entries. The arrays stay valid until the next kernel is made. */
export function rowKernel(length: number, kind: "float32" | "float64"): RowKernel {
  const width = kind === "float32" ? 4 : 8;
  const rows = Math.max(1, Math.floor(blockBytes / (width * length)));
  const [padded, together] = [length, rows].map((count) => Math.ceil(count / lanes) * lanes);
  shared.memory ??= new WebAssembly.Memory({ initial: 1 });
  const { memory } = shared;
  const sizes = [
    padded,
    padded,
    padded,
    padded,
    together,
    together,
    lanes * together,
    lanes * together,
  ];
  const starts = [0];
  for (const size of sizes) starts.push(starts[starts.length - 1] + 4 * size);
  const data = starts[sizes.length];
  const bytes = data + width * (rows * length + lanes);
  const missing = Math.ceil(bytes / pageBytes) - memory.buffer.byteLength / pageBytes;
  if (missing > 0) memory.grow(missing);
  const [lo, hi, sumLo, sumHi, rowLo, rowHi, totalLo, totalHi] = sizes.map(
    (size, i) => new Int32Array(memory.buffer, starts[i], size),
  );
  const floats = kind === "float32" ? Float32Array : Float64Array;
  const entries = new floats(memory.buffer, data, rows * length);
  shared.functions ??= new WebAssembly.Instance(new WebAssembly.Module(kernelBytes()), {
    host: { memory },
  }).exports;
  const run = shared.functions[kind] as (...numbers: number[]) => void;
  return {
    rows,
    lo,
    hi,
    rowLo,
    rowHi,
    sumLo,
    sumHi,
    totalLo,
    totalHi,
    run: (given, negative) => {
      entries.set(given);
      const count = given.length / length;
      const [contexts, along] = [rowLo.byteOffset, lo.byteOffset];
      run(
        data,
        count,
        length,
        contexts,
        rowHi.byteOffset - contexts,
        along,
        hi.byteOffset - along,
        negative ? 1 : 0,
      );
    },
  };
}

function kernelBytes(): Uint8Array<ArrayBuffer> {
  const module = writeModule({ pages: 1 });
  for (const kind of ["float32", "float64"] as const)
    module.func(kind, parameterNames, (writer) => writeRows(writer, kind));
  return module.bytes();
}

/** All rows; with the last lanes of a row masked where it ends within a vector. */
function writeRows(writer: FunctionWriter, kind: "float32" | "float64"): void {
  const { emit, local, parameters } = writer;
  const [data, rows, length, contexts, contextBytes, along, alongBytes, negative] = parameters;
  const width = kind === "float32" ? 4 : 8;
  const [row, at, place, multiple] = ["row", "at", "place", "multiple"].map((name) =>
    local("i32", name),
  );
  const [rowLo, rowHi, totalLo, totalHi] = ["rowLo", "rowHi", "totalLo", "totalHi"].map((name) =>
    local("v128", name),
  );
  const [sign, mask] = [local("v128", "sign"), local("v128", "mask")];
  const totals = local("i32", "totals");
  const negated = kind === "float32" ? op("f32x4.neg", vector(0)) : op("f64x2.neg", vector(0));
  emit(
    set(sign, vector(0)),
    set(multiple, op("i32.and", get(length), i32(-lanes))),
    // Totals lie behind both arrays of contexts.
    set(totals, op("i32.add", get(contexts), op("i32.add", get(contextBytes), get(contextBytes)))),
  );
  writer.when(get(negative), () => emit(set(sign, negated)));
  emit(set(mask, lanesBelow(op("i32.sub", get(length), get(multiple)))));
  const colours: Colouring = { along, alongBytes, place, rowLo, rowHi, totalLo, totalHi };
  writer.loop(row, i32(0), get(rows), 1, () => {
    const context = (offset: Instruction) =>
      op(
        "i32x4.splat",
        access("i32.load", 0, op("i32.add", offset, op("i32.mul", get(row), i32(4)))),
      );
    emit(
      set(rowLo, context(get(contexts))),
      set(rowHi, context(op("i32.add", get(contexts), get(contextBytes)))),
      set(totalLo, vector(0)),
      set(totalHi, vector(0)),
    );
    const step = (masked: boolean) => {
      const [low, high] = words(writer, kind, data, sign);
      mixVector(writer, low, high, colours, masked ? mask : undefined);
    };
    emit(set(place, get(along)));
    writer.loop(at, i32(0), get(multiple), lanes, () => {
      step(false);
      emit(
        set(data, op("i32.add", get(data), i32(lanes * width))),
        set(place, op("i32.add", get(place), i32(4 * lanes))),
      );
    });
    writer.when(op("i32.lt_u", get(multiple), get(length)), () => {
      step(true);
      const rest = op("i32.sub", get(length), get(multiple));
      emit(set(data, op("i32.add", get(data), op("i32.mul", rest, i32(width)))));
    });
    const bytes = op("i32.mul", get(row), i32(4 * lanes));
    const behind = op("i32.mul", get(contextBytes), i32(lanes));
    emit(
      set(place, op("i32.add", get(totals), bytes)),
      access("v128.store", 0, get(place), get(totalLo)),
      access("v128.store", 0, op("i32.add", get(place), behind), get(totalHi)),
    );
  });
}

/** Ones in the lanes before a number. */
function lanesBelow(count: Instruction): Instruction {
  const numbers: Instruction = {
    name: "v128.const",
    detail: "i32x4 0 1 2 3",
    bytes: [0xfd, 0x0c, ...new Uint8Array(Int32Array.of(0, 1, 2, 3).buffer)],
    operands: [],
  };
  return op("i32x4.gt_s", op("i32x4.splat", count), numbers);
}

/** The low and the high words of four entries as float64, with -0 as 0. */
function words(
  { emit, local }: FunctionWriter,
  kind: "float32" | "float64",
  data: Local,
  sign: Local,
): [Local, Local] {
  const [low, high] = [local("v128", "low"), local("v128", "high")];
  const [first, second] = [local("v128", "first"), local("v128", "second")];
  const load = (offset: number) =>
    op("v128.xor", access("v128.load", offset, get(data)), get(sign));
  if (kind === "float32") {
    const upper = lanesFrom([2, 3, 2, 3], get(second), get(second));
    emit(
      set(second, op("f32x4.add", load(0), vector(0))),
      set(first, op("f64x2.promote_low_f32x4", get(second))),
      set(second, op("f64x2.promote_low_f32x4", upper)),
    );
  } else {
    emit(
      set(first, op("f64x2.add", load(0), vector(0))),
      set(second, op("f64x2.add", load(16), vector(0))),
    );
  }
  emit(
    set(low, lanesFrom([0, 2, 4, 6], get(first), get(second))),
    set(high, lanesFrom([1, 3, 5, 7], get(first), get(second))),
  );
  return [low, high];
}

interface Colouring {
  readonly along: Local;
  readonly alongBytes: Local;
  readonly place: Local;
  readonly rowLo: Local;
  readonly rowHi: Local;
  readonly totalLo: Local;
  readonly totalHi: Local;
}

/** `mixInto` on four words, added to the sums of the row and of its positions. */
function mixVector(
  { emit, local }: FunctionWriter,
  low: Local,
  high: Local,
  { alongBytes, place, rowLo, rowHi, totalLo, totalHi }: Colouring,
  mask: Local | undefined,
): void {
  const [c1, a, b, at] = [
    local("v128", "context"),
    local("v128", "a"),
    local("v128", "b"),
    local("i32", "at"),
  ];
  const xor = (x: Instruction, y: Instruction) => op("v128.xor", x, y);
  const add = (x: Instruction, y: Instruction) => op("i32x4.add", x, y);
  const times = (x: Instruction, factor: number) =>
    op("i32x4.mul", x, op("i32x4.splat", i32(factor)));
  const shifted = (x: Local, bits: number) => op("i32x4.shr_u", get(x), i32(bits));
  const [k0, k1, k2, k3] = mixFactors;
  emit(
    set(at, op("i32.add", get(place), get(alongBytes))),
    set(c1, add(get(rowHi), access("v128.load", 0, get(at)))),
    set(a, xor(get(low), add(get(rowLo), access("v128.load", 0, get(place))))),
    set(a, times(get(a), k0)),
    set(a, xor(get(a), shifted(a, 15))),
    set(b, times(add(xor(get(high), get(c1)), get(a)), k1)),
    set(b, xor(get(b), shifted(b, 13))),
    set(a, times(add(get(a), xor(get(b), get(c1))), k2)),
    set(a, xor(get(a), shifted(a, 16))),
    set(b, times(xor(get(b), get(a)), k3)),
    set(c1, add(get(a), shifted(b, 11))),
    set(b, xor(get(b), shifted(a, 14))),
  );
  if (mask !== undefined)
    emit(set(c1, op("v128.and", get(c1), get(mask))), set(b, op("v128.and", get(b), get(mask))));
  emit(
    set(totalLo, add(get(totalLo), get(c1))),
    set(totalHi, add(get(totalHi), get(b))),
    // Sums lie behind both arrays of colours.
    set(at, add32(get(at), get(alongBytes))),
    access("v128.store", 0, get(at), add(access("v128.load", 0, get(at)), get(c1))),
    set(at, add32(get(at), get(alongBytes))),
    access("v128.store", 0, get(at), add(access("v128.load", 0, get(at)), get(b))),
  );
}

const add32 = (x: Instruction, y: Instruction) => op("i32.add", x, y);
