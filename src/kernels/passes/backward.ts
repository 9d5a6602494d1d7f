// The backward pass of a stack, last layer first: gradients of what a reader read, back through derived tensors and gates to
// what the layer before wrote, multiplied by its activations' derivatives.

import { meanShares } from "../../plan/adjoint.ts";
import { isRead, isWritten } from "../../symmetry/formula.ts";
import type { LoweredSpec } from "../../symmetry/lower.ts";
import { type Value, viewOf, wholeView } from "../arena.ts";
import {
  activationOf,
  type DifferentiatedLayer,
  gradientPlan,
  type OutputGradients,
  planBackward,
} from "../layers.ts";
import { placement, type TensorParts } from "../mix.ts";
import type { Build } from "../parameters.ts";
import { pointwise } from "../pointwise.ts";
import type { KernelPool, KernelStack } from "../stack.ts";
import { type Derivative, writeTensors } from "../tensors.ts";
import type { PlannedLayer, Way } from "./forward.ts";
import { gatesOf, planGateGradients } from "../products/gates.ts";
import type { Link } from "./links.ts";
import { planAgain } from "../products/plan-products.ts";
import type { ProductsState } from "../products/state.ts";
import { planProductGradients } from "../products/product-gradients.ts";

type Planned = PlannedLayer & { readonly state: DifferentiatedLayer };

const nothing: TensorParts = { products: [], addends: [] };

/** The derivative of what was done to a tensor while it was written. */
function derivativeOf({ state: { layer, written } }: Planned, id: number): Derivative | null {
  const activation = activationOf(layer, id);
  if (activation === "identity") return null;
  const of =
    pointwise[activation].derivativeOf === "argument" ? written.before[id] : written.values[id];
  return { activation, of };
}

/** Parts of a reader's inputs with gradients that come back through derived tensors. */
function throughProducts(
  build: Build,
  { products: state }: Planned,
  { lowered, readAs, channels, products }: Link,
  parts: readonly TensorParts[],
  direct: readonly (Value | undefined)[],
): TensorParts[] {
  if (state === null || products === undefined)
    return readAs.map((id) => (id === null ? nothing : parts[id]));
  const own = (id: number) => state.aliases[id] === null && parts[id] !== undefined;
  const written = writeTensors({
    arena: build.arena,
    operations: build.backward,
    cleared: build.clearBackward,
    name: `${products.name} gradients`,
    lowered,
    parts,
    channels,
    splitFixed: false,
    writes: (id) => own(id) && lowered.tensors[id].role !== "target",
    activation: () => "identity",
    keepBefore: () => false,
    next: null,
  });
  const ofBase = planProductGradients(build, state, written.values);
  return readAs.map((id, place) => {
    const part = id === null ? nothing : parts[id];
    const added = [ofBase[place], direct[place]].flatMap((value) =>
      value === undefined ? [] : [{ view: wholeView(value), equal: [] }],
    );
    return { ...part, addends: [...part.addends, ...added] };
  });
}

/** Gradients of what a layer wrote, before its activations, from what those of its reader's inputs are made of. */
function outputGradients(
  build: Build,
  planned: Planned,
  parts: readonly TensorParts[],
  direct: readonly (Value | undefined)[],
  splitFixed: boolean,
): OutputGradients {
  const { state, link, gates } = planned;
  const { layer, adjoint } = state;
  const { lowered } = layer.executable;
  const gated = gatesOf(layer);
  const byId: TensorParts[] = [];
  if (link === null) {
    let place = 0;
    for (const { id } of lowered.tensors.filter(isWritten)) byId[id] = parts[place++];
  } else {
    const through = throughProducts(build, planned, link, parts, direct);
    for (const [place, id] of link.written.entries()) byId[id] = through[place];
  }
  const written = writeTensors({
    arena: build.arena,
    operations: build.backward,
    cleared: build.clearBackward,
    name: `${layer.name} output gradients`,
    lowered,
    parts: byId,
    channels: layer.outputChannels,
    splitFixed,
    writes: (id) => byId[id] !== undefined,
    activation: () => "identity",
    keepBefore: () => false,
    derivative: (id) => derivativeOf(planned, id),
    next: {
      schedule: adjoint.schedule,
      aggregation: "sum",
      readAs: (id) => (gated.has(id) ? undefined : id),
    },
  });
  if (gates === null) return written;
  return { known: written.known, values: planGateGradients(build, layer, gates, written.values) };
}

/** The backward pass from gradients of the outputs, last layer first. */
export function planGradients(
  build: Build,
  { pool }: KernelStack,
  { layers, outputs: made }: Way,
  inputGradients: boolean,
): { outputs: readonly Value[]; inputs: readonly Value[] } {
  const { arena } = build;
  const states = layers.map((planned): Planned => {
    const { state } = planned;
    return { ...planned, state: { ...state, adjoint: gradientPlan(state.layer) } };
  });
  const outputs = made.map(({ sizes, columns }, i) =>
    arena.value(`gradient of output ${i}`, sizes, columns),
  );
  const last = states[states.length - 1];
  let direct: (Value | undefined)[] = [];
  let parts: readonly TensorParts[];
  const again = (products: ProductsState | null) => products && planAgain(build, products);
  if (pool === undefined)
    parts = outputs.map((value) => ({
      products: [],
      addends: [{ view: wholeView(value), equal: [] }],
    }));
  else {
    const { link, inputs } = last;
    again(last.products);
    if (link === null) return { outputs, inputs: [] };
    const rows = pool.executable === null ? outputs : outputs.slice(1);
    direct = normalizedGradients(build, pool, link, inputs, rows);
    const channels = last.state.layer.outputChannels;
    parts =
      pool.executable === null
        ? link.lowered.tensors.map(() => nothing)
        : poolGradients(build, pool, link.lowered, outputs[0], channels);
    if (link.products === undefined) parts = withDirect(parts, link, direct);
  }
  for (let i = states.length - 1; i >= 0; i--) {
    const reader = states[i + 1]?.state.layer.kind;
    const gradients = outputGradients(build, states[i], parts, direct, reader === "pointwise");
    direct = [];
    again(states[i - 1]?.products ?? null);
    parts = planBackward(build, states[i].state, gradients, i > 0 || inputGradients);
  }
  return { outputs, inputs: inputGradients ? firstGradients(build, states[0], parts) : [] };
}

/** Parts of tensors that are read as they were written, with arrays to add. */
function withDirect(
  parts: readonly TensorParts[],
  { readAs }: Link,
  direct: readonly (Value | undefined)[],
): TensorParts[] {
  return parts.map((part, id) => {
    const value = direct[readAs.indexOf(id)];
    if (value === undefined) return part;
    return { ...part, addends: [...part.addends, { view: wholeView(value), equal: [] }] };
  });
}

/** Gradients of what the first layer read. */
function firstGradients(
  build: Build,
  { state: { layer } }: Planned,
  parts: readonly TensorParts[],
): Value[] {
  const { values } = writeTensors({
    arena: build.arena,
    operations: build.backward,
    cleared: build.clearBackward,
    name: `${layer.name} input gradients`,
    lowered: layer.executable.lowered,
    parts,
    channels: layer.inputChannels,
    splitFixed: layer.kind === "pointwise",
    writes: (id) => isRead(layer.executable.lowered.tensors[id]),
    activation: () => "identity",
    keepBefore: () => false,
    next: null,
  });
  return Object.values(values); // without holes
}

/** Gradients of tensors that were pooled free of scales, by place among what the layer before wrote. */
function normalizedGradients(
  { arena, backward }: Build,
  { normalized = [] }: KernelPool,
  { readAs }: Link,
  inputs: readonly Value[],
  [row]: readonly Value[],
): (Value | undefined)[] {
  const direct: (Value | undefined)[] = [];
  let column = 0;
  for (const { tensor, positive, sign } of normalized) {
    const x = inputs[tensor];
    const output = arena.value(`normalized gradient ${tensor}`, x.sizes, x.columns);
    backward.push({
      kind: "normalize",
      name: `normalize_back_${tensor}`,
      sizes: x.sizes,
      columns: x.columns,
      positive,
      sign,
      x: wholeView(x),
      gradient: viewOf(row, [], column),
      output: wholeView(output),
      adds: false,
    });
    direct[readAs.indexOf(tensor)] = output;
    column += x.columns;
  }
  return direct;
}

/** Gradients of pooled values handed back to every entry they were pooled from, where they are means in equal shares. */
function poolGradients(
  { arena, backward }: Build,
  { executable, aggregation }: KernelPool,
  lowered: LoweredSpec,
  gradient: Value,
  channels: number,
): TensorParts[] {
  const pooled = executable as NonNullable<KernelPool["executable"]>;
  const shares = meanShares(pooled, 0, channels);
  const shared = arena.value("shares of pooled", [], gradient.columns);
  const parts = lowered.tensors.map((): TensorParts => nothing);
  let column = 0;
  for (const feature of pooled.plan.products[0].features) {
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
