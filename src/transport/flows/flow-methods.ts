// What a gradient flow may go down: every distance with its gradient with respect to the moving points, as losses. Orders above
// 1 are taken to their power, whose derivative is finite at 0. Random lines are drawn anew for every step from the step's seed.

import { randomProjections } from "../directions.ts";
import { maxSlicedWasserstein } from "../max-sliced.ts";
import { maxTreeSlicedWasserstein } from "../max-tree-sliced.ts";
import { type Cloud, type Points, readClouds } from "../points.ts";
import { treesAround } from "../sample-trees.ts";
import { safeShare } from "../tree-coordinates.ts";
import { projectAll, pullBack } from "../numeric/projection.ts";
import { type SlicedOptions, slicedWasserstein, slicedWassersteinGradient } from "../sliced.ts";
import { minSlicedTransportPlan } from "../sliced-variants.ts";
import { type TreeSlicedOptions, treeSlicedWassersteinGradient } from "../tree-sliced.ts";

export type Rows = readonly (readonly number[])[];

/** The gradient of a loss with respect to x [n, d], row-major; `lines` random lines, from the seed of the step. */
export type FlowGradient = (x: Points, y: Points, lines: number, seed: number) => Float64Array;

/** Inner steps of the methods that look for the worst lines. */
const innerSteps = 20;

/** The gradient of the power of a distance, from that of the distance. */
function ofPower(value: number, p: number, gradient: ArrayLike<number>): Float64Array {
  const derivative = p === 1 ? 1 : p * value ** (p - 1);
  const scaled = new Float64Array(gradient.length);
  for (let i = 0; i < scaled.length; i++) scaled[i] = gradient[i] * derivative;
  return scaled;
}

const sliced =
  (p: number): FlowGradient =>
  (x, y, lines, seed) => {
    const options: SlicedOptions = { p, nProjections: lines, seed };
    const { value, x: gradient } = slicedWassersteinGradient(x, y, options);
    return ofPower(value, p, gradient.data);
  };

function columnMeans({ size, dimension, data }: Cloud): number[] {
  const means = Array.from({ length: dimension }, () => 0);
  data.forEach((value, at) => (means[at % dimension] += value / size));
  return means;
}

/** The lower control variate of order 2: its coefficient counts as a constant of the step. */
const controlVariate: FlowGradient = (x, y, lines, seed) => {
  const [moving, target] = readClouds("controlVariate", x, y);
  const { dimension, size } = moving;
  const projections = randomProjections(dimension, lines, seed);
  const ofTarget = columnMeans(target);
  const meanGap = columnMeans(moving).map((c, j) => c - ofTarget[j]);
  const inner = projections[0].map((_, l) =>
    projections.reduce((sum, row, j) => sum + row[l] * meanGap[j], 0),
  );
  const { power, x: plain, value } = slicedWassersteinGradient(x, y, { projections });
  const { projectedEmds } = slicedWasserstein(x, y, { projections, log: true });
  const controls = inner.map((c) => c * c);
  const mean = controls.reduce((sum, c) => sum + c / lines, 0);
  const variance = controls.reduce((sum, c) => sum + (c - mean) ** 2, 0);
  const covariance = controls.reduce(
    (sum, c, l) => sum + (c - mean) * (projectedEmds[l] - power),
    0,
  );
  const coefficient = variance > 0 ? covariance / variance : 0;
  const gradient = ofPower(value, 2, plain.data);
  const ofControl = projections.map((row, j) => {
    const drawn = row.reduce((sum, c, l) => sum + (2 * inner[l] * c) / lines, 0);
    return (drawn - (2 * meanGap[j]) / dimension) / size;
  });
  return gradient.map((v, at) => v - coefficient * ofControl[at % dimension]);
};

const swgg: FlowGradient = (x, y, lines, seed) => {
  const [moving, target] = readClouds("swgg", x, y);
  const { dimension } = moving;
  const gradient = new Float64Array(moving.data.length);
  for (const [i, j, mass] of minSlicedTransportPlan(x, y, { nProjections: lines, seed }).plan)
    for (let k = 0; k < dimension; k++)
      gradient[i * dimension + k] +=
        2 * mass * (moving.data[i * dimension + k] - target.data[j * dimension + k]);
  return gradient;
};

const maxSliced: FlowGradient = (x, y, _lines, seed) => {
  const search = { nProjections: 1, starts: 1, steps: innerSteps, seed, log: true } as const;
  const { direction } = maxSlicedWasserstein(x, y, search);
  const projections = direction.map((c) => [c]);
  const { value, x: gradient } = slicedWassersteinGradient(x, y, { projections });
  return ofPower(value, 2, gradient.data);
};

/** Squared lengths of points. */
function squaredLengths({ size, dimension, data }: Cloud): Float64Array {
  const squares = new Float64Array(size);
  for (let i = 0, at = 0; i < size; i++)
    for (let k = 0; k < dimension; k++, at++) squares[i] += data[at] * data[at];
  return squares;
}

/** Adds `weight` times the unit vector from point j of y to point i of x, without loss of digits; nothing where they coincide. */
function addUnitVector(
  sums: Float64Array,
  x: Cloud,
  i: number,
  y: Cloud,
  j: number,
  weight: number,
): void {
  const { dimension } = x;
  const [start, other] = [i * dimension, j * dimension];
  let largest = 0; // distances are measured in units of it, so that no square underflows
  for (let k = 0; k < dimension; k++)
    largest = Math.max(largest, Math.abs(x.data[start + k] - y.data[other + k]));
  if (largest === 0) return;
  let squares = 0;
  for (let k = 0; k < dimension; k++)
    squares += ((x.data[start + k] - y.data[other + k]) / largest) ** 2;
  const share = weight / Math.sqrt(squares);
  for (let k = 0; k < dimension; k++)
    sums[start + k] += share * ((x.data[start + k] - y.data[other + k]) / largest);
}

/**
 * Adds `weight` times the unit vectors from all points of a cloud to each point of another, [n, d]: distances and sums as
 * products of matrices.
 */
function addUnitVectors(sums: Float64Array, x: Cloud, y: Cloud, weight: number): void {
  const { size, dimension } = x;
  const rows = Array.from({ length: y.size }, (_, j) =>
    y.data.subarray(j * dimension, (j + 1) * dimension),
  );
  const [ofX, ofY] = [squaredLengths(x), squaredLengths(y)];
  const products = projectAll(x, rows);
  const total = new Float64Array(size);
  for (const [j, shares] of products.entries())
    for (let i = 0; i < size; i++) {
      const whole = ofX[i] + ofY[j];
      const squares = whole - 2 * shares[i];
      const isSafe = squares > safeShare * whole;
      shares[i] = isSafe ? -weight / Math.sqrt(squares) : 0;
      total[i] -= shares[i];
      if (!isSafe) addUnitVector(sums, x, i, y, j, weight);
    }
  const fromOthers = pullBack(products, rows);
  for (let i = 0, at = 0; i < size; i++)
    for (let k = 0; k < dimension; k++, at++) sums[at] += total[i] * x.data[at] + fromOthers[at];
}

const energy: FlowGradient = (x, y) => {
  const [moving, target] = readClouds("energy", x, y);
  const gradient = new Float64Array(moving.data.length);
  addUnitVectors(gradient, moving, target, 2 / (moving.size * target.size));
  addUnitVectors(gradient, moving, moving, -2 / (moving.size * moving.size));
  return gradient;
};

const treeSliced =
  (order: number, delta?: number): FlowGradient =>
  (x, y, lines, seed) => {
    const { trees, unit } = treesAround([y], { lines, seed });
    const options: TreeSlicedOptions = {
      trees,
      order,
      ...(delta !== undefined && { splitting: { kind: "distance", delta, unit } }),
    };
    const { value, x: gradient } = treeSlicedWassersteinGradient(x, y, options);
    return ofPower(value, order, gradient.data);
  };

const maxTreeSliced: FlowGradient = (x, y, _lines, seed) => {
  const { trees, unit } = treesAround([y], { lines: 1, seed });
  const options = { trees, splitting: { kind: "distance", delta: 1, unit } } as const;
  const search = { ...options, steps: innerSteps, seed, log: true } as const;
  const { tree } = maxTreeSlicedWasserstein(x, y, search);
  return Float64Array.from(
    treeSlicedWassersteinGradient(x, y, { ...options, trees: [tree] }).x.data,
  );
};

export interface FlowMethod {
  readonly title: string;
  readonly gradient: FlowGradient;
  /** Takes far longer than the others: for the plane only. */
  readonly isSlow?: boolean;
}

/** The methods by name. */
export const flowMethods = {
  "sw-1": { title: "SW, order 1", gradient: sliced(1) },
  "sw-2": { title: "SW, order 2", gradient: sliced(2) },
  "tsw-sl": { title: "TSW-SL, order 1", gradient: treeSliced(1) },
  "tsw-sl-2": { title: "TSW-SL, order 2", gradient: treeSliced(2) },
  "db-tsw": { title: "Db-TSW, order 1, delta 1", gradient: treeSliced(1, 1) },
  "db-tsw-2": { title: "Db-TSW, order 2, delta 1", gradient: treeSliced(2, 1) },
  energy: { title: "energy distance", gradient: energy },
  lcv: { title: "LCV, order 2", gradient: controlVariate },
  swgg: { title: "min-SWGG", gradient: swgg },
  "max-sw": { title: "max-SW, order 2", gradient: maxSliced, isSlow: true },
  "max-tsw-sl": { title: "MaxTSW, order 1, delta 1", gradient: maxTreeSliced, isSlow: true },
} satisfies Record<string, FlowMethod>;

export type FlowMethodName = keyof typeof flowMethods;
