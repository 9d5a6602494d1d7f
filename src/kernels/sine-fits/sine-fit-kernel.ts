// Fits of sine networks to values at places, whole trainings in one memory: many steps a call (Sitzmann et al. 2020 for the networks).

import { OptionError } from "../../core/errors.ts";
import { writeModule, type ModuleWriter } from "../wasm/assembler.ts";
import { hasFusedMultiplyAdd, multiplyAdd } from "../wasm/fused-multiply-add.ts";
import { type MoveNumbers, moveNumber, moveNumbers } from "../optimizers/population-move.ts";
import { pageBytes } from "../wasm/module.ts";
import { lanesOfVector } from "../wasm/vectors.ts";
import { writeBlock } from "./block-kernel.ts";
import { writeGradients } from "./gradients-kernel.ts";
import {
  type Arena,
  makeArena,
  readGradients,
  readTensors,
  type SineFitTensors,
  writeWeights,
} from "./arena.ts";
import { rowBytes, type SineFitLayout, type SineFitShape } from "./layout.ts";
import { writeWaves } from "./sine-cosine.ts";
import {
  exampleBytes,
  stepsOfCall,
  writeFetch,
  writeMove,
  writePass,
  writeScale,
  writeSteps,
} from "./step-kernel.ts";

/** What a network learns: places [count, inputs] and values [count]. */
export interface SineFitExamples {
  readonly places: Float32Array;
  readonly values: Float32Array;
}

/** One network at a time. */
export interface SineFitKernel {
  /** Begins a fit. */
  begin(weights: SineFitTensors, examples: SineFitExamples, rule: MoveNumbers): void;
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

/** The memory of a kernel for passes of so many examples, and its functions. @throws {OptionError} for networks that it cannot fit */
export function startSineKernel(shape: SineFitShape, batch: number, fused: boolean) {
  const problem = sineFitProblem(shape);
  if (problem !== undefined) throw new OptionError(`kernels: ${problem}; use backend "engine"`);
  const arena = makeArena(shape, batch);
  const module = new WebAssembly.Module(writeSineFit(arena.layout, fused).bytes());
  const { exports } = new WebAssembly.Instance(module, { host: { memory: arena.memory } });
  return { arena, exports: exports as unknown };
}

/** A kernel for steps of so many examples. @throws {OptionError} for networks that it cannot fit */
export function sineFitKernel(
  shape: SineFitShape,
  batch: number,
  { fused = hasFusedMultiplyAdd() }: { readonly fused?: boolean } = {},
): SineFitKernel {
  const { arena, exports } = startSineKernel(shape, batch, fused);
  const run = exports as Exports;
  const { memory, sizesAt, addressesAt, floats } = arena;
  const [first, bytes] = [arena.examplesAt, exampleBytes(shape)];
  const addressOf = (example: number) => first + bytes * example;
  return {
    begin: (weights, examples, rule) => {
      writeExamples(arena, examples);
      writeWeights(arena, weights);
      for (const name of moveNumbers) arena.setNumber(name, moveNumber(rule, name));
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
      return readGradients(arena);
    },
  };
}
