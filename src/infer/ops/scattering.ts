// Writing entries by position (scatter), reading blocks by position (GatherND), and one-hot rows: positions are fixed, and
// whatever stands beside them passes.

import type { NodeContext } from "../walk/context.ts";
import { fixedAtom } from "../walk/context.ts";
import type { Value } from "../walk/value.ts";
import { type Handlers, type DimPair, pairsBy } from "./handler.ts";

/** How data and updates are put together; null for ways that no scaling passes. */
function reduction(context: NodeContext): { homogeneous: boolean } | null {
  const way = context.text("reduction", "none");
  if (way === "none" || way === "add") return { homogeneous: false };
  return way === "max" || way === "min" ? { homogeneous: true } : null;
}

/** What the output is made of: the data, and the updates beside the positions. */
function put(
  context: NodeContext,
  data: Value,
  updates: Value,
  kept: readonly DimPair[],
  positions: readonly number[],
): void {
  const output = context.output(0, data.dims);
  context.mix(updates, positions);
  const how = reduction(context);
  if (how === null) return;
  context.carry(updates, output, kept, how);
  // Zeros scale like anything.
  if (data.entry !== 0) {
    const beside = new Set(kept.map(([, to]) => to));
    context.carry(
      data,
      output,
      pairsBy(data, (i) => (beside.has(i) ? i : null)),
      how,
    );
  }
}

/** Every update has a position along one axis; along the others it stays where it is, if the positions are alike there. */
function scatterElements(context: NodeContext): void {
  const [data, indices, updates] = [context.need(0), context.need(1), context.need(2)];
  const rank = data.dims.length;
  if (indices.dims.length !== rank || updates.dims.length !== rank)
    context.fail("data, indices and updates have different numbers of dimensions");
  const axis = context.axis(context.number("axis", 0), rank);
  const kept: DimPair[] = [];
  for (const [i, dim] of data.dims.entries()) {
    context.tie(indices.dims[i], updates.dims[i]);
    if (i !== axis && dim.size === updates.dims[i].size) {
      context.tie(dim, indices.dims[i]);
      kept.push([i, i]);
    } else
      for (const one of [dim, indices.dims[i]]) context.fix(one, "entries are written by position");
  }
  put(context, data, updates, kept, [axis]);
}

/** Blocks of the last dimensions are written where the indices say. */
function scatterND(context: NodeContext): void {
  const [data, indices, updates] = [context.need(0), context.need(1), context.need(2)];
  const depth = indices.dims.at(-1)?.size ?? 0;
  const before = indices.dims.length - 1;
  if (depth > data.dims.length || updates.dims.length !== before + data.dims.length - depth)
    context.fail("data, indices and updates do not fit each other");
  const kept: DimPair[] = [];
  for (const dim of indices.dims) context.fix(dim, "entries are written by position");
  for (const [i, dim] of data.dims.entries()) {
    if (i < depth) context.fix(dim, "entries are written by position");
    else {
      context.tie(dim, updates.dims[before + i - depth]);
      kept.push([before + i - depth, i]);
    }
  }
  const positions = Array.from({ length: before }, (_, i) => i);
  for (const i of positions) context.fix(updates.dims[i], "entries are written by position");
  put(context, data, updates, kept, positions);
}

/** Blocks of the last dimensions are read where the indices say. */
function gatherND(context: NodeContext): void {
  const [data, indices] = [context.need(0), context.need(1)];
  const depth = indices.dims.at(-1)?.size ?? 0;
  const batch = context.number("batch_dims", 0);
  const first = batch + depth;
  if (depth < 1 || first > data.dims.length || batch >= indices.dims.length)
    context.fail("data and indices do not fit each other");
  for (let i = 0; i < first; i++) {
    if (i < batch) context.tie(data.dims[i], indices.dims[i]);
    context.fix(data.dims[i], "entries are looked up by position");
  }
  for (const dim of indices.dims.slice(-1)) context.fix(dim, "it holds positions");
  const rows = indices.dims.slice(0, -1);
  const output = context.output(0, [...rows, ...data.dims.slice(first)]);
  context.mix(
    data,
    Array.from({ length: depth }, (_, i) => batch + i),
  );
  context.carry(
    data,
    output,
    pairsBy(data, (i) => (i < batch ? i : i < first ? null : rows.length + i - first)),
  );
}

function oneHot(context: NodeContext): void {
  const indices = context.need(0);
  const depth = context.parameter(1)?.[0] ?? context.decline("a depth that is computed from data");
  for (const dim of context.need(2).dims) context.fix(dim, "the values of off and on");
  if (!Number.isSafeInteger(depth) || depth < 1) context.fail(`a depth of ${depth}`);
  const rank = indices.dims.length + 1;
  const axis = context.axis(context.number("axis", -1), rank);
  context.output(0, indices.dims.toSpliced(axis, 0, fixedAtom(depth, context.label)));
}

export const scattering: Handlers = {
  ScatterElements: scatterElements,
  Scatter: scatterElements,
  ScatterND: scatterND,
  GatherND: gatherND,
  OneHot: oneHot,
};
