// The whole program of a stack, still as data: its arena and the operations of every pass, in order.

import { UnsupportedError } from "../core/errors.ts";
import { meanShares } from "../plan/adjoint.ts";
import type { ExecutablePlan } from "../plan/plan-spec.ts";
import { layOut, type Pass, planArena, type Value, viewOf, wholeView } from "./arena.ts";
import {
  type DifferentiatedLayer,
  gradientPlan,
  type LayerState,
  type OutputGradients,
  planBackward,
  planForward,
} from "./layers.ts";
import { placement, type TensorParts } from "./mix.ts";
import type { Layout } from "./nest.ts";
import type { Operation } from "./wasm/operations.ts";
import type { Build, Constant, ParameterPlan } from "./parameters.ts";
import { pointwise } from "./pointwise.ts";
import { readOperand, readSchedule } from "./readings.ts";
import type { KernelLayer, KernelStack } from "./stack.ts";
import { panelNumbers } from "./stream-kernel.ts";
import { type NextReader, type TensorsOptions, writeTensors } from "./tensors.ts";

export interface ProgramOptions {
  /** Plan the backward pass too. @default true */
  readonly gradients?: boolean;
  /** Plan gradients of the inputs too. @default false */
  readonly inputGradients?: boolean;
  /** Threads that share the work. @default 1 */
  readonly threads?: number;
}

export interface KernelProgram {
  readonly layout: Layout;
  /** `prepare` after parameters changed, `forward`, `backward`: each in one call. */
  readonly passes: readonly Pass[];
  readonly parameters: readonly ParameterPlan[];
  readonly constants: readonly Constant[];
  /** One a tensor, [...dims, fixed * channels]. */
  readonly inputs: readonly Value[];
  readonly inputGradients: readonly Value[];
  /** Pooled values, or one a tensor. */
  readonly outputs: readonly Value[];
  /** Gradients of the outputs, written by the caller before the backward pass. */
  readonly outputGradients: readonly Value[];
}

const newBuild = (threads: number, gradients: boolean): Build => {
  const arena = planArena(threads);
  const one = arena.buffer("one", 1);
  return {
    arena,
    gradients,
    one,
    parameters: [],
    constants: [{ buffer: one, data: Float32Array.of(1) }],
    prepare: [],
    prepareBack: [],
    forward: [],
    backward: [],
    collect: [],
    clearForward: [],
    clearBackward: [],
  };
};

const readerOf = (layer: KernelLayer | undefined): NextReader | null =>
  layer === undefined || layer.kind === "pointwise"
    ? null
    : { schedule: layer.executable.schedule, aggregation: layer.aggregation };

/** @throws {UnsupportedError} unless every layer reads what the one before it writes. */
function checkStack({ layers, pool }: KernelStack): void {
  const shapeOf = ({ lowered }: ExecutablePlan, channels: number) =>
    JSON.stringify(
      lowered.tensors.map(({ dims, fixedSize }) => [
        dims.map(({ axis }) => lowered.axes[axis].size),
        fixedSize * channels,
      ]),
    );
  const readers = [
    ...layers.slice(1).map(({ name, executable, inputChannels }) => ({
      name,
      shape: shapeOf(executable, inputChannels),
    })),
    ...(pool
      ? [
          {
            name: "pooling",
            shape: shapeOf(pool.executable, layers[layers.length - 1].outputChannels),
          },
        ]
      : []),
  ];
  for (const [i, { name, shape }] of readers.entries()) {
    const { name: writer, executable, outputChannels } = layers[i];
    if (shapeOf(executable, outputChannels) === shape) continue;
    throw new UnsupportedError(
      `kernels: ${name} reads tensors of other shapes than ${writer} writes, which no kernel does; use backend "engine"`,
    );
  }
}

/** The arena and all passes of a stack. @throws {UnsupportedError} for a stack that kernels cannot run. */
export function planProgram(
  stack: KernelStack,
  { gradients = true, inputGradients = false, threads = 1 }: ProgramOptions = {},
): KernelProgram {
  checkStack(stack);
  const build = newBuild(threads, gradients);
  const { arena } = build;
  const { layers, pool } = stack;
  const { lowered } = layers[0].executable;
  const inputs = lowered.tensors.map(({ id, dims, fixedSize }) =>
    arena.value(
      `input ${id}`,
      dims.map(({ axis }) => lowered.axes[axis].size),
      fixedSize * layers[0].inputChannels,
    ),
  );
  const poolReader: NextReader | null = pool
    ? { schedule: pool.executable.schedule, aggregation: pool.aggregation }
    : null;
  const states: LayerState[] = [];
  let values: readonly Value[] = inputs;
  let known: ReadonlyMap<number, Value> = new Map();
  for (const [i, layer] of layers.entries()) {
    const next = i + 1 < layers.length ? readerOf(layers[i + 1]) : poolReader;
    const state = planForward(build, layer, values, known, next, i > 0 || inputGradients);
    states.push(state);
    values = state.written.values;
    known = state.written.known;
  }
  const pooled = pool && planPool(build, pool, values, known);
  const back = gradients ? planGradients(build, stack, states, pooled, inputGradients) : undefined;
  const clear = (name: string, buffers: readonly number[]): Operation[] =>
    buffers.length === 0 ? [] : [{ kind: "clear", name, buffers }];
  const passes: Pass[] = [
    { name: "prepare", operations: build.prepare },
    { name: "forward", operations: [...clear("clear_sums", build.clearForward), ...build.forward] },
  ];
  if (gradients) {
    const cleared = clear("clear_gradients", build.clearBackward);
    const operations = [...build.prepareBack, ...cleared, ...build.backward, ...build.collect];
    passes.push({ name: "backward", operations });
  }
  const packed = withPanels(arena, passes);
  return {
    layout: layOut(arena.buffers, threads),
    passes: packed,
    parameters: build.parameters,
    constants: build.constants,
    inputs,
    inputGradients: back?.inputs ?? [],
    outputs: pooled ? [pooled] : values,
    outputGradients: back?.outputs ?? [],
  };
}

/** Operations with large matrices share one buffer for panels of them; each thread has its own. */
function withPanels(arena: Build["arena"], passes: readonly Pass[]): Pass[] {
  const size = Math.max(
    0,
    ...passes.flatMap(({ operations }) =>
      operations.map((one) => (one.kind === "stream" ? panelNumbers(one) : 0)),
    ),
  );
  if (size === 0) return [...passes];
  const panel = arena.buffer("panel", size, { perThread: true });
  return passes.map(({ name, operations }) => ({
    name,
    operations: operations.map((one) =>
      one.kind === "stream" && panelNumbers(one) > 0 ? { ...one, panel } : one,
    ),
  }));
}

/** Pooled values side by side in one row a network. */
function planPool(
  { arena, forward }: Build,
  { executable, aggregation }: NonNullable<KernelStack["pool"]>,
  values: readonly Value[],
  known: ReadonlyMap<number, Value>,
): Value {
  const { schedule } = executable;
  const readings = readSchedule(arena, forward, schedule, values, aggregation, known);
  const pieces = readOperand(arena, forward, "pooled", readings, schedule.features[0]);
  if (pieces.length === 1) return pieces[0].value;
  const width = pieces.reduce((sum, { value }) => sum + value.columns, 0);
  const pooled = arena.value("pooled", [], width);
  for (const { value, row } of pieces) {
    forward.push({
      kind: "reduce",
      name: `pool_${row}`,
      batch: "kept",
      kept: [],
      reduced: [],
      columns: value.columns,
      input: viewOf(value, []),
      output: viewOf(pooled, [], row),
      scale: 1,
    });
  }
  return pooled;
}

/** What the gradient of a layer's inputs is multiplied by, and who reads it: the layer before. */
function previousOf(state: DifferentiatedLayer): {
  derivative?: TensorsOptions["derivative"];
  next: NextReader | null;
} {
  const { layer, written, adjoint } = state;
  const of =
    pointwise[layer.activation].derivativeOf === "argument" ? written.before : written.values;
  return {
    ...(layer.activation !== "identity" && { derivative: { activation: layer.activation, of } }),
    next: { schedule: adjoint.schedule, aggregation: "sum" },
  };
}

/** The backward pass from gradients of the outputs, last layer first. */
function planGradients(
  build: Build,
  { pool }: KernelStack,
  layers: readonly LayerState[],
  pooled: Value | undefined,
  inputGradients: boolean,
): { outputs: readonly Value[]; inputs: readonly Value[] } {
  const { arena, backward } = build;
  const states = layers.map((state) => ({ ...state, adjoint: gradientPlan(state.layer) }));
  const last = states[states.length - 1];
  let parts: TensorParts[];
  let outputs: Value[];
  if (pool && pooled) {
    outputs = [arena.value("gradient of pooled", [], pooled.columns)];
    parts = poolGradients(build, pool, outputs[0], last.layer.outputChannels);
  } else {
    outputs = last.written.values.map(({ sizes, columns }, id) =>
      arena.value(`gradient of output ${id}`, sizes, columns),
    );
    parts = outputs.map((value): TensorParts => {
      const view = wholeView(value);
      return { products: [], addends: [{ view, equal: [] }] };
    });
  }
  const previous = previousOf(last);
  let gradients: OutputGradients = writeTensors({
    arena,
    operations: backward,
    cleared: build.clearBackward,
    name: "output gradients",
    lowered: last.layer.executable.lowered,
    parts,
    channels: last.layer.outputChannels,
    splitFixed: false,
    activation: "identity",
    keepBefore: false,
    ...(previous.derivative && { derivative: previous.derivative }),
    next: previous.next,
  });
  let inputs: readonly Value[] = [];
  for (let i = states.length - 1; i >= 0; i--) {
    const before = i > 0 ? previousOf(states[i - 1]) : inputGradients ? { next: null } : null;
    const written = planBackward(build, states[i], gradients, before);
    if (written === null) break;
    if (i === 0) inputs = written.values;
    else gradients = written;
  }
  return { outputs, inputs };
}

/** Gradients of pooled values handed back to every entry they were pooled from, where they are means in equal shares. */
function poolGradients(
  { arena, backward }: Build,
  { executable, aggregation }: NonNullable<KernelStack["pool"]>,
  gradient: Value,
  channels: number,
): TensorParts[] {
  const { lowered, plan } = executable;
  const shares = meanShares(executable, 0, channels);
  const shared = arena.value("shares of pooled", [], gradient.columns);
  const parts = lowered.tensors.map((): TensorParts => ({ products: [], addends: [] }));
  let column = 0;
  for (const feature of plan.products[0].features) {
    const { dims, fixedSize } = lowered.tensors[feature.tensor];
    const columns = fixedSize * channels;
    backward.push({
      kind: "reduce",
      name: `share_${column}`,
      batch: "kept",
      kept: [],
      reduced: [],
      columns,
      input: viewOf(gradient, [], column),
      output: viewOf(shared, [], column),
      scale: aggregation === "mean" ? shares[column] : 1,
    });
    const part = parts[feature.tensor];
    const addend = placement(feature, shared, dims.length, column);
    parts[feature.tensor] = { ...part, addends: [...part.addends, addend] };
    column += columns;
  }
  return parts;
}
