// A recurrence over the tokens of every example, forward and back; rows are ordered by token, so that the examples of one time lie side by side.

import { add } from "../wasm/arithmetic.ts";
import type { FunctionWriter } from "../wasm/assembler.ts";
import { access, get, i32, type Instruction, op, set, vector } from "../wasm/instructions.ts";
import { vectorBytes } from "../wasm/vectors.ts";
import {
  addStep,
  beginOf,
  load,
  type NetworkBuild,
  newValue,
  placeOf,
  type Planned,
  store,
  type Value,
} from "./build.ts";
import type { NetworkForm } from "./forms.ts";
import { writeInnerProducts, writeProduct, writeRowSums } from "./products.ts";

type RecurrenceForm = Extract<NetworkForm, { kind: "recurrence" }>;

/** Every unit and vector of the rows of one time; places in arrays whose units are so many numbers apart. */
export function everyUnit(
  { local, loop }: FunctionWriter,
  units: number,
  columns: number,
  body: (unit: Instruction, at: (step: number) => Instruction) => void,
): void {
  const [unit, row] = [local("i32", "unit"), local("i32", "row")];
  loop(unit, i32(0), i32(units), 1, () => {
    loop(row, i32(0), i32(4 * columns), vectorBytes, () =>
      body(get(unit), (step) => op("i32.add", op("i32.mul", get(unit), i32(4 * step)), get(row))),
    );
  });
}

/** What both ways share. */
interface Recurrence {
  readonly hidden: number;
  readonly examples: number;
  /** States before every token and after the last, [hidden, examples + rows]. */
  readonly states: number;
  readonly step: number;
  readonly output: Value;
  /** Names of the tensors. */
  readonly matrix: string;
  readonly bias: string;
  readonly start: string;
}

export function planRecurrence(
  build: NetworkBuild,
  { name, hidden, tokens }: RecurrenceForm,
  x: Value,
): Planned {
  const { arena, rows } = build;
  const examples = rows / tokens;
  const step = examples + rows;
  const states = arena.floats(hidden * step).address;
  const output: Value = { address: states + 4 * examples, channels: hidden, step };
  const [matrix, bias, start] = ["state", "bias", "start"].map((part) => `${name}.${part}`);
  const all: Recurrence = { hidden, examples, states, step, output, matrix, bias, start };
  addStep(build, "forward", (writer) => writeStates(writer, build, all, x));
  return { output, back: (gradient) => planStatesBack(build, all, gradient) };
}

function writeStates(
  writer: FunctionWriter,
  { rows, weights, madd }: NetworkBuild,
  { hidden, examples, states, step, output, matrix, bias, start }: Recurrence,
  x: Value,
): void {
  const { local, emit, loop } = writer;
  const at = (tensor: string) => placeOf(weights, tensor).address;
  const splat = (tensor: string, unit: Instruction) =>
    access("v128.load32_splat", at(tensor), op("i32.mul", unit, i32(4)));
  everyUnit(writer, hidden, examples, (unit, place) =>
    emit(store({ address: states }, place(step), splat(start, unit))),
  );
  everyUnit(writer, hidden, rows, (unit, place) =>
    emit(store(output, place(step), add(load(x, place(x.step)), splat(bias, unit)))),
  );
  const time = local("i32", "time");
  const product = {
    rows: hidden,
    inner: hidden,
    columns: examples,
    a: { address: at(matrix), rowStep: hidden },
    b: { address: states, base: time, rowStep: step },
    c: { address: output.address, base: time, rowStep: step },
    begin: "there",
    relu: true,
  } as const;
  loop(time, i32(0), i32(4 * rows), 4 * examples, () => writeProduct(writer, product, madd));
}

/** The gradient at the inputs, and those of the tensors. */
function planStatesBack(build: NetworkBuild, all: Recurrence, gradient: Value): Value {
  const { arena, rows, gradients, madd } = build;
  const { hidden, examples, states, step, matrix, bias, start } = all;
  const sums = newValue(build, hidden);
  const carried = arena.floats(hidden * examples).address;
  addStep(build, "backward", (writer) =>
    writeStatesBack(writer, build, all, { gradient, sums, carried }),
  );
  const to = (tensor: string) => placeOf(gradients, tensor).address;
  const begins = [matrix, bias, start].map((tensor) => beginOf(build, tensor));
  addStep(build, "backward", (writer) => {
    const a = { address: sums.address, rowStep: rows };
    const b = { address: states, rowStep: step };
    const c = { address: to(matrix), rowStep: hidden };
    const product = { rows: hidden, inner: rows, columns: hidden, begin: begins[0], a, b, c };
    writeInnerProducts(writer, product, madd);
    const shared = { rows: hidden, x: a };
    writeRowSums(writer, { ...shared, columns: rows, to: to(bias), begin: begins[1] });
    const x = { address: carried, rowStep: examples };
    writeRowSums(writer, { ...shared, columns: examples, x, to: to(start), begin: begins[2] });
  });
  return sums;
}

/** Gradients before the ReLU at all times, from the last one on; `carried` is what goes to the time before. */
function writeStatesBack(
  writer: FunctionWriter,
  { rows, weights, madd }: NetworkBuild,
  { hidden, examples, step, output, matrix }: Recurrence,
  { gradient, sums, carried }: { gradient: Value; sums: Value; carried: number },
): void {
  const { local, emit, loop } = writer;
  const [passed, time] = [local("i32", "passed"), local("i32", "time")];
  const product = {
    rows: hidden,
    inner: hidden,
    columns: examples,
    a: { address: placeOf(weights, matrix).address, rowStep: 1, columnStep: hidden },
    b: { address: sums.address, base: time, rowStep: rows },
    c: { address: carried, rowStep: examples },
  };
  const there = { address: carried };
  everyUnit(writer, hidden, examples, (_, place) => emit(store(there, place(examples), vector(0))));
  loop(passed, i32(0), i32(4 * rows), 4 * examples, () => {
    emit(set(time, op("i32.sub", i32(4 * (rows - examples)), get(passed))));
    everyUnit(writer, hidden, examples, (_, place) => {
      const then = (numbers: number) => op("i32.add", place(numbers), get(time));
      const whole = add(load(gradient, then(gradient.step)), load(there, place(examples)));
      const above = op("f32x4.gt", load(output, then(step)), vector(0));
      emit(store(sums, then(rows), op("v128.and", whole, above)));
    });
    writeProduct(writer, product, madd);
  });
}
