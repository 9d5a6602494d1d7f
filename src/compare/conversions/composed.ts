// Weights that a file stores in parts: length and direction (Salimans and Kingma 2016, weight normalisation), whole numbers with
// their scales, in tensors of their own or in blocks. Here they are one tensor of real numbers, which may be off by what the form
// rounds.

import { OptionError } from "../../core/errors.ts";
import { equalShapes, sizeOf } from "../../core/shapes.ts";
import type { Tensor } from "../../core/tensors.ts";
import {
  makeTensorSource,
  type TensorEntry,
  type TensorSource,
} from "../../formats/tensor-source.ts";
import { plainNames } from "../../infer/names/stored-names.ts";
import type { ConversionKind } from "./conversion.ts";

/** A tensor made of several stored ones. */
export interface Composite {
  readonly kind: ConversionKind & ("decompose" | "quantise");
  /** Stored tensors it is made of. */
  readonly parts: readonly string[];
  readonly shape: readonly number[];
  /** Its numbers, and by how much each may be off. */
  readonly read: () => Promise<{ readonly tensor: Tensor; readonly slack: Float64Array }>;
}

/** A file some of whose tensors are made of parts. */
export interface ComposedSource extends TensorSource {
  /** By name. */
  readonly composites: ReadonlyMap<string, Composite>;
}

/** The file with its parts put together where the other file has them together. */
export function composed(source: TensorSource, other: TensorSource): ComposedSource {
  const composites = new Map<string, Composite>();
  const { plain } = plainNames([...source.entries.keys()]);
  const stored = new Map([...plain].map(([name, to]) => [to, name]));
  const otherNames = plainNames([...other.entries.keys()]).plain;
  const others = new Set(otherNames.values());
  const otherStored = new Map([...otherNames].map(([name, to]) => [to, name]));
  for (const [name, to] of plain) {
    const found =
      weightNorm(source, name, to, stored, others) ??
      quantised(source, name, to, stored, others) ??
      inBlocks(source, name, other.entries.get(otherStored.get(to) ?? ""));
    if (found !== undefined) composites.set(found.name, found.composite);
  }
  if (composites.size === 0) return Object.freeze({ ...source, composites });
  const hidden = new Set([...composites.values()].flatMap(({ parts }) => parts));
  const entries = new Map<string, Pick<TensorEntry, "dtype" | "shape">>();
  for (const [name, entry] of source.entries) if (!hidden.has(name)) entries.set(name, entry);
  for (const [name, { shape }] of composites) entries.set(name, { dtype: "F32", shape });
  const made = makeTensorSource({
    file: { location: source.location },
    format: source.format,
    entries,
    metadata: source.metadata,
    ...rawOf(source, (name) => (composites.has(name) ? undefined : name)),
    load: async (name) => {
      const composite = composites.get(name);
      if (composite === undefined) return (await source.readStored(name)).data;
      const { data } = (await composite.read()).tensor;
      return new Uint8Array(Float32Array.from(data).buffer);
    },
  });
  return Object.freeze({ ...made, composites });
}

/** Reads bytes as they lie in a file under other names; the parts of a source that do so, where the file can. */
export function rawOf(
  { readRaw, location }: TensorSource,
  storedName: (name: string) => string | undefined,
): { readonly loadRaw?: (name: string) => Promise<Uint8Array> } {
  if (readRaw === undefined) return {};
  return {
    loadRaw: (name) => {
      const stored = storedName(name);
      if (stored !== undefined) return readRaw(stored);
      throw new OptionError(
        `readRaw: tensor ${JSON.stringify(name)} of ${location} is made of several stored ones, expected one that lies in the file as it is`,
      );
    },
  };
}

interface Found {
  readonly name: string;
  readonly composite: Composite;
}

type Stored = ReadonlyMap<string, string>;

/** Float32 operations that a weight of this form passes through. */
const roundings = 8 * 2 ** -24;

function weightNorm(
  source: TensorSource,
  name: string,
  plain: string,
  stored: Stored,
  others: ReadonlySet<string>,
): Found | undefined {
  if (!plain.endsWith("_v")) return undefined;
  const base = plain.slice(0, -"_v".length);
  const lengths = stored.get(`${base}_g`);
  if (lengths === undefined || others.has(plain) || !others.has(base)) return undefined;
  const shape = source.entries.get(name)?.shape ?? [];
  const gShape = source.entries.get(lengths)?.shape ?? [];
  const isAlong =
    gShape.length === shape.length && gShape.every((n, i) => n === 1 || n === shape[i]);
  if (!isAlong && sizeOf(gShape) !== 1) return undefined;
  const read = async () => {
    const [v, g] = [await source.read(name), await source.read(lengths)];
    const group = groupsOf(shape, isAlong ? gShape : shape.map(() => 1));
    const norms = new Float64Array(g.data.length);
    for (const [i, x] of v.data.entries()) norms[group(i)] += x * x;
    const data = Float64Array.from(
      v.data,
      (x, i) => (g.data[group(i)] * x) / Math.sqrt(norms[group(i)]),
    );
    return { tensor: { shape, data }, slack: data.map((x) => Math.abs(x) * roundings + 1e-30) };
  };
  return { name: base, composite: { kind: "decompose", parts: [lengths, name], shape, read } };
}

/** The entry of a smaller array, of sizes 1 or the same, that stands for an entry of a larger one. */
export function groupsOf(
  shape: readonly number[],
  groups: readonly number[],
): (i: number) => number {
  return (i) => {
    let [rest, place, step] = [i, 0, 1];
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      const at = rest % shape[dim];
      rest = Math.floor(rest / shape[dim]);
      // Blocks of equal length, the last one shorter, where there are fewer groups than entries.
      const block = Math.ceil(shape[dim] / groups[dim]);
      place += Math.floor(at / block) * step;
      step *= groups[dim];
    }
    return place;
  };
}

const scaleNames = [
  [/$/, "_scale"],
  [/weight$/, "weight_scale_inv"],
  [/weight$/, "scale"],
  [/weight$/, "SCB"],
  [/_quantized$/, "_scale"],
] as const;

const zeroNames = [
  [/$/, "_zero_point"],
  [/weight$/, "zero_point"],
  [/_quantized$/, "_zero_point"],
] as const;

const firstOf = (name: string, endings: readonly (readonly [RegExp, string])[], stored: Stored) =>
  endings
    .filter(([pattern]) => pattern.test(name))
    .map(([pattern, by]) => stored.get(name.replace(pattern, by)))
    .find((found) => found !== undefined);

const isSmall = (dtype: string): boolean => /^(I8|U8|F8_E4M3|F8_E5M2)$/.test(dtype);

/** Weights that a file holds as whole numbers or small floats, with the tensor of their scales. */
export function quantisedWeights({
  entries,
}: Pick<TensorSource, "entries">): ReadonlyMap<string, string> {
  const { plain } = plainNames([...entries.keys()]);
  const stored = new Map([...plain].map(([name, to]) => [to, name]));
  const found = new Map<string, string>();
  for (const [name, to] of plain) {
    const scale = isSmall(entries.get(name)?.dtype ?? "")
      ? firstOf(to, scaleNames, stored)
      : undefined;
    if (scale !== undefined && scale !== name) found.set(name, scale);
  }
  return found;
}

function quantised(
  source: TensorSource,
  name: string,
  plain: string,
  stored: Stored,
  others: ReadonlySet<string>,
): Found | undefined {
  const { dtype, shape } = source.entries.get(name) ?? { dtype: "F32", shape: [] };
  const scale = isSmall(dtype) ? firstOf(plain, scaleNames, stored) : undefined;
  if (scale === undefined) return undefined;
  const base = plain.replace(/_quantized$/, "");
  const zero = firstOf(plain, zeroNames, stored);
  // The other file has the same form: nothing is to be put together.
  if (others.has(plain) && plainHas(others, plain, scaleNames)) return undefined;
  if (!others.has(base)) return undefined;
  const groups = groupShape(source.entries.get(scale)?.shape ?? [], shape);
  if (groups === undefined) return undefined;
  const unit = scale.endsWith("SCB") ? 1 / 127 : 1;
  const read = async () => {
    const [q, s] = [await source.read(name), await source.read(scale)];
    const z = zero === undefined ? undefined : await source.read(zero);
    const group = groupsOf(shape, groups);
    const step = (i: number) => s.data[group(i)] * unit;
    const offset = (i: number) => z?.data[z.data.length === 1 ? 0 : group(i)] ?? 0;
    const data = Float64Array.from(q.data, (x, i) => (x - offset(i)) * step(i));
    // Half a step of whole numbers; small floats are off by a share of their size.
    const share = dtype === "F8_E4M3" ? 2 ** -4 : dtype === "F8_E5M2" ? 2 ** -3 : 0;
    const slack = data.map((x, i) =>
      share === 0
        ? Math.abs(step(i)) * 0.5 * (1 + 1e-5)
        : Math.max(Math.abs(x) * share, Math.abs(step(i)) * 2 ** -9) * (1 + 1e-5),
    );
    return { tensor: { shape, data }, slack };
  };
  const parts = [name, scale, ...(zero === undefined ? [] : [zero])];
  return { name: base, composite: { kind: "quantise", parts, shape, read } };
}

/** Real numbers that one file holds quantised and the other, which has `entry`, as they are. */
function inBlocks(
  source: TensorSource,
  name: string,
  entry: TensorEntry | undefined,
): Found | undefined {
  const stored = source.entries.get(name);
  if (!isQuantisedHere(source, name, entry)) return undefined;
  const read = async () => {
    const steps = (await source.readSteps?.(name)) ?? new Float32Array();
    // Ends of the range of a block are cut off, so that a value may lie a whole step beside its own; scales are rounded too.
    return { tensor: await source.read(name), slack: Float64Array.from(steps, (x) => x * 1.01) };
  };
  return { name, composite: { kind: "quantise", parts: [name], shape: stored?.shape ?? [], read } };
}

const isFloat = ({ dtype }: TensorEntry) => /^B?F(16|32|64)$/.test(dtype);

function isQuantisedHere(
  { quantised, entries }: TensorSource,
  name: string,
  other: TensorEntry | undefined,
): boolean {
  const entry = entries.get(name);
  if (quantised?.has(name) !== true || entry === undefined || other === undefined) return false;
  if (entry.unreadable !== undefined || other.unreadable !== undefined) return false;
  return other.stored === undefined && isFloat(other) && equalShapes(entry.shape, other.shape);
}

/** Whether one of two files holds a tensor of both quantised and the other as it is. */
export const differInBlocks = (a: TensorSource, b: TensorSource): boolean =>
  [...a.entries].some(([name, entry]) => {
    const other = b.entries.get(name);
    return isQuantisedHere(a, name, other) || isQuantisedHere(b, name, entry);
  });

const plainHas = (
  names: ReadonlySet<string>,
  plain: string,
  endings: readonly (readonly [RegExp, string])[],
) => endings.some(([pattern, by]) => pattern.test(plain) && names.has(plain.replace(pattern, by)));

/** How many scales there are along every dimension; undefined for a shape that says nothing. */
function groupShape(
  scale: readonly number[],
  shape: readonly number[],
): readonly number[] | undefined {
  if (sizeOf(scale) === 1) return shape.map(() => 1);
  if (scale.length === shape.length && scale.every((n, i) => n <= shape[i])) return scale;
  if (scale.length === 1 && scale[0] === shape[0]) return shape.map((n, i) => (i === 0 ? n : 1));
  return undefined;
}

/** Whether numbers are those of a composite as far as its form can tell. */
export async function isWithin(composite: Composite, other: Tensor): Promise<boolean> {
  const { tensor, slack } = await composite.read();
  if (!equalShapes(tensor.shape, other.shape)) return false;
  return tensor.data.every((x, i) => Math.abs(x - other.data[i]) <= slack[i]);
}
