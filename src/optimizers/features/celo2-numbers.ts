// The inputs of Celo2 from numbers, in plain loops: the same as `celo2Features` on the engine, where putting thirty channels side by
// side costs more than all else that an update does.

import { sizeOf, stridesOf } from "../../core/shapes.ts";

/** Decays, limits, and what is added under roots. */
export interface Celo2Constants {
  readonly inputs: number;
  /** Inputs of tensors of less than two dimensions. */
  readonly vectorInputs: number;
  readonly momentDecays: readonly number[];
  readonly squareDecay: number;
  readonly gradientLimit: number;
  readonly smallGradient: number;
  readonly epsilon: { readonly second: number; readonly factored: number; readonly input: number };
}

/** The memory of one tensor of n networks; `rows` and `columns` for matrices, `squares` for the others. */
export interface Celo2MemoryNumbers {
  readonly moments: Float32Array;
  readonly second: Float32Array;
  readonly rows?: Float32Array;
  readonly columns?: Float32Array;
  readonly squares?: Float32Array;
}

/** For every entry its place in arrays in which some axes are gone. */
export interface Places {
  /** Without the largest axis, and without the second largest. */
  readonly row: Int32Array;
  readonly column: Int32Array;
  /** Without both: entries that are normalised together. */
  readonly group: Int32Array;
  readonly rows: number;
  readonly columns: number;
  readonly groups: number;
  /** For every row its group. */
  readonly groupOfRow: Int32Array;
}

/** Places of the entries of a shape, row-major, in the same shape without some axes. */
function placesWithout(shape: readonly number[], gone: readonly number[]): Int32Array {
  const strides = stridesOf(shape);
  const kept = shape.map((size, axis) => (gone.includes(axis) ? 1 : size));
  const reduced = stridesOf(kept).map((stride, axis) => (gone.includes(axis) ? 0 : stride));
  return Int32Array.from({ length: sizeOf(shape) }, (_, entry) =>
    strides.reduce(
      (place, stride, axis) => place + (Math.floor(entry / stride) % shape[axis]) * reduced[axis],
      0,
    ),
  );
}

export function placesOf(
  shape: readonly number[],
  [second, largest]: readonly [second: number, largest: number],
): Places {
  const row = placesWithout(shape, [largest]);
  const group = placesWithout(shape, [second, largest]);
  const rows = sizeOf(shape) / shape[largest];
  const groupOfRow = new Int32Array(rows);
  for (const [entry, at] of row.entries()) groupOfRow[at] = group[entry];
  return {
    row,
    column: placesWithout(shape, [second]),
    group,
    rows,
    columns: sizeOf(shape) / shape[second],
    groups: rows / shape[second],
    groupOfRow,
  };
}

/** keep * before + (1 - keep) * value. */
function mean(
  before: Float32Array,
  value: ArrayLike<number>,
  keep: number,
  next: Float32Array,
): void {
  for (let i = 0; i < next.length; i++) next[i] = keep * before[i] + (1 - keep) * value[i];
}

/** Means of values over the entries of every place. */
function meansAt(values: Float64Array, places: Int32Array, count: number): Float64Array {
  const sums = new Float64Array(count);
  for (let i = 0; i < values.length; i++) sums[places[i]] += values[i];
  const share = count / values.length;
  return sums.map((sum) => sum * share);
}

export const rsqrt = (x: number, added: number): number => 1 / Math.sqrt(x + added);

/** Divides every channel of an entry's features by its root mean square over the entries of the same group. */
function normalize(
  features: Float32Array,
  channels: number,
  inputs: number,
  { group, groups }: Pick<Places, "group" | "groups">,
  epsilon: number,
): void {
  const entries = group.length;
  const factors = new Float64Array(groups * channels);
  for (let i = 0; i < entries; i++) {
    const at = group[i] * channels;
    for (let c = 0; c < channels; c++) factors[at + c] += features[i * inputs + c] ** 2;
  }
  const share = groups / entries;
  for (let i = 0; i < factors.length; i++) factors[i] = rsqrt(factors[i] * share, epsilon);
  for (let i = 0; i < entries; i++) {
    const at = group[i] * channels;
    for (let c = 0; c < channels; c++) features[i * inputs + c] *= factors[at + c];
  }
}

/** One network's part of a tensor: its numbers, its memory before and after, and where its features go, [entries, inputs]. */
export interface Celo2Entry {
  readonly gradient: Float32Array;
  readonly param: Float32Array;
  readonly before: Celo2MemoryNumbers;
  readonly next: Celo2MemoryNumbers;
  readonly features: Float32Array;
}

const partAt = (list: Float32Array, at: number, size: number) =>
  list.subarray(at * size, (at + 1) * size);

/** The running means of rows and columns, and the factors 1 / root of second moments that they make. */
function factorsOf(
  squares: Float64Array,
  places: Places,
  { momentDecays, epsilon }: Celo2Constants,
  before: Celo2MemoryNumbers,
  next: Celo2MemoryNumbers,
) {
  const { row, column, rows, columns, groups, groupOfRow } = places;
  const [ofRows, ofColumns] = [meansAt(squares, row, rows), meansAt(squares, column, columns)];
  return momentDecays.map((decay, d) => {
    const [nextRows, nextColumns] = [next.rows as Float32Array, next.columns as Float32Array];
    const [r, c] = [partAt(nextRows, d, rows), partAt(nextColumns, d, columns)];
    mean(partAt(before.rows as Float32Array, d, rows), ofRows, decay, r);
    mean(partAt(before.columns as Float32Array, d, columns), ofColumns, decay, c);
    const mid = meansAt(Float64Array.from(r), groupOfRow, groups);
    return {
      r,
      c,
      rowFactor: Float64Array.from(r, (x, i) =>
        rsqrt(x / (mid[groupOfRow[i]] + epsilon.factored), epsilon.factored),
      ),
      columnFactor: Float64Array.from(c, (x) => rsqrt(x, epsilon.factored)),
    };
  });
}

/** What is worked out once for all tensors of a shape. */
interface ShapeParts {
  readonly constants: Celo2Constants;
  /** The gradient within its limit, and its square. */
  readonly gradients: Float64Array;
  readonly squares: Float64Array;
}

/** Where the channels of three decays begin. */
export const channelsOf = (count: number) => ({
  moments: 3,
  second: 3 + count,
  scaledMoments: 4 + count,
  root: 4 + 2 * count,
  factored: 5 + 2 * count,
  scaled: 5 + 3 * count,
  behind: 6 + 3 * count,
});

/** The inputs that do not depend on factored moments. */
function writePlain({ constants, gradients, squares }: ShapeParts, entry: Celo2Entry): void {
  const { param, before, next, features } = entry;
  const { inputs, momentDecays, squareDecay, smallGradient, epsilon } = constants;
  const { length } = gradients;
  const at = channelsOf(momentDecays.length);
  mean(before.second, squares, squareDecay, next.second);
  for (const [d, decay] of momentDecays.entries()) {
    const part = partAt(next.moments, d, length);
    mean(partAt(before.moments, d, length), gradients, decay, part);
    for (let i = 0, first = d; i < length; i++, first += inputs) {
      features[first + at.moments] = part[i];
      features[first + at.scaledMoments] = part[i] * rsqrt(next.second[i], epsilon.second);
    }
  }
  for (let i = 0, first = 0; i < length; i++, first += inputs) {
    const [g, root] = [gradients[i], rsqrt(next.second[i], epsilon.second)];
    features[first] = g;
    features[first + 1] = Math.min(Math.max(g, -smallGradient), smallGradient);
    features[first + 2] = param[i];
    features[first + at.second] = next.second[i];
    features[first + at.root] = root;
    features[first + at.scaled] = g * root;
  }
}

/** Inputs of tensors of less than two dimensions: second moments of every entry. */
function writeVector({ constants, gradients, squares }: ShapeParts, entry: Celo2Entry): void {
  const { inputs, momentDecays, epsilon } = constants;
  const { factored } = channelsOf(momentDecays.length);
  const { length } = gradients;
  for (const [d, decay] of momentDecays.entries()) {
    const part = partAt(entry.next.squares as Float32Array, d, length);
    mean(partAt(entry.before.squares as Float32Array, d, length), squares, decay, part);
    for (let i = 0; i < length; i++)
      entry.features[i * inputs + factored + d] = gradients[i] * rsqrt(part[i], epsilon.factored);
  }
}

/** Inputs of matrices: second moments of rows and columns. */
function writeMatrix(parts: ShapeParts, places: Places, entry: Celo2Entry): void {
  const { constants, gradients, squares } = parts;
  const { inputs, momentDecays, epsilon } = constants;
  const { before, next, features } = entry;
  const { row, column } = places;
  const { length } = gradients;
  const count = momentDecays.length;
  const { factored, behind } = channelsOf(count);
  const factors = factorsOf(squares, places, constants, before, next);
  for (const [d, { r, c, rowFactor, columnFactor }] of factors.entries()) {
    const part = partAt(next.moments, d, length);
    const rowRoots = Float64Array.from(r, (x) => rsqrt(x, epsilon.second));
    const columnRoots = Float64Array.from(c, (x) => rsqrt(x, epsilon.second));
    for (let i = 0, first = d; i < length; i++, first += inputs) {
      const [inRow, inColumn] = [row[i], column[i]];
      const factor = rowFactor[inRow] * columnFactor[inColumn];
      features[first + factored] = gradients[i] * factor;
      features[first + behind] = r[inRow];
      features[first + behind + count] = c[inColumn];
      features[first + behind + 2 * count] = rowRoots[inRow];
      features[first + behind + 3 * count] = columnRoots[inColumn];
      features[first + behind + 4 * count] = part[i] * factor;
    }
  }
}

/** Writes the features of a tensor of this shape, whose factored axes are these, and its next memory. */
export function celo2Numbers(
  shape: readonly number[],
  axes: readonly [second: number, largest: number] | null,
  constants: Celo2Constants,
): (entry: Celo2Entry) => void {
  const { inputs, vectorInputs, gradientLimit, epsilon } = constants;
  const entries = sizeOf(shape);
  const places = axes === null ? null : placesOf(shape, axes);
  const groups = places ?? { group: new Int32Array(entries), groups: 1 };
  const channels = places === null ? vectorInputs : inputs;
  const [gradients, squares] = [new Float64Array(entries), new Float64Array(entries)];
  const parts: ShapeParts = { constants, gradients, squares };
  return (entry) => {
    for (let i = 0; i < entries; i++) {
      gradients[i] = Math.min(Math.max(entry.gradient[i], -gradientLimit), gradientLimit);
      squares[i] = gradients[i] ** 2;
    }
    writePlain(parts, entry);
    if (places === null) writeVector(parts, entry);
    else writeMatrix(parts, places, entry);
    normalize(entry.features, channels, inputs, groups, epsilon.input);
  };
}
