// What there is to match: the axes of a spec and its tensors taken apart into single-axis parts. Matching, features and
// colours see parts only, so every architecture takes the same path.

import { OptionError, ShapeError } from "../core/errors.ts";
import { frozenRecord } from "../core/records.ts";
import { equalShapes, formatShape, sizeOf } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";
import { decompose, type Part, type PartDim } from "../symmetry/parts.ts";
import type { Axis, SymmetrySpec } from "../symmetry/types.ts";
import { densePart, type Dense } from "../symmetry/dense.ts";

/** A part of a tensor as matching sees it: its dimensions and the axes they move with. */
export interface MatchPart {
  /** The tensor, with a number when it has several parts. */
  readonly name: string;
  readonly dims: readonly PartDim[];
}

/** What is matched: axes with their groups, and the parts of tensors that move with them. */
export interface MatchProblem {
  readonly axes: Readonly<Record<string, Axis>>;
  readonly parts: readonly MatchPart[];
}

/** Numbers of one part of one network, by its position in the problem. */
export type PartReader = (part: number) => Promise<Dense>;

/** One tensor of a network by name; called again and again, so that a network need not fit in memory. */
export type WeightReader = (name: string) => Promise<Tensor>;

/** Parts with the tensor each lies in. */
export interface SpecProblemParts extends MatchProblem {
  readonly sources: readonly Part[];
  /** By tensor. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

/** The matching problem of a spec. */
export function problemOf(spec: Pick<SymmetrySpec, "axes" | "tensors">): SpecProblemParts {
  const { parts: sources } = decompose(spec);
  const parts = sources.map(({ name, dims }): MatchPart => ({ name, dims }));
  const shapes = frozenRecord(
    Object.entries(spec.tensors).map(([name, { shape }]) => [name, shape] as const),
  );
  return { axes: spec.axes, parts, sources, shapes };
}

/** Numbers of a network that are kept as they were read: 16 MB. */
const maxRead = 2 ** 22;

/**
 * Parts of a network read tensor by tensor. The last tensor is kept, so that its parts cost one read; so are all tensors as far
 * as they hold 4 million numbers together, as matching reads thousands of small ones again and again.
 * @throws {OptionError} naming the tensor and entry of a NaN or an infinity; {ShapeError} naming a tensor of another shape.
 */
export function partReader(problem: SpecProblemParts, read: WeightReader): PartReader {
  let last: { name: string; tensor: Promise<Tensor> } | undefined;
  const kept = new Map<string, Promise<Tensor>>();
  let room = maxRead;
  const tensorOf = (name: string): Promise<Tensor> => {
    const known = last?.name === name ? last.tensor : kept.get(name);
    if (known !== undefined) return known;
    const tensor = read(name).then((found) => checked(problem, name, found));
    last = { name, tensor };
    const size = sizeOf(problem.shapes[name]);
    if (size > room) return tensor;
    room -= size;
    kept.set(name, tensor);
    return tensor;
  };
  return async (part) => {
    const source = problem.sources[part];
    return densePart(source, (await tensorOf(source.tensor)).data);
  };
}

function checked({ shapes }: SpecProblemParts, name: string, tensor: Tensor): Tensor {
  const { data, shape } = tensor;
  if (!equalShapes(shape, shapes[name]))
    throw new ShapeError(
      `align: tensor "${name}" has shape ${formatShape(shape)}, expected ${formatShape(shapes[name])} from the spec`,
    );
  let at = 0;
  while (at < data.length && Number.isFinite(data[at])) at++;
  if (at === data.length) return tensor;
  throw new OptionError(
    `align: tensor "${name}" holds ${tensor.data[at]} at entry ${at} of ${sizeOf(tensor.shape)}, expected finite numbers; a network with NaN or infinities cannot be matched`,
  );
}

/** Entries of a network whose parts are kept: 256 MiB of float32. */
const maxKept = 2 ** 26;

/** A reader that makes every part once and keeps it, where the network is not too large for that. */
export function keepingReader({ parts }: MatchProblem, read: PartReader): PartReader {
  const entries = parts.reduce((sum, { dims }) => sum + sizeOf(dims.map(({ size }) => size)), 0);
  if (entries > maxKept) return read;
  const kept = new Map<number, Promise<Dense>>();
  return (part) => {
    const known = kept.get(part);
    if (known !== undefined) return known;
    const made = read(part);
    kept.set(part, made);
    return made;
  };
}

/** The same numbers as float64, for what must not add rounding of its own. */
export function inFloat64(read: PartReader): PartReader {
  return async (part) => {
    const { sizes, data } = await read(part);
    return { sizes, data: Float64Array.from(data) };
  };
}
