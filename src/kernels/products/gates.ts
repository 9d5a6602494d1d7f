// Gates between layers: tensors that no activation fits are multiplied by 2 sigmoid of columns that the same layer wrote.

import { type Value, viewOf, wholeView } from "../arena.ts";
import type { Build } from "../parameters.ts";
import type { KernelLayer, TensorActivation } from "../stack.ts";
import type { View } from "../wasm/operations.ts";
import { multiplication, stridedView } from "./formulas.ts";

type Gate = TensorActivation & { readonly kind: "gate" };

/** The gated tensors of a layer. */
export const gatesOf = ({ activations = [] }: KernelLayer): ReadonlyMap<number, Gate> =>
  new Map(activations.flatMap((one, id) => (one.kind === "gate" ? [[id, one] as const] : [])));

/** What the backward pass of a layer's gates needs. */
export interface GatesState {
  /** What the layer wrote, by tensor. */
  readonly before: readonly Value[];
  /** 2 sigmoid of the tensors that gates are columns of. */
  readonly factors: ReadonlyMap<number, Value>;
  /** By tensor, after gates. */
  readonly values: readonly Value[];
}

/** Loops over a tensor's dimensions and fixed entries, and a gate's strides along them: 0 along those that it does not have. */
function loopsOf(
  { executable, outputChannels }: KernelLayer,
  id: number,
  { tensor, column }: Gate,
  factor: Value,
): { readonly sizes: readonly number[]; readonly view: View } {
  const { lowered } = executable;
  const { dims, fixedSize } = lowered.tensors[id];
  const ofGate = lowered.tensors[tensor].dims;
  const used = new Set<number>();
  const places = dims.map((dim) => {
    const at = ofGate.findIndex(
      ({ axis, inverse }, i) => axis === dim.axis && inverse === dim.inverse && !used.has(i),
    );
    if (at !== -1) used.add(at);
    return at === -1 ? null : at;
  });
  const view = viewOf(factor, [...places, null], column * outputChannels);
  return { sizes: [...dims.map(({ axis }) => lowered.axes[axis].size), fixedSize], view };
}

const entriesView = (value: Value, channels: number) =>
  stridedView(value, [...value.strides, channels]);

const sigmoids = (build: Build, layer: KernelLayer, tensor: number, value: Value): Value => {
  const { sizes, columns } = value;
  const output = build.arena.value(`${layer.name} factor ${tensor}`, sizes, columns);
  build.forward.push({
    kind: "entries",
    name: `${layer.name}_factor_${tensor}`,
    sizes,
    columns,
    function: "twice-sigmoid",
    x: wholeView(value),
    gradient: null,
    output: wholeView(output),
    adds: false,
  });
  return output;
};

/** Plans the gates behind a layer that wrote `before`; null where it has none. */
export function planGates(
  build: Build,
  layer: KernelLayer,
  before: readonly Value[],
): GatesState | null {
  const gates = gatesOf(layer);
  if (gates.size === 0) return null;
  const factors = new Map<number, Value>();
  const values = [...before];
  for (const [id, gate] of gates) {
    const factor =
      factors.get(gate.tensor) ?? sigmoids(build, layer, gate.tensor, before[gate.tensor]);
    factors.set(gate.tensor, factor);
    const { sizes, view } = loopsOf(layer, id, gate, factor);
    const x = before[id];
    values[id] = build.arena.value(`${layer.name} gated ${id}`, x.sizes, x.columns);
    const channels = layer.outputChannels;
    const views = [entriesView(x, channels), view, entriesView(values[id], channels)] as const;
    build.forward.push(multiplication(`${layer.name}_gate_${id}`, [sizes, []], channels, views));
  }
  return { before, factors, values };
}

/** Gradients of what the layer wrote, gates included, from those of tensors behind gates. */
export function planGateGradients(
  build: Build,
  layer: KernelLayer,
  { before, factors }: GatesState,
  gradients: readonly Value[],
): Value[] {
  const { arena, backward } = build;
  const results = [...gradients];
  const ofFactors = new Map<number, Value>();
  for (const [tensor, factor] of factors) {
    const value = arena.value(
      `${layer.name} factor gradient ${tensor}`,
      factor.sizes,
      factor.columns,
    );
    build.clearBackward.push(value.buffer);
    ofFactors.set(tensor, value);
  }
  for (const [id, gate] of gatesOf(layer)) {
    const arrays = [factors.get(gate.tensor), ofFactors.get(gate.tensor)] as [Value, Value];
    results[id] = pullGate(build, layer, [id, gate], before[id], gradients[id], arrays);
  }
  for (const [tensor, factor] of factors) {
    const { sizes, columns } = factor;
    results[tensor] = arena.value(`${layer.name} gate gradient ${tensor}`, sizes, columns);
    backward.push({
      kind: "entries",
      name: `${layer.name}_factor_back_${tensor}`,
      sizes,
      columns,
      function: "twice-sigmoid",
      x: wholeView(factor),
      gradient: wholeView(ofFactors.get(tensor) as Value),
      output: wholeView(results[tensor]),
      adds: false,
    });
  }
  return results;
}

/** The gradient of one gated tensor before its gate; that of the gate's factor is added to its array. */
function pullGate(
  { arena, backward }: Build,
  layer: KernelLayer,
  [id, gate]: readonly [number, Gate],
  x: Value,
  g: Value,
  [factor, ofFactor]: readonly [Value, Value],
): Value {
  const channels = layer.outputChannels;
  const { sizes, view } = loopsOf(layer, id, gate, factor);
  const target = loopsOf(layer, id, gate, ofFactor).view;
  const name = `${layer.name}_gate_back_${id}`;
  const result = arena.value(`${layer.name} gradient before gate ${id}`, g.sizes, g.columns);
  const own = [entriesView(g, channels), view, entriesView(result, channels)] as const;
  backward.push(multiplication(name, [sizes, []], channels, own));
  // The gate's own gradient is summed over the dimensions that it does not have.
  const kept = sizes.flatMap((size, i) => (view.strides[i] !== 0 || size === 1 ? [i] : []));
  const order = [...kept, ...sizes.flatMap((_, i) => (kept.includes(i) ? [] : [i]))];
  const along = (of: View, list: readonly number[]): View => ({
    ...of,
    strides: list.map((i) => of.strides[i]),
  });
  const [ofG, ofX] = [g, x].map((value) => along(entriesView(value, channels), order));
  const loops = [kept, order.slice(kept.length)].map((list) => list.map((i) => sizes[i]));
  const views = [ofG, ofX, along(target, kept)] as const;
  const [keptSizes, reduced] = loops;
  backward.push(
    multiplication(`${name}_factor`, [keptSizes, reduced], channels, views, { adds: true }),
  );
  return result;
}
