// Activations of a network given as a graph: the graph is run with its inner values as outputs, and every value whose
// dimensions are known axes says what their units do.

import type { Tensor } from "../../core/tensors.ts";
import { withOutputs } from "../../formats/onnx/onnx-write.ts";
import { instanceCount } from "../../symmetry/element.ts";
import type { Executor, ModelArray } from "../../runtime/executor.ts";
import type { Inference } from "../../infer/infer.ts";
import { type AxisExpression, axesOfExpression } from "../../symmetry/expression.ts";
import { type Part, type PartDim, splitParts } from "../../symmetry/parts.ts";
import type { SymmetrySpec, TensorSpec } from "../../symmetry/types.ts";
import { densePart, parentsOf } from "../../symmetry/dense.ts";
import type { InputBatch } from "./graph-inputs.ts";
import type { Activations } from "./match-activations.ts";
import { isMoving } from "../../parts/features/messages.ts";

/** What {@link graphActivations} is told, and tells. */
export interface GraphActivationOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told after every batch how many were run. */
  readonly onBatch?: (done: number) => void;
}

/** Values that speak for one axis; a residual stream has many more, which say nearly the same. */
const maxValues = 8;

/**
 * What the units of every permutation axis of a graph do on the given inputs. `model` may hold other weights than the
 * graph that was inferred.
 * @throws {EnvironmentError} and others of the executor; the signal's reason after an abort
 */
export async function graphActivations(
  { spec, valueAxes }: Pick<Inference, "spec" | "valueAxes">,
  model: Uint8Array,
  executor: Executor,
  batches: readonly InputBatch[],
  { signal, onBatch }: GraphActivationOptions = {},
): Promise<Activations> {
  const values = chooseValues(spec, valueAxes());
  const watched = withOutputs(model, values.keys());
  const pieces = new Map<string, { readonly axis: string; readonly rows: Float32Array[] }>();
  let done = 0;
  for await (const outputs of executor.runEach(
    watched,
    batches.map(({ inputs }) => inputs),
  )) {
    signal?.throwIfAborted();
    for (const [name, axes] of values) {
      for (const [key, { axis, rows }] of unitsOf(spec, name, axes, outputs[name])) {
        const piece = pieces.get(key) ?? { axis, rows: [] };
        piece.rows.push(rows);
        pieces.set(key, piece);
      }
    }
    onBatch?.((done += 1));
  }
  const activations: Record<string, Tensor[]> = {};
  for (const { axis, rows } of pieces.values()) {
    const units = spec.axes[axis].size * instanceCount(spec, axis);
    const data = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const row of rows) {
      data.set(row, at);
      at += row.length;
    }
    if (!Object.hasOwn(activations, axis)) activations[axis] = [];
    activations[axis].push({ shape: [data.length / units, units], data });
  }
  return activations;
}

type ValueAxes = readonly AxisExpression[];

/** Values with moving axes, at most eight for each, spread over the graph. */
function chooseValues(
  spec: SymmetrySpec,
  values: ReadonlyMap<string, ValueAxes>,
): Map<string, ValueAxes> {
  const byAxis = new Map<string, string[]>();
  for (const [name, dims] of values) {
    for (const axis of new Set(dims.flatMap(axesOfExpression)))
      if (isMoving(spec.axes[axis])) byAxis.set(axis, [...(byAxis.get(axis) ?? []), name]);
  }
  const chosen = new Set(
    [...byAxis.values()].flatMap((names) => {
      const stride = Math.max(1, names.length / maxValues);
      return names.filter((_, i) => Math.floor(i / stride) !== Math.floor((i - 1) / stride));
    }),
  );
  return new Map([...values].filter(([name]) => chosen.has(name)));
}

/** Everything one value says about axes, by a key of its own: rows [samples, instances * size]. */
function* unitsOf(
  spec: SymmetrySpec,
  name: string,
  axes: ValueAxes,
  array: ModelArray,
): Generator<[key: string, { axis: string; rows: Float32Array }]> {
  const data = array.data;
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return;
  const tensor: TensorSpec = {
    shape: array.shape,
    axes: axes.map((axis, i) => withSize(spec, axis, array.shape[i])),
  };
  const { parts } = splitParts({ axes: spec.axes, tensors: { [name]: tensor } }, name);
  for (const [number, part] of parts.entries()) {
    const chain = chainOf(spec, part);
    if (chain === undefined) continue;
    const samples = part.dims.filter((_, dim) => !chain.includes(dim));
    const ordered: PartDim[] = [...samples, ...chain.map((dim) => part.dims[dim])];
    const axis = part.dims[chain.at(-1) ?? 0].axis ?? "";
    const rows = densePart({ dims: ordered, offset: part.offset }, data).data;
    yield [`${name}/${number}`, { axis, rows: Float32Array.from(rows) }];
  }
}

/** A dimension without moving axes has whatever size the run gave it. */
function withSize(spec: SymmetrySpec, axis: AxisExpression, size: number): AxisExpression {
  const moves = axesOfExpression(axis).some((name) => isMoving(spec.axes[name]));
  return moves ? axis : { kind: "block", size };
}

/** The dimensions of the one axis that a part speaks of, after those that enclose it; undefined when there are others. */
function chainOf(spec: SymmetrySpec, { dims }: Part): number[] | undefined {
  const moving = dims.flatMap(({ axis }, dim) =>
    axis !== null && isMoving(spec.axes[axis]) ? dim : [],
  );
  for (const dim of moving) {
    const chain = [...parentsOf(dims, dim), dim];
    const { group, within } = spec.axes[dims[dim].axis ?? ""];
    const known = group === "permutation" && (within === undefined || dims[dim].parent !== null);
    if (known && moving.every((other) => chain.includes(other))) return chain;
  }
  return undefined;
}
