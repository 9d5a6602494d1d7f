// Inputs of Celo2 on four entries at a time: gradient, parameter, running means, second moments, and what they make with factored second
// moments of rows and columns, which are worked out before. Channels are written one after another, not yet divided by anything.

import { add, divide, keep, multiply } from "../wasm/arithmetic.ts";
import type { FunctionWriter, ModuleWriter } from "../wasm/assembler.ts";
import {
  access,
  get,
  type Instruction,
  loadLane,
  type Local,
  op,
  set,
  vector,
} from "../wasm/instructions.ts";
import type { Place } from "../wasm/static-arena.ts";
import { lanesOfVector, vectorBytes } from "../wasm/vectors.ts";

/** Where channels begin, those of several decays one after another. */
export interface FactoredChannels {
  readonly moments: number;
  readonly second: number;
  readonly scaledMoments: number;
  readonly root: number;
  readonly factored: number;
  readonly scaled: number;
  /** Rows, columns, their roots, and means over factored moments. */
  readonly behind: number;
}

export interface FactoredInputs {
  /** Numbers of a padded vector. */
  readonly entries: number;
  /** [channels, entries] */
  readonly source: Place;
  readonly gradient: Place;
  readonly param: Place;
  /** [decays, entries] */
  readonly moments: Place;
  readonly second: Place;
  /** Second moments of tensors of less than two dimensions, [decays, entries]. */
  readonly squares: Place;
  /** By entry, in bytes: its row and its column among those of its tensor, int32. */
  readonly rowOf: Place;
  readonly columnOf: Place;
  /** [3, decays, most rows]: factors, moments and roots of moments; the same for columns. */
  readonly rows: Place;
  readonly columns: Place;
  readonly channels: FactoredChannels;
  readonly decays: readonly number[];
  readonly squareDecay: number;
  readonly gradientLimit: number;
  readonly smallGradient: number;
  readonly epsilon: { readonly second: number; readonly factored: number };
}

const bounded = (x: Instruction, limit: number): Instruction =>
  op("f32x4.max", op("f32x4.min", x, vector(limit)), vector(-limit));
const inverseRoot = (x: Instruction, added: number): Instruction =>
  divide(vector(1), op("f32x4.sqrt", add(x, vector(added))));
const running = (before: Instruction, value: Instruction, kept: number): Instruction =>
  add(multiply(before, vector(kept)), multiply(value, vector(1 - kept)));

type Reading = () => Instruction;

/** How functions read and write vectors at one place. */
interface Access {
  readonly load: (place: Place, row?: number) => Instruction;
  readonly store: (place: Place, row: number, value: Instruction) => void;
}

const accessAt = ({ emit }: FunctionWriter, entries: number, at: Local): Access => ({
  load: ({ address }, row = 0) => access("v128.load", address + 4 * row * entries, get(at)),
  store: ({ address }, row, value) =>
    emit(access("v128.store", address + 4 * row * entries, get(at), value)),
});

/** What all tensors have; the bounded gradient, and the running means. */
function writePlain(
  writer: FunctionWriter,
  inputs: FactoredInputs,
  { load, store }: Access,
): { gradient: Reading; means: Reading[] } {
  const { source, moments, second, channels, decays } = inputs;
  const gradient = keep(writer, "g", bounded(load(inputs.gradient), inputs.gradientLimit));
  const square = multiply(gradient(), gradient());
  const moment = keep(writer, "second", running(load(second), square, inputs.squareDecay));
  const root = keep(writer, "root", inverseRoot(moment(), inputs.epsilon.second));
  store(second, 0, moment());
  store(source, 0, gradient());
  store(source, 1, bounded(gradient(), inputs.smallGradient));
  store(source, 2, load(inputs.param));
  store(source, channels.second, moment());
  store(source, channels.root, root());
  store(source, channels.scaled, multiply(gradient(), root()));
  const means = decays.map((kept, d) => {
    const mean = keep(writer, `mean${d}`, running(load(moments, d), gradient(), kept));
    store(moments, d, mean());
    store(source, channels.moments + d, mean());
    store(source, channels.scaledMoments + d, multiply(mean(), root()));
    return mean;
  });
  return { gradient, means };
}

/** Adds `vectors(from, to)`: the inputs of tensors of less than two dimensions, between two places in bytes. */
export function writeVectorInputs(module: ModuleWriter, inputs: FactoredInputs): void {
  module.func("vectors", ["from", "to"], (writer) => {
    const [from, to] = writer.parameters;
    const at = writer.local("i32", "at");
    writer.loop(at, get(from), get(to), vectorBytes, () => {
      const there = accessAt(writer, inputs.entries, at);
      const { gradient } = writePlain(writer, inputs, there);
      const square = keep(writer, "square", multiply(gradient(), gradient()));
      for (const [d, kept] of inputs.decays.entries()) {
        const mean = keep(writer, "mean", running(there.load(inputs.squares, d), square(), kept));
        there.store(inputs.squares, d, mean());
        const over = multiply(gradient(), inverseRoot(mean(), inputs.epsilon.factored));
        there.store(inputs.source, inputs.channels.factored + d, over);
      }
    });
  });
}

/** Adds `matrices(from, to)`: the inputs of all others. */
export function writeMatrixInputs(module: ModuleWriter, inputs: FactoredInputs): void {
  const { source, rowOf, columnOf, channels, decays } = inputs;
  const count = decays.length;
  module.func("matrices", ["from", "to"], (writer) => {
    const { emit, local, loop, parameters } = writer;
    const [from, to] = parameters;
    const at = local("i32", "at");
    const lanes = Array.from({ length: lanesOfVector }, (_, lane) => lane);
    const [rows, columns] = ["row", "column"].map((name) =>
      lanes.map((lane) => local("i32", `${name}${lane}`)),
    );
    const gathered = local("v128", "gathered");
    /** Numbers of the rows (or columns) of four entries. */
    const gather = (values: Place, list: number, places: readonly Local[]): Reading => {
      const stride = values.size / (3 * count);
      const address = values.address + 4 * list * stride;
      emit(set(gathered, access("v128.load32_splat", address, get(places[0]))));
      for (const lane of lanes.slice(1))
        emit(set(gathered, loadLane(address, lane, get(places[lane]), get(gathered))));
      return keep(writer, "own", get(gathered));
    };
    loop(at, get(from), get(to), vectorBytes, () => {
      const there = accessAt(writer, inputs.entries, at);
      const { gradient, means } = writePlain(writer, inputs, there);
      for (const [places, table] of [
        [rows, rowOf],
        [columns, columnOf],
      ] as const)
        for (const lane of lanes)
          emit(set(places[lane], access("i32.load", table.address + 4 * lane, get(at))));
      for (const [d, mean] of means.entries()) {
        const ofRow = gather(inputs.rows, d, rows);
        const factor = keep(
          writer,
          "factor",
          multiply(ofRow(), gather(inputs.columns, d, columns)()),
        );
        there.store(source, channels.factored + d, multiply(gradient(), factor()));
        there.store(source, channels.behind + 4 * count + d, multiply(mean(), factor()));
        for (const [k, list] of [count, 2 * count].entries()) {
          const channel = channels.behind + 2 * k * count + d;
          there.store(source, channel, gather(inputs.rows, list + d, rows)());
          there.store(source, channel + count, gather(inputs.columns, list + d, columns)());
        }
      }
    });
  });
}
