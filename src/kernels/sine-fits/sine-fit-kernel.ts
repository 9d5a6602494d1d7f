// Fits of sine networks to values at places, whole trainings in one memory: many steps a call (Sitzmann et al. 2020 for the networks).

import { OptionError } from "../../core/errors.ts";
import { writeModule, type ModuleWriter } from "../wasm/assembler.ts";
import { hasFusedMultiplyAdd, multiplyAdd } from "../wasm/fused-multiply-add.ts";
import { pageBytes } from "../wasm/module.ts";
import { lanesOfVector } from "../wasm/vectors.ts";
import { writeBlock } from "./block-kernel.ts";
import { writeGradients } from "./gradients-kernel.ts";
import {
  type ArrayName,
  type NumberName,
  numberAt,
  rowBytes,
  type SineFitLayout,
  sineFitLayout,
  type SineFitShape,
  type SineFitTensor,
} from "./layout.ts";
import { sineCosineNumbers, writeWaves } from "./sine-cosine.ts";
import {
  exampleBytes,
  stepsOfCall,
  writeFetch,
  writeMove,
  writePass,
  writeScale,
  writeSteps,
} from "./step-kernel.ts";

/** The numbers of an optimizer that stay the same over the steps. */
export interface SineFitRule {
  readonly keep: number;
  readonly take: number;
  /** 1 where steps are divided by the root of the average of squares. */
  readonly adaptive: number;
  readonly decay: number;
  readonly secondDecay: number;
  readonly epsilon: number;
}

/** Weights of a network, row-major as layers have them: into [hidden, inputs], across [hidden, hidden], out [1, hidden]. */
export type SineFitTensors = Readonly<Record<SineFitTensor, Float32Array>>;

/** What a network learns: places [count, inputs] and values [count]. */
export interface SineFitExamples {
  readonly places: Float32Array;
  readonly values: Float32Array;
}

/** One network at a time. */
export interface SineFitKernel {
  /** Begins a fit. */
  begin(weights: SineFitTensors, examples: SineFitExamples, rule: SineFitRule): void;
  /** Takes steps of these sizes; `draw` says which example comes next. */
  step(sizes: readonly number[], draw: () => number): void;
  weights(): SineFitTensors;
  /** Gradients of the mean of squared errors over the given examples, as many as a step has. */
  gradients(examples: readonly number[]): SineFitTensors;
}

/** Why no kernel fits such networks; undefined where one does. */
export const sineFitProblem = ({ inputs, hidden }: SineFitShape): string | undefined =>
  inputs >= 1 && hidden >= lanesOfVector && hidden % lanesOfVector === 0
    ? undefined
    : `networks of ${inputs} inputs and ${hidden} units a layer, expected at least one input and a multiple of ${lanesOfVector} units`;

/** The module of a kernel; exports steps, and every function for itself. */
export function writeSineFit(
  layout: SineFitLayout,
  fused: boolean = hasFusedMultiplyAdd(),
): ModuleWriter {
  const madd = multiplyAdd(fused);
  const module = writeModule({ pages: 1 });
  const waves = module.func("waves", ["from", "end"], (writer) =>
    writeWaves(writer, layout.shape.hidden * rowBytes, madd),
  );
  const block = module.func("block", ["block"], (writer) =>
    writeBlock(writer, layout, waves, madd),
  );
  const gradients = module.func("gradients", ["first", "end"], (writer) =>
    writeGradients(writer, layout, madd),
  );
  const fetch = module.func("fetch", ["addresses"], (writer) => writeFetch(writer, layout));
  const move = module.func("move", ["size"], (writer) => writeMove(writer, layout));
  const pass = module.func("pass", [], (writer) => writePass(writer, layout, { block, gradients }));
  module.func("scale", [], (writer) => writeScale(writer, layout));
  module.func("steps", ["addresses", "size", "end"], (writer) =>
    writeSteps(writer, layout, { fetch, pass, move }),
  );
  return module;
}

interface Exports {
  readonly fetch: (addresses: number) => void;
  readonly pass: () => void;
  readonly scale: () => void;
  readonly steps: (addresses: number, size: number, end: number) => void;
}

/** [rows, columns] to [columns, rows]. */
const transposed = (data: Float32Array, rows: number, columns: number): Float32Array =>
  Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]);

/** The memory of a kernel, and views of it: float32 unless they say otherwise. */
interface Arena {
  readonly memory: WebAssembly.Memory;
  readonly layout: SineFitLayout;
  /** Where step sizes, addresses of the examples of steps, and examples begin. */
  readonly sizesAt: number;
  readonly addressesAt: number;
  readonly examplesAt: number;
  readonly floats: (at: number, count: number) => Float32Array<ArrayBuffer>;
  readonly tensor: (array: ArrayName, name: SineFitTensor) => Float32Array<ArrayBuffer>;
  readonly setNumber: (name: NumberName, value: number) => void;
}

function makeArena(shape: SineFitShape, batch: number): Arena {
  const layout = sineFitLayout(shape, batch);
  const sizesAt = layout.end;
  const addressesAt = sizesAt + 4 * stepsOfCall;
  const examplesAt = addressesAt + 4 * stepsOfCall * batch;
  const memory = new WebAssembly.Memory({ initial: Math.ceil(examplesAt / pageBytes) });
  const floats = (at: number, count: number) => new Float32Array(memory.buffer, at, count);
  const setNumber = (name: NumberName, value: number) =>
    void floats(numberAt(name), lanesOfVector).fill(value);
  for (const [name, value] of Object.entries(sineCosineNumbers))
    setNumber(name as NumberName, value);
  setNumber("omega", shape.omega);
  const { blocks, groupBytes, rows } = layout;
  for (let at = 0; at < batch; at++) {
    const group = blocks.at + Math.floor(at / lanesOfVector) * groupBytes;
    floats(group + rows.factor * rowBytes, lanesOfVector)[at % lanesOfVector] = 2 / batch;
  }
  const tensor = (array: ArrayName, name: SineFitTensor) =>
    floats(layout.at(array, name), layout.sizes[name]);
  return { memory, layout, sizesAt, addressesAt, examplesAt, floats, tensor, setNumber };
}

/** Puts the examples of a network into the memory, which grows where they need it. */
function writeExamples(
  { memory, layout, examplesAt, floats }: Arena,
  { places, values }: SineFitExamples,
): void {
  const { inputs } = layout.shape;
  const missing =
    examplesAt + values.length * exampleBytes(layout.shape) - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / pageBytes));
  const table = floats(examplesAt, values.length * (inputs + 1));
  for (const [i, value] of values.entries()) {
    table.set(places.subarray(i * inputs, (i + 1) * inputs), i * (inputs + 1));
    table[i * (inputs + 1) + inputs] = value;
  }
}

/** Puts weights into the memory, and an optimizer that has seen nothing. */
function writeWeights({ layout, tensor, floats }: Arena, weights: SineFitTensors): void {
  const { inputs, hidden } = layout.shape;
  for (const name of Object.keys(layout.sizes) as SineFitTensor[])
    tensor("weights", name).set(
      name === "into" ? transposed(weights.into, hidden, inputs) : weights[name],
    );
  tensor("weights", "outBias").fill(weights.outBias[0]);
  for (const array of ["first", "second"] as const)
    floats(layout.at(array, "into"), layout.arrayBytes / 4).fill(0);
}

/** Tensors of an array as layers have them. */
function readTensors({ layout, tensor }: Arena, array: ArrayName): SineFitTensors {
  const { inputs, hidden } = layout.shape;
  return {
    into: transposed(tensor(array, "into"), inputs, hidden),
    intoBias: tensor(array, "intoBias").slice(),
    across: tensor(array, "across").slice(),
    acrossBias: tensor(array, "acrossBias").slice(),
    out: tensor(array, "out").slice(),
    outBias: tensor(array, "outBias").slice(0, 1),
  };
}

/** A kernel for steps of so many examples. @throws {OptionError} for networks that it cannot fit */
export function sineFitKernel(
  shape: SineFitShape,
  batch: number,
  { fused = hasFusedMultiplyAdd() }: { readonly fused?: boolean } = {},
): SineFitKernel {
  const problem = sineFitProblem(shape);
  if (problem !== undefined) throw new OptionError(`kernels: ${problem}; use backend "engine"`);
  const arena = makeArena(shape, batch);
  const { memory, sizesAt, addressesAt, floats } = arena;
  const module = new WebAssembly.Module(writeSineFit(arena.layout, fused).bytes());
  const run = new WebAssembly.Instance(module, { host: { memory } }).exports as unknown as Exports;
  const [first, bytes] = [arena.examplesAt, exampleBytes(shape)];
  const addressOf = (example: number) => first + bytes * example;
  return {
    begin: (weights, examples, rule) => {
      writeExamples(arena, examples);
      writeWeights(arena, weights);
      for (const [name, value] of Object.entries(rule)) arena.setNumber(name as NumberName, value);
      arena.setNumber("secondRest", 1 - rule.secondDecay);
      run.scale();
    },
    step: (sizes, draw) => {
      const addresses = new Int32Array(memory.buffer, addressesAt, stepsOfCall * batch);
      for (let from = 0; from < sizes.length; from += stepsOfCall) {
        const part = sizes.slice(from, from + stepsOfCall);
        floats(sizesAt, part.length).set(part);
        for (let i = 0; i < part.length * batch; i++) addresses[i] = addressOf(draw());
        run.steps(addressesAt, sizesAt, sizesAt + 4 * part.length);
      }
    },
    weights: () => readTensors(arena, "weights"),
    gradients: (examples) => {
      new Int32Array(memory.buffer, addressesAt, batch).set(examples.map(addressOf));
      run.fetch(addressesAt);
      run.pass();
      const sums = readTensors(arena, "gradients");
      const { out, outBias, ...ofSines } = sums;
      const scaled = Object.entries(ofSines).map(
        ([name, values]) => [name, values.map((value) => value * shape.omega)] as const,
      );
      return { ...sums, ...Object.fromEntries(scaled), out, outBias };
    },
  };
}
