// The forward pass of a stack: layers with their gates, derived tensors between them, and what is pooled in the end.

import { type Value, viewOf, wholeView } from "../arena.ts";
import { type LayerState, planForward } from "../layers.ts";
import type { Build } from "../parameters.ts";
import { readOperand, readSchedule } from "../readings.ts";
import type { KernelPool, KernelStack } from "../stack.ts";
import type { NextReader } from "../tensors.ts";
import { type GatesState, gatesOf, planGates } from "../products/gates.ts";
import { type Link, nextReader } from "./links.ts";
import { planProducts, type Scratch, scratchSize } from "../products/plan-products.ts";
import type { ProductsState } from "../products/state.ts";

/** A layer as it was planned: what stands behind it, and how its values go on. */
export interface PlannedLayer {
  readonly state: LayerState;
  readonly gates: GatesState | null;
  /** To the next layer or the pool; null behind the last layer of a stack without a pool. */
  readonly link: Link | null;
  /** Derived tensors in front of what reads its values. */
  readonly products: ProductsState | null;
  /** By the reader's numbers. */
  readonly inputs: readonly Value[];
}

/** A stack's forward pass. */
export interface Way {
  readonly layers: readonly PlannedLayer[];
  readonly outputs: readonly Value[];
}

const readerOf = (
  stack: KernelStack,
  i: number,
): Pick<NextReader, "schedule" | "aggregation"> | null => {
  const { layers, pool } = stack;
  if (i + 1 < layers.length) {
    const { kind, executable, aggregation } = layers[i + 1];
    return kind === "pointwise" ? null : { schedule: executable.schedule, aggregation };
  }
  if (pool === undefined || pool.executable === null) return null;
  return { schedule: pool.executable.schedule, aggregation: pool.aggregation };
};

/** Values of a layer by the numbers of what reads them, with derived tensors where it reads some. */
function passOn(
  build: Build,
  { written, readAs, products }: Link,
  values: readonly Value[],
  scratch: Scratch,
): { inputs: Value[]; state: ProductsState | null } {
  const base = written.map((id) => values[id]);
  if (products !== undefined) return planProducts(build, products, base, scratch);
  const inputs: Value[] = [];
  for (const [place, id] of written.entries()) inputs[readAs[place] ?? place] = values[id];
  return { inputs, state: null };
}

/** One buffer for what the products of all layers do not keep. */
function planScratch({ arena }: Build, links: readonly Link[]): Scratch {
  const sizes = links.map(({ products }) => (products === undefined ? 0 : scratchSize(products)));
  const size = Math.max(0, ...sizes);
  return { size, buffer: size === 0 ? -1 : arena.buffer("scratch", size, { batched: true }) };
}

/** Plans the forward pass from what the first layer reads. */
export function planWay(
  build: Build,
  stack: KernelStack,
  links: readonly Link[],
  inputs: readonly Value[],
  inputGradients: boolean,
): Way {
  const { layers, pool } = stack;
  const planned: PlannedLayer[] = [];
  const scratch = planScratch(build, links);
  let values: readonly Value[] = inputs;
  let known: ReadonlyMap<number, Value> = new Map();
  for (const [i, layer] of layers.entries()) {
    const link: Link | null = links[i] ?? null;
    const reader = readerOf(stack, i);
    const gated = gatesOf(layer);
    const next =
      link === null || reader === null ? null : nextReader(link, reader, (id) => gated.has(id));
    const state = planForward(build, layer, values, known, next, i > 0 || inputGradients);
    const gates = planGates(build, layer, state.written.values);
    const made = gates?.values ?? state.written.values;
    const { inputs: passed, state: products } =
      link === null ? { inputs: [], state: null } : passOn(build, link, made, scratch);
    planned.push({ state, gates, link, products, inputs: passed });
    values = link === null ? made : passed;
    known = state.written.known;
  }
  const outputs = pool ? planPool(build, pool, values, known) : values.filter(() => true);
  return { layers: planned, outputs };
}

/** Pooled values side by side in one row a network, then normalised tensors in another. */
function planPool(
  build: Build,
  pool: KernelPool,
  values: readonly Value[],
  known: ReadonlyMap<number, Value>,
): Value[] {
  const { normalized = [] } = pool;
  const outputs = pool.executable === null ? [] : [planInvariants(build, pool, values, known)];
  if (normalized.length === 0) return outputs;
  const width = normalized.reduce((sum, { tensor }) => sum + values[tensor].columns, 0);
  const row = build.arena.value("normalized", [], width);
  let column = 0;
  for (const { tensor, positive, sign } of normalized) {
    const { sizes, columns } = values[tensor];
    build.forward.push({
      kind: "normalize",
      name: `normalize_${tensor}`,
      sizes,
      columns,
      positive,
      sign,
      x: wholeView(values[tensor]),
      gradient: null,
      output: viewOf(row, [], column),
      adds: false,
    });
    column += columns;
  }
  return [...outputs, row];
}

function planInvariants(
  { arena, forward }: Build,
  { executable, aggregation }: KernelPool,
  values: readonly Value[],
  known: ReadonlyMap<number, Value>,
): Value {
  const { schedule } = executable as NonNullable<KernelPool["executable"]>;
  const readings = readSchedule(arena, forward, schedule, values, aggregation, known);
  const pieces = readOperand(arena, forward, "pooled", readings, schedule.features[0]);
  if (pieces.length === 1 && pieces[0].value.batch === pieces[0].value.columns)
    return pieces[0].value;
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
