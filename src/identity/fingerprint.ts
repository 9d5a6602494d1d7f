// Fingerprints: short texts that are equal for any two members of one orbit, whatever the file format, the order of tensors
// or a widening of numbers. Reorderings and sign flips are followed bit by bit. Scales, phases and bases cannot be (they round):
// with them the fingerprint is made of a few invariants, rounded.

import { withoutPhases } from "../symmetry/phases.ts";
import { deriveSeed, randomStream } from "../core/random.ts";
import { frozenRecord } from "../core/records.ts";
import { plainNames } from "../infer/names/stored-names.ts";
import type { AxesAndTensors, SymmetrySpec } from "../symmetry/types.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { withNormalizedScales } from "../align/align.ts";
import { isContinuous } from "./canonical.ts";
import { tiesOf } from "./order-by-colours.ts";
import type { Tie } from "./sort-axes.ts";
import { type Colours, colourPart, refineColours } from "../parts/colours/colours.ts";
import { isCounter } from "../compare/compare-structure.ts";
import { axisFeatures } from "../parts/features/features.ts";
import { featureChannels, messageTo, rootMeanSquare } from "../parts/features/messages.ts";
import {
  inFloat64,
  partReader,
  problemOf,
  type MatchProblem,
  type PartReader,
} from "../parts/problem.ts";

/** A text that is the same over an orbit. */
export interface Fingerprint {
  /** 32 hexadecimal digits, equal over the whole orbit. */
  readonly fingerprint: string;
  /** 32 digits, equal over reorderings and sign flips only; changes with any bit. The same as `fingerprint` without scales. */
  readonly exact: string;
  /** Whether `fingerprint` comes from rounded invariants: the spec has scales, phases or bases. */
  readonly rounded: boolean;
  /** Indices that cannot be told apart by bits. */
  readonly ties: readonly Tie[];
  /** Prefixes of wrappers that all names had, and that have no say. */
  readonly stripped: readonly string[];
}

/**
 * Step of rounding, in units of the typical size of an invariant. Copies in float32 leave errors near 1e-7 of it; a changed
 * weight shows when it moves one of two sums by more than a step. Rates: `npm run experiment:fingerprints`.
 */
export const roundingStep = 2e-4;

/** @throws {OptionError} for NaN or infinities; {SpecError} {FormatError} as reading does */
export async function fingerprint(
  spec: AxesAndTensors,
  source: TensorSource,
): Promise<Fingerprint> {
  const named = withPlainNames(withFixed(spec, source));
  const { stripped } = named;
  const problem = problemOf(named.spec);
  const read = partReader(problem, (name) => source.read(named.stored(name)));
  const byBits = withoutPhases(problem);
  const colours = await refineColours(byBits, read);
  const ties = tiesOf(byBits, colours);
  const exact = await digest(await exactLines(byBits, read, colours));
  if (!isContinuous(spec)) return { fingerprint: exact, exact, rounded: false, ties, stripped };
  const rounded = await digest(await roundedLines(problem, read));
  return { fingerprint: rounded, exact, rounded: true, ties, stripped };
}

/** The spec under the names that tensors have without wrappers and in today's words, so that copies under others agree. */
function withPlainNames({ axes, tensors }: AxesAndTensors) {
  const { plain, stripped } = plainNames(Object.keys(tensors));
  const stored = new Map([...plain].map(([name, to]) => [to, name]));
  const renamed = Object.entries(tensors).map(
    ([name, tensor]) => [plain.get(name) ?? name, tensor] as const,
  );
  return {
    spec: { axes, tensors: frozenRecord(renamed) },
    stored: (name: string) => stored.get(name) ?? name,
    stripped,
  };
}

/** The spec with every tensor that it does not name, as fixed. */
function withFixed(spec: AxesAndTensors, source: TensorSource): AxesAndTensors {
  const others = [...source.entries].filter(
    ([name]) => !Object.hasOwn(spec.tensors, name) && !isCounter(name),
  );
  const fixed = others.map(([name, { shape }]) => [
    name,
    { shape, axes: shape.map((size) => ({ kind: "block", size })) },
  ]);
  return {
    axes: spec.axes,
    tensors: { ...spec.tensors, ...(Object.fromEntries(fixed) as SymmetrySpec["tensors"]) },
  };
}

async function exactLines(
  problem: MatchProblem,
  read: PartReader,
  colours: Colours,
): Promise<string[]> {
  const scratch = Object.fromEntries(
    Object.entries(colours).map(([axis, { lo, hi, signed }]) => [
      axis,
      { lo: lo.slice(), hi: hi.slice(), signed },
    ]),
  );
  const lines: string[] = [];
  for (const [index, part] of problem.parts.entries()) {
    const { data, sizes } = await read(index);
    const { lo, hi } = colourPart(problem, part, data, colours, scratch);
    lines.push(`${part.name} [${sizes.join(", ")}] ${lo} ${hi}`);
  }
  return lines;
}

/** Shapes, and two rounded sums over all parts of their contractions with features of every index. */
async function roundedLines(given: MatchProblem, read: PartReader): Promise<string[]> {
  const { read: readNormalized, problem } = await withNormalizedScales(given, inFloat64(read));
  const features = await axisFeatures(problem, readNormalized);
  const lines: string[] = [];
  const sums = [0, 0];
  for (const [index, part] of problem.parts.entries()) {
    const dense = await readNormalized(index);
    lines.push(`${part.name} [${dense.sizes.join(", ")}]`);
    const message = messageTo(problem, part, dense, null, features);
    const size = Math.sqrt(Math.max(1, dense.data.length));
    for (let r = 0; r < featureChannels; r++) sums[r % 2] += message[r] / size;
    // Messages are in units of the part's root mean square, so its magnitude is added for itself.
    const magnitude = Math.log(rootMeanSquare(dense.data) || 1);
    const random = randomStream(deriveSeed(0, "magnitude", part.name));
    for (let k = 0; k < sums.length; k++) sums[k] += (0.5 + random.uniform()) * magnitude;
  }
  const typical = Math.sqrt((problem.parts.length * featureChannels) / 2);
  const steps = sums.map((sum) => Math.round(sum / (typical * roundingStep)) + 0); // no -0
  return [...lines, `rounded ${steps.join(" ")}`];
}

/** The first 128 bits of SHA-256 over sorted lines. */
export async function digest(lines: readonly string[]): Promise<string> {
  const bytes = new TextEncoder().encode(lines.toSorted().join("\n"));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
