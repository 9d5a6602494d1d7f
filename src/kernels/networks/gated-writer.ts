// A gated recurrent unit over some times, forward and back; columns are ordered by time, so that the examples of one time lie side by side.
// Tensors are those of Flax's GRUCell, kernels [in, out].

import { sigmoid } from "../pointwise.ts";
import { add, keep, multiply, subtract } from "../wasm/arithmetic.ts";
import type { FunctionWriter } from "../wasm/assembler.ts";
import { get, i32, type Instruction, op, set, vector } from "../wasm/instructions.ts";
import {
  addStep,
  beginOf,
  load,
  type NetworkBuild,
  operandOf,
  placeOf,
  store,
  type Value,
} from "./build.ts";
import { writeInnerProducts, writeProduct, writeRowSums } from "./products.ts";
import { everyUnit } from "./recurrence-writer.ts";

/** A cell that reads `times` inputs, from time `first` on. */
export interface GatedCell {
  readonly name: string;
  readonly inputs: number;
  readonly hidden: number;
  /** Examples, a multiple of four. */
  readonly columns: number;
  readonly first: number;
  readonly times: number;
  /** Inputs of all times of the network, [inputs, columns * all times]. */
  readonly x: Value;
  /** States before every time and after the last, [hidden, columns * (all times + 1)]. */
  readonly states: Value;
}

/** Gradients that go from one time to the one before. */
export interface CarriedGradients {
  /** At the state after the last time, then at that before the first: [hidden, columns]. */
  readonly carried: number;
  /** What comes to the states after every time from elsewhere, [hidden, columns * times]. */
  readonly gradient?: Value;
}

const gates = ["r", "z", "n"] as const;
type Gate = (typeof gates)[number];

/** A cell with room for what it keeps of every time, [hidden, rows] each. */
interface Cell extends GatedCell {
  /** columns * times */
  readonly rows: number;
  /** Sums before the gates; later reset, keep, and the fresh state. */
  readonly gate: Readonly<Record<Gate, Value>>;
  /** What the state gives to the fresh one, with its bias. */
  readonly recalled: Value;
  /** The inputs of these times; the states before them. */
  readonly seen: Value;
  readonly before: Value;
}

/** Plans the way forward; what it returns plans the way back. */
export function planGated(
  build: NetworkBuild,
  cell: GatedCell,
): (gradients: CarriedGradients) => void {
  const { arena } = build;
  const { hidden, columns, first, times, x, states } = cell;
  const rows = columns * times;
  const room = (): Value => ({
    address: arena.floats(hidden * rows).address,
    channels: hidden,
    step: rows,
  });
  const from = (value: Value) => ({ ...value, address: value.address + 4 * columns * first });
  const gate = { r: room(), z: room(), n: room() };
  const all: Cell = {
    ...cell,
    rows,
    gate,
    recalled: room(),
    seen: from(x),
    before: from(states),
  };
  addStep(build, "forward", (writer) => writeInputs(writer, build, all));
  addStep(build, "forward", (writer) => writeTimes(writer, build, all));
  return (gradients) => planBack(build, all, gradients);
}

/** What inputs give to the gates, of all times at once. */
function writeInputs(
  writer: FunctionWriter,
  { weights, madd }: NetworkBuild,
  { name, inputs, hidden, rows, gate, seen }: Cell,
): void {
  const at = (part: string) => placeOf(weights, `${name}/${part}`).address;
  for (const g of gates) {
    const a = { address: at(`i${g}/kernel`), rowStep: 1, columnStep: hidden };
    const begin = { bias: { address: at(`i${g}/bias`), rowStep: 1 } };
    const shape = { rows: hidden, inner: inputs, columns: rows };
    writeProduct(writer, { ...shape, a, b: operandOf(seen), c: operandOf(gate[g]), begin }, madd);
  }
}

/** The states one after another. */
function writeTimes(writer: FunctionWriter, { weights, madd }: NetworkBuild, cell: Cell): void {
  const { local, loop } = writer;
  const { name, hidden, columns, rows, gate, recalled, before } = cell;
  const at = (part: string) => placeOf(weights, `${name}/${part}`).address;
  const time = local("i32", "time");
  const shape = { rows: hidden, inner: hidden, columns };
  loop(time, i32(0), i32(4 * rows), 4 * columns, () => {
    const b = { ...operandOf(before), base: time };
    for (const g of gates) {
      const a = { address: at(`h${g}/kernel`), rowStep: 1, columnStep: hidden };
      const c = { ...operandOf(g === "n" ? recalled : gate[g]), base: time };
      const begin =
        g === "n" ? { bias: { address: at("hn/bias"), rowStep: 1 } } : ("there" as const);
      writeProduct(writer, { ...shape, a, b, c, begin }, madd);
    }
    everyUnit(writer, hidden, columns, (_, place) =>
      writeGates(writer, cell, (step) => op("i32.add", place(step), get(time))),
    );
  });
}

/** Sums to gates, and the next state: fresh + keep (state - fresh). */
function writeGates(
  writer: FunctionWriter,
  { gate, recalled, before, columns }: Cell,
  place: (step: number) => Instruction,
): void {
  const { emit } = writer;
  const at = keep32(writer, place(recalled.step));
  const stateAt = keep32(writer, place(before.step));
  const reset = keep(writer, "reset", sigmoid(load(gate.r, at()), writer));
  const kept = keep(writer, "kept", sigmoid(load(gate.z, at()), writer));
  const sum = add(load(gate.n, at()), multiply(reset(), load(recalled, at())));
  const twice = sigmoid(multiply(sum, vector(2)), writer);
  const fresh = keep(writer, "fresh", subtract(multiply(twice, vector(2)), vector(1)));
  emit(store(gate.r, at(), reset()), store(gate.z, at(), kept()), store(gate.n, at(), fresh()));
  const next = add(fresh(), multiply(kept(), subtract(load(before, stateAt()), fresh())));
  emit(store({ address: before.address + 4 * columns }, stateAt(), next));
}

/** Keeps an address in a local and gives readings of it. */
function keep32({ local, emit }: FunctionWriter, value: Instruction): () => Instruction {
  const kept = local("i32", "place");
  emit(set(kept, value));
  return () => get(kept);
}

/** Gradients before the gates, in the places of the gates: reset, keep and the fresh state; and at what was recalled. */
function planBack(build: NetworkBuild, cell: Cell, gradients: CarriedGradients): void {
  const { name, inputs, hidden, rows, gate, recalled, seen, before } = cell;
  addStep(build, "backward", (writer) => writeTimesBack(writer, build, cell, gradients));
  addStep(build, "backward", (writer) => {
    const to = (part: string) => placeOf(build.gradients, `${name}/${part}`).address;
    const begin = (part: string) => beginOf(build, `${name}/${part}`);
    const product = { inner: rows, columns: hidden };
    for (const g of gates) {
      const atState = operandOf(g === "n" ? recalled : gate[g]);
      writeInnerProducts(
        writer,
        {
          ...product,
          rows: hidden,
          a: operandOf(before),
          b: atState,
          c: { address: to(`h${g}/kernel`), rowStep: hidden },
          begin: begin(`h${g}/kernel`),
        },
        build.madd,
      );
      writeInnerProducts(
        writer,
        {
          ...product,
          rows: inputs,
          a: operandOf(seen),
          b: operandOf(gate[g]),
          c: { address: to(`i${g}/kernel`), rowStep: hidden },
          begin: begin(`i${g}/kernel`),
        },
        build.madd,
      );
    }
    const biases = { "ir/bias": gate.r, "iz/bias": gate.z, "in/bias": gate.n, "hn/bias": recalled };
    for (const [part, value] of Object.entries(biases))
      writeRowSums(writer, {
        rows: hidden,
        columns: rows,
        x: operandOf(value),
        to: to(part),
        begin: begin(part),
      });
  });
}

function writeTimesBack(
  writer: FunctionWriter,
  { weights, madd }: NetworkBuild,
  cell: Cell,
  { carried, gradient }: CarriedGradients,
): void {
  const { local, emit, loop } = writer;
  const { name, hidden, columns, rows, gate, recalled } = cell;
  const [passed, time] = [local("i32", "passed"), local("i32", "time")];
  const there = { address: carried };
  const shape = { rows: hidden, inner: hidden, columns, begin: "there" } as const;
  loop(passed, i32(0), i32(4 * rows), 4 * columns, () => {
    emit(set(time, op("i32.sub", i32(4 * (rows - columns)), get(passed))));
    everyUnit(writer, hidden, columns, (_, place) => {
      const then = (step: number) => op("i32.add", place(step), get(time));
      const carry = keep32(writer, place(columns));
      const whole =
        gradient === undefined
          ? load(there, carry())
          : add(load(there, carry()), load(gradient, then(gradient.step)));
      const straight = writeGatesBack(writer, cell, then, whole);
      emit(store(there, carry(), straight));
    });
    const c = { address: carried, rowStep: columns };
    for (const g of gates) {
      const a = { address: placeOf(weights, `${name}/h${g}/kernel`).address, rowStep: hidden };
      const b = { ...operandOf(g === "n" ? recalled : gate[g]), base: time };
      writeProduct(writer, { ...shape, a, b, c }, madd);
    }
  });
}

/** Writes gradients at the sums over the gates of one place; what goes straight to the state before. */
function writeGatesBack(
  writer: FunctionWriter,
  { gate, recalled, before }: Cell,
  place: (step: number) => Instruction,
  whole: Instruction,
): Instruction {
  const { emit } = writer;
  const at = keep32(writer, place(recalled.step));
  const gradient = keep(writer, "gradient", whole);
  const reset = keep(writer, "reset", load(gate.r, at()));
  const kept = keep(writer, "kept", load(gate.z, at()));
  const fresh = keep(writer, "fresh", load(gate.n, at()));
  const rest = keep(writer, "rest", subtract(vector(1), kept()));
  const slope = subtract(vector(1), multiply(fresh(), fresh()));
  const atFresh = keep(writer, "atFresh", multiply(multiply(gradient(), rest()), slope));
  const atReset = multiply(
    multiply(atFresh(), load(recalled, at())),
    multiply(reset(), subtract(vector(1), reset())),
  );
  const change = subtract(load(before, place(before.step)), fresh());
  const atKeep = multiply(multiply(gradient(), change), multiply(kept(), rest()));
  emit(store(gate.r, at(), atReset), store(gate.z, at(), atKeep), store(gate.n, at(), atFresh()));
  emit(store(recalled, at(), multiply(atFresh(), reset())));
  return multiply(gradient(), kept());
}
