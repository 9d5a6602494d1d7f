// Both directions of a layer as operations: equivariant layers on a plan and on its adjoint, and pointwise layers.

import { exchangedProducts } from "../plan/adjoint.ts";
import type { ExecutablePlan } from "../plan/plan-spec.ts";
import type { Product } from "../plan/plan.ts";
import { schedulePlan } from "../plan/schedule.ts";
import { constantRow, type Value, viewOf, wholeView } from "./arena.ts";
import { planMix, type TensorParts } from "./mix.ts";
import {
  type BiasRow,
  type Build,
  type Coefficients,
  gradientTarget,
  parameter,
  type ParameterPlan,
  planBias,
  planCoefficients,
  planPositions,
  planTransposed,
} from "./parameters.ts";
import { pointwise, type PointwiseName } from "./pointwise.ts";
import { type Piece, readOperand, type Readings, readSchedule } from "./readings.ts";
import type { KernelLayer } from "./stack.ts";
import { isWritten } from "../symmetry/formula.ts";
import { type NextReader, writeTensors, type WrittenTensors } from "./tensors.ts";

/** What a layer's backward pass needs of the forward pass. */
export interface LayerState {
  readonly layer: KernelLayer;
  readonly inputs: readonly Value[];
  readonly written: WrittenTensors;
  /** Features of every product; empty for pointwise layers. */
  readonly operands: readonly (readonly Piece[])[];
  readonly coefficients: Coefficients;
  readonly bias: BiasRow | null;
  readonly positions: readonly PlannedPositions[];
}

/** A layer whose gradients are to be planned. */
export interface DifferentiatedLayer extends LayerState {
  /** The plan of its gradients: the adjoint, and a product for every position table. */
  readonly adjoint: ExecutablePlan;
}

type PlannedPositions = {
  readonly at: KernelLayer["positions"][number];
  readonly tables: readonly (ParameterPlan & { column: number; fixedSize: number })[];
};

/** Gradients of a layer's outputs before its activation, with the sums that its adjoint's schedule asks for. */
export interface OutputGradients {
  readonly values: readonly Value[];
  readonly known: ReadonlyMap<number, Value>;
}

const dimsOf = ({ lowered }: ExecutablePlan, tensor: number) =>
  lowered.tensors[tensor].dims.map(({ axis }) => lowered.axes[axis].size);

/** The adjoint of an equivariant layer's plan (of a pointwise one: nothing), then one product a position table. */
export function gradientPlan({ kind, executable, positions }: KernelLayer): ExecutablePlan {
  const { lowered } = executable;
  const adjoint = kind === "equivariant" ? exchangedProducts(executable.plan) : [];
  const tables = positions.map(({ tensor, dim, size }): Product => {
    const { dims } = lowered.tensors[tensor];
    const slot = { axis: dims[dim].axis, size, parent: null, charge: 0 };
    const blocks = dims.map((_, i) => ({ dims: [i], slot: i === dim ? 0 : null }));
    return { slots: [slot], features: [{ tensor, blocks }], targets: [] };
  });
  const plan = { products: [...adjoint, ...tables], terms: 0 };
  return { lowered, plan, schedule: schedulePlan(lowered, plan) };
}

/** Plans a layer's forward pass. `known` are sums of its inputs that were collected when they were written. */
export function planForward(
  build: Build,
  layer: KernelLayer,
  inputs: readonly Value[],
  known: ReadonlyMap<number, Value>,
  next: NextReader | null,
  wantsInputs: boolean,
): LayerState {
  const { arena, forward } = build;
  const { executable, name, aggregation, outputChannels } = layer;
  const equivariant = layer.kind === "equivariant";
  const coefficients = equivariant
    ? planCoefficients(build, layer, wantsInputs)
    : planDense(build, layer, wantsInputs);
  const bias = equivariant ? planBias(build, layer) : planDenseBias(build, layer);
  let operands: Piece[][] = [];
  let parts: TensorParts[];
  if (equivariant) {
    const { schedule } = executable;
    const readings = readSchedule(arena, forward, schedule, inputs, aggregation, known);
    operands = schedule.features.map((uses, p) =>
      readOperand(arena, forward, `${name} features ${p}`, readings, uses),
    );
    parts = planMix({
      arena,
      operations: forward,
      name,
      executable,
      operand: (p) => operands[p],
      matrix: (p) => coefficients.matrices[p],
      channels: outputChannels,
      bias: bias?.buffer ?? null,
    });
  } else parts = denseParts(layer, inputs, layer.inputChannels, coefficients.matrices[0], bias);
  const positions = addPositions(build, layer, parts, !equivariant);
  const written = writeTensors({
    arena,
    operations: forward,
    cleared: build.clearForward,
    name,
    lowered: executable.lowered,
    parts,
    channels: outputChannels,
    splitFixed: !equivariant,
    writes: (id) => isWritten(executable.lowered.tensors[id]),
    activation: (id) => activationOf(layer, id),
    keepBefore: (id) =>
      build.gradients && pointwise[activationOf(layer, id)].derivativeOf === "argument",
    next,
  });
  return { layer, inputs, written, operands, coefficients, bias, positions };
}

/** What is done to a tensor while it is written; gates come later. */
export function activationOf({ activation, activations }: KernelLayer, id: number): PointwiseName {
  const own = activations?.[id];
  if (own === undefined) return activation;
  return own.kind === "gate" ? "identity" : own.name;
}

/** Adds position tables to what tensors are made of. */
function addPositions(
  build: Build,
  { executable, positions, outputChannels }: KernelLayer,
  parts: TensorParts[],
  splitFixed: boolean,
): PlannedPositions[] {
  return positions.map((at) => {
    const { tensor, dim } = at;
    const { buffer, tables } = planPositions(build, at, outputChannels);
    const { dims, fixedSize } = executable.lowered.tensors[tensor];
    const strides = dims.map((_, i) => (i === dim ? fixedSize * outputChannels : 0));
    const view = {
      buffer,
      offset: 0,
      batch: 0,
      strides: splitFixed ? [...strides, outputChannels] : strides,
    };
    const part = parts[tensor];
    parts[tensor] = { ...part, addends: [...part.addends, { view, equal: [] }] };
    return { at, tables };
  });
}

/** Plans the gradients of a layer's parameters; where they are wanted, says what those of its inputs are made of. */
export function planBackward(
  build: Build,
  state: DifferentiatedLayer,
  gradients: OutputGradients,
  wantsInputs: boolean,
): TensorParts[] {
  const { layer, adjoint } = state;
  const readings = readSchedule(
    build.arena,
    build.backward,
    adjoint.schedule,
    gradients.values,
    "sum",
    gradients.known,
  );
  planPositionGradients(build, state, readings);
  return layer.kind === "equivariant"
    ? equivariantGradients(build, state, readings, wantsInputs)
    : pointwiseGradients(build, state, gradients.values, wantsInputs);
}

/** Gradients of matrices and bias; what the gradients of the inputs are made of. */
function equivariantGradients(
  build: Build,
  { layer, operands, coefficients, bias, adjoint }: DifferentiatedLayer,
  readings: Readings,
  wantsInputs: boolean,
): TensorParts[] {
  const { arena, backward } = build;
  const { name, executable } = layer;
  const { products } = executable.plan;
  const ofProducts = products.map((_, p) =>
    readOperand(arena, backward, `${name} gradients ${p}`, readings, adjoint.schedule.features[p]),
  );
  for (const [p, { slots }] of products.entries()) {
    const sizes = slots.map(({ size }) => size);
    const matrix = coefficients.gradients[p];
    for (const g of ofProducts[p]) {
      for (const x of operands[p]) {
        backward.push({
          kind: "outer",
          name: `${name}_gradient_${p}_${x.row}_${g.row}`,
          sizes,
          x: wholeView(x.value),
          inner: x.value.columns,
          g: wholeView(g.value),
          columns: g.value.columns,
          output: { ...matrix, offset: x.row * matrix.rowStride + g.row },
        });
      }
      if (bias !== null && slots.length === 0)
        backward.push({
          kind: "outer",
          name: `${name}_bias_${g.row}`,
          sizes,
          x: constantRow(build.one, 0, 0),
          inner: 1,
          g: viewOf(g.value, []),
          columns: g.value.columns,
          output: { buffer: bias.gradient, offset: g.row, rowStride: g.value.columns },
        });
    }
  }
  if (!wantsInputs) return [];
  const plan = { products: adjoint.plan.products.slice(0, products.length), terms: 0 };
  return planMix({
    arena,
    operations: backward,
    name: `${name} gradients`,
    executable: { lowered: adjoint.lowered, plan, schedule: adjoint.schedule },
    operand: (p) => ofProducts[p],
    matrix: (p) => coefficients.transposed[p],
    channels: layer.inputChannels,
    bias: null,
  });
}

/** Gradients of position tables: of each dimension's entries, over networks and fixed entries that share a row. */
function planPositionGradients(
  build: Build,
  { layer, positions, adjoint }: DifferentiatedLayer,
  readings: Readings,
): void {
  const first = adjoint.plan.products.length - positions.length;
  for (const [i, { tables }] of positions.entries()) {
    const value = readings.of(adjoint.schedule.features[first + i][0].value);
    for (const { path, gradient, column, fixedSize } of tables) {
      build.backward.push({
        kind: "reduce",
        name: `gradient_${path}`,
        batch: "reduced",
        kept: value.sizes,
        reduced: [fixedSize],
        columns: layer.outputChannels,
        input: {
          ...viewOf(value, [0], column),
          strides: [value.strides[0], layer.outputChannels],
        },
        output: { buffer: gradient, offset: 0, batch: 0, strides: [layer.outputChannels] },
        scale: 1,
      });
    }
  }
}

/** The one matrix of a pointwise layer. */
function planDense(
  build: Build,
  { name, inputChannels, outputChannels }: KernelLayer,
  wantsInputs: boolean,
): Coefficients {
  const { buffer, gradient } = parameter(build, `${name}.weight`, [inputChannels, outputChannels]);
  const matrix = { buffer, offset: 0, rowStride: outputChannels };
  if (!build.gradients) return { matrices: [matrix], gradients: [], transposed: [] };
  const size = inputChannels * outputChannels;
  const collect = gradientTarget(build, `${name}_weight`, size, gradient);
  const gradients = [{ ...matrix, buffer: collect }];
  if (!wantsInputs) return { matrices: [matrix], gradients, transposed: [] };
  const transposed = build.arena.buffer(`${name} transposed`, size);
  planTransposed(build, name, buffer, transposed, [inputChannels, outputChannels]);
  return {
    matrices: [matrix],
    gradients,
    transposed: [{ buffer: transposed, offset: 0, rowStride: inputChannels }],
  };
}

function planDenseBias(build: Build, { name, bias, outputChannels }: KernelLayer): BiasRow | null {
  if (bias === "none") return null;
  const { buffer, gradient } = parameter(build, `${name}.bias`, [outputChannels]);
  if (!build.gradients) return { buffer, gradient };
  return { buffer, gradient: gradientTarget(build, `${name}_bias`, outputChannels, gradient) };
}

/** Every entry of every tensor times one matrix. */
function denseParts(
  { executable }: KernelLayer,
  values: readonly Value[],
  channels: number,
  matrix: Coefficients["matrices"][number],
  bias: BiasRow | null,
): TensorParts[] {
  return values.map((value, tensor): TensorParts => {
    const rank = dimsOf(executable, tensor).length;
    const view = wholeView(value);
    const x = { ...view, strides: [...view.strides, channels] };
    const added = bias === null ? [] : [{ view: constantRow(bias.buffer, 0, rank + 1), equal: [] }];
    return { products: [{ x, inner: channels, matrix }], addends: added };
  });
}

function pointwiseGradients(
  build: Build,
  { layer, inputs, coefficients, bias }: LayerState,
  gradients: readonly Value[],
  wantsInputs: boolean,
): TensorParts[] {
  const { name, executable, inputChannels, outputChannels } = layer;
  for (const [tensor, g] of gradients.entries()) {
    const x = inputs[tensor];
    const sizes = [...g.sizes, executable.lowered.tensors[tensor].fixedSize];
    const view = (value: Value, channels: number) => {
      const view = wholeView(value);
      return { ...view, strides: [...view.strides, channels] };
    };
    const rows = {
      kind: "outer",
      sizes,
      g: view(g, outputChannels),
      columns: outputChannels,
    } as const;
    build.backward.push({
      ...rows,
      name: `${name}_gradient_${tensor}`,
      x: view(x, inputChannels),
      inner: inputChannels,
      output: coefficients.gradients[0],
    });
    if (bias === null) continue;
    build.backward.push({
      ...rows,
      name: `${name}_bias_${tensor}`,
      x: constantRow(build.one, 0, sizes.length),
      inner: 1,
      output: { buffer: bias.gradient, offset: 0, rowStride: outputChannels },
    });
  }
  if (!wantsInputs) return [];
  return denseParts(layer, gradients, outputChannels, coefficients.transposed[0], null);
}
