// The layers of a network as clouds of neurons. A neuron's coordinates are the weights that touch it, as far as their other
// dimensions have a fixed order; where they do not, symmetric statistics of these weights stand in. Signs and positive scales
// of a neuron are taken out.

import { densePart } from "../../symmetry/dense.ts";
import { OptionError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shapes.ts";
import { weightsWithSignsOnly } from "../../parts/scaling/phases.ts";
import type { Tensor, Weights } from "../../core/tensors.ts";
import { axesOfExpression } from "../../symmetry/expression.ts";
import { type Part, type PartDim, powerOf, splitParts } from "../../symmetry/parts.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";

/**
 * What the coordinates of a cloud are. `exact`: all weights of its neurons, so that equal clouds are equal up to reordering.
 * `statistics`: weights with a fixed order, and means and root mean squares of the others; different layers may have equal clouds.
 */
export type NeuronCoordinates = "exact" | "statistics";

/** The neurons of one axis. */
export interface NeuronCloud {
  readonly axis: string;
  readonly neurons: number;
  /** [neurons, d], or [2 neurons, d] where each stands with its negative, both of half weight. */
  readonly points: Tensor;
  readonly coordinates: NeuronCoordinates;
}

/** The layers of a network as clouds of neurons. */
export interface NeuronClouds {
  readonly clouds: readonly NeuronCloud[];
  /** Names of tensors without reorderable axes. */
  readonly fixed: readonly string[];
  /** Axes that no cloud stands for, such as those of a general linear group. */
  readonly notCompared: readonly string[];
}

/** Columns of a cloud from one part: [neurons, width], row-major. */
interface Columns {
  readonly width: number;
  readonly data: Float64Array;
  /** How they change when the neuron is scaled by s: by s, by 1 / s, not at all. */
  readonly charge: 1 | -1 | 0;
  /** Whether they keep their sign when the neuron changes its own. */
  readonly even: boolean;
}

const moves = (spec: SymmetrySpec, axis: string | null): axis is string =>
  axis !== null && spec.axes[axis] !== undefined && spec.axes[axis].group !== "fixed";

/** Means and root mean squares over the last of [rows, rest]. */
function statisticsOf(data: ArrayLike<number>, rest: number): [Float64Array, Float64Array] {
  const rows = data.length / rest;
  const [means, sizes] = [new Float64Array(rows), new Float64Array(rows)];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rest; j++) {
      means[i] += data[i * rest + j] / rest;
      sizes[i] += data[i * rest + j] ** 2 / rest;
    }
    sizes[i] = Math.sqrt(sizes[i]);
  }
  return [means, sizes];
}

/** What one dimension of a part tells of its neurons, and whether that is everything. */
function columnsOf(
  spec: SymmetrySpec,
  part: Part,
  dim: number,
  data: Tensor["data"],
): { readonly columns: Columns[]; readonly exact: boolean } {
  const parents: number[] = [];
  for (let at = part.dims[dim].parent; at !== null; at = part.dims[at].parent) parents.unshift(at);
  const others = part.dims.map((_, i) => i).filter((i) => i !== dim && !parents.includes(i));
  const isFree = (i: number) => moves(spec, part.dims[i].axis);
  const free = others.filter(isFree);
  const order = [...parents, dim, ...others.filter((i) => !isFree(i)), ...free];
  const dims: PartDim[] = order.map((i) => part.dims[i]);
  const numbers = densePart({ dims, offset: part.offset }, data).data;
  const neurons = sizeOf([...parents, dim].map((i) => part.dims[i].size));
  const rest = sizeOf(free.map((i) => part.dims[i].size));
  const charge = powerOf(part.dims[dim]);
  const width = numbers.length / neurons / rest;
  const exact = free.length === 0 && parents.length === 0;
  if (free.length === 0)
    return { exact, columns: [{ width, charge, data: Float64Array.from(numbers), even: false }] };
  const scales = free.map((i) => {
    const { group, scale } = spec.axes[part.dims[i].axis ?? ""];
    return { group, scale: part.dims[i].still ? undefined : scale };
  });
  if (scales.some(({ group, scale }) => group !== "permutation" || (scale && scale !== "sign")))
    return { exact, columns: [] };
  const [means, sizes] = statisticsOf(numbers, rest);
  const isSigned = scales.some(({ scale }) => scale === "sign");
  return {
    exact,
    columns: [
      { width, charge, data: sizes, even: true },
      ...(isSigned ? [] : [{ width, charge, data: means, even: false } as const]),
    ],
  };
}

/** Makes incoming weights of length 1 and gives their length to the outgoing ones. */
function takeOutScale(columns: readonly Columns[], neurons: number): Columns[] {
  const lengths = new Float64Array(neurons);
  for (const { charge, width, data } of columns)
    if (charge === 1) data.forEach((v, i) => (lengths[Math.floor(i / width)] += v * v));
  const roots = lengths.map(Math.sqrt);
  return columns.map((part) => ({
    ...part,
    data: part.data.map((v, i) => {
      const length = roots[Math.floor(i / part.width)];
      if (part.charge === 0) return v;
      if (part.charge === -1) return v * length;
      return length === 0 ? 0 : v / length;
    }),
  }));
}

function joinColumns(columns: readonly Columns[], neurons: number, isSigned: boolean): Tensor {
  const width = columns.reduce((sum, part) => sum + part.width, 0);
  const copies = isSigned ? 2 : 1;
  const data = new Float64Array(copies * neurons * width);
  for (let copy = 0; copy < copies; copy++) {
    let start = 0;
    for (const { width: columnWidth, data: values, even } of columns) {
      const sign = copy === 1 && !even ? -1 : 1;
      for (let i = 0; i < neurons; i++)
        for (let j = 0; j < columnWidth; j++)
          data[(copy * neurons + i) * width + start + j] = sign * values[i * columnWidth + j];
      start += columnWidth;
    }
  }
  return { shape: [copies * neurons, width], data };
}

/** @throws {OptionError} naming a tensor that is missing or not finite */
export function checkWeights(caller: string, spec: SymmetrySpec, weights: Weights): void {
  for (const name of Object.keys(spec.tensors)) {
    if (!Object.hasOwn(weights, name))
      throw new OptionError(`${caller}: tensor "${name}" is missing`);
    const bad = weights[name].data.findIndex((v) => !Number.isFinite(v));
    if (bad !== -1)
      throw new OptionError(
        `${caller}: tensor "${name}" holds ${weights[name].data[bad]} at entry ${bad}, expected finite numbers`,
      );
  }
}

/** The dimensions of parts that move with each axis. */
function placesByAxis(
  spec: SymmetrySpec,
): ReadonlyMap<string, readonly { readonly part: Part; readonly dim: number }[]> {
  const places = new Map<string, { part: Part; dim: number }[]>();
  for (const name of Object.keys(spec.tensors))
    for (const part of splitParts(spec, name).parts)
      part.dims.forEach(({ axis }, dim) => {
        if (axis === null) return;
        const found = places.get(axis);
        if (found === undefined) places.set(axis, [{ part, dim }]);
        else found.push({ part, dim });
      });
  return places;
}

/**
 * A cloud for every reorderable axis of a spec. Exact for axes whose tensors have no other reorderable axis: networks with one
 * hidden layer, whole; the scale part `positive` puts incoming weights at length 1, `sign` adds every neuron's negative, and `phase`
 * reads waves of biases first.
 * @throws {OptionError} for tensors that are missing or not finite
 */
export function neuronClouds(given: SymmetrySpec, stored: Weights): NeuronClouds {
  checkWeights("neuronClouds", given, stored);
  const { spec, weights } = weightsWithSignsOnly(given, stored);
  const places = placesByAxis(spec);
  const clouds: NeuronCloud[] = [];
  const notCompared: string[] = [];
  for (const [axis, { group, scale }] of Object.entries(spec.axes)) {
    if (group === "fixed") continue;
    const read = (places.get(axis) ?? []).map(({ part, dim }) =>
      columnsOf(spec, part, dim, weights[part.tensor].data),
    );
    const columns = read.flatMap((part) => part.columns);
    const known = group === "permutation" && (!scale || scale === "sign" || scale === "positive");
    if (!known || columns.length === 0) {
      notCompared.push(axis);
      continue;
    }
    const neurons = columns[0].data.length / columns[0].width;
    if (columns.some(({ data, width }) => data.length / width !== neurons)) {
      notCompared.push(axis); // the axis stands once within another axis and once by itself
      continue;
    }
    const scaled = scale === "positive" ? takeOutScale(columns, neurons) : columns;
    clouds.push({
      axis,
      neurons,
      points: joinColumns(scaled, neurons, scale === "sign"),
      // Waves of biases do not tell all of a unit's phase.
      coordinates:
        given.axes[axis].scale !== "phase" && read.every(({ exact }) => exact)
          ? "exact"
          : "statistics",
    });
  }
  const fixed = Object.entries(spec.tensors).flatMap(([name, { axes }]) =>
    axes.flatMap(axesOfExpression).some((axis) => moves(spec, axis)) ? [] : [name],
  );
  return { clouds, fixed, notCompared };
}
