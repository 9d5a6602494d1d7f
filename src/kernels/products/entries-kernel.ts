// Writes functions of single numbers besides activations: the signed logarithm of invariants, and the gate 2 sigmoid(x).

import { add, divide, keep, multiply, subtract } from "../wasm/arithmetic.ts";
import type { FunctionWriter } from "../wasm/assembler.ts";
import { access, get, i32, type Instruction, op, set, vector } from "../wasm/instructions.ts";
import { type Frame, type Loop, mergeLoops } from "../nest.ts";
import { pointwise } from "../pointwise.ts";
import type { EntriesOperation, EntryFunction } from "../wasm/operations.ts";
import { lanesOf, panelsOf, storeLanes, vectorBytes } from "../wasm/vectors.ts";
import { walkerOf, writeShared } from "./walk.ts";

interface Entry {
  readonly value: (x: Instruction, writer: FunctionWriter) => Instruction;
  /** From the argument or the result, as {@link EntriesOperation} says. */
  readonly derivative: (x: Instruction, writer: FunctionWriter) => Instruction;
}

const integers = (value: number) => op("i32x4.splat", i32(value));
/** The bits of 1, of the fraction of a float32, and of the square root of 1/2. */
const [oneBits, fractionBits, rootBits] = [0x3f800000, 0x007fffff, 0x3f3504f3];
/** ln(2) in two parts, the first with few bits, so that its multiples are exact. */
const ln2 = [0.693359375, Math.LN2 - 0.693359375];

/**
 * log(1 + a) for a >= 0: 1 + a = 2^e m with m between the square roots of 1/2 and 2, log m = 2 artanh((m - 1) / (m + 1)) by
 * its series (next term below 1e-9); what rounding took from 1 + a is put back to first order.
 */
function logOnePlus(a: () => Instruction, writer: FunctionWriter): Instruction {
  const u = keep(writer, "u", add(vector(1), a()));
  const lost = keep(writer, "lost", subtract(a(), subtract(u(), vector(1))));
  // Counted from the root of 1/2, the exponent goes up where m would reach the root of 2.
  const shifted = op("i32x4.add", u(), integers(oneBits - rootBits));
  const bits = keep(writer, "exponent", op("i32x4.shr_u", shifted, i32(23)));
  const exponent = op("i32x4.add", bits(), integers(-127));
  const e = keep(writer, "e", op("f32x4.convert_i32x4_s", exponent));
  const fraction = op(
    "v128.and",
    op("i32x4.add", u(), integers(oneBits - rootBits)),
    integers(fractionBits),
  );
  const m = keep(writer, "m", op("i32x4.add", fraction, integers(rootBits)));
  const s = keep(writer, "s", divide(subtract(m(), vector(1)), add(m(), vector(1))));
  const square = keep(writer, "square", multiply(s(), s()));
  const series = [2, 2 / 3, 2 / 5, 2 / 7, 2 / 9].reduceRight(
    (sum: Instruction | null, c) =>
      sum === null ? vector(c) : add(vector(c), multiply(sum, square())),
    null,
  ) as Instruction;
  const small = add(multiply(e(), vector(ln2[1])), divide(lost(), u()));
  return add(multiply(e(), vector(ln2[0])), add(multiply(s(), series), small));
}

const functions: Readonly<Record<EntryFunction, Entry>> = {
  "signed-log": {
    value: (argument, writer) => {
      const x = keep(writer, "x", argument);
      const size = keep(writer, "size", op("f32x4.abs", x()));
      return op("v128.or", logOnePlus(size, writer), op("v128.and", x(), vector(-0)));
    },
    derivative: (x) => divide(vector(1), add(op("f32x4.abs", x), vector(1))),
  },
  "twice-sigmoid": {
    value: (x, writer) => add(vector(1), pointwise.tanh.value(multiply(x, vector(0.5)), writer)),
    derivative: (result, writer) => {
      const y = keep(writer, "y", result);
      return multiply(y(), subtract(vector(1), multiply(y(), vector(0.5))));
    },
  },
};

export function writeEntries(frame: Frame, operation: EntriesOperation): void {
  const { writer } = frame;
  const { x, gradient, output, columns, sizes, adds } = operation;
  const loops: Loop[] = [{ size: 1, batched: true }];
  for (const size of sizes) loops.push({ size, batched: false });
  const views = gradient === null ? [x, output] : [x, output, gradient];
  const strides = views.map((view) => [view.batch, ...view.strides]);
  const nest = mergeLoops(loops, strides, new Set());
  const names = ["x", "output", "gradient"];
  const walkers = views.map((view, i) => walkerOf(frame, view, names[i], nest.strides[i]));
  const entry = functions[operation.function];
  writeShared(frame, nest.loops, walkers, () => {
    const result = writer.local("v128", "result");
    for (const panel of panelsOf(columns, 1)) {
      const column = writer.local("i32", "column");
      const end = i32(panel.begin + panel.count * vectorBytes);
      writer.loop(column, i32(panel.begin), end, vectorBytes, () => {
        const [from, to, back] = walkers.map(
          ({ pointer }) =>
            () =>
              op("i32.add", get(pointer), get(column)),
        );
        const argument = access("v128.load", 0, from());
        const made =
          gradient === null
            ? entry.value(argument, writer)
            : multiply(entry.derivative(argument, writer), access("v128.load", 0, back()));
        writer.emit(set(result, adds ? add(made, access("v128.load", 0, to())) : made));
        writer.emit(...storeLanes(to, 0, result, lanesOf(panel, 0)));
      });
    }
  });
}
