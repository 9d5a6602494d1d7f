// Merging networks: a weighted average once every network was moved onto the first. More than two are aligned in rounds,
// each with the mean of the others, until none changes (MergeMany of Git Re-Basin, Ainsworth et al. 2023, algorithm 3, in a
// fixed order and with the first network held).

import { withWindings } from "../../parts/scaling/phases.ts";
import { OptionError, ShapeError } from "../../core/errors.ts";
import { equalShapes, formatShape } from "../../core/shapes.ts";
import type { Tensor } from "../../core/tensors.ts";
import { actOnTensor, partAction } from "../../symmetry/act.ts";
import {
  composeElements,
  type GroupElement,
  identityElement,
  invertElement,
} from "../../symmetry/element.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { type NormalizedNetwork, uniqueAxes, withNormalizedScales } from "../align.ts";
import { perEntry } from "../similarity.ts";
import type { NormalizedScales } from "../../parts/scaling/normalize-scales.ts";
import { matchWeights, type MatchOptions } from "../matching/match-weights.ts";
import {
  type MatchProblem,
  partReader,
  problemOf,
  type PartReader,
  type WeightReader,
} from "../../parts/problem.ts";

/** How long {@link alignMany} searches, and what it tells. */
export interface AlignManyOptions extends MatchOptions {
  /** Most rounds over all networks after the first alignment. @default 16 */
  readonly rounds?: number;
  /** Told when a network was matched: how many matches were made, and whether this one changed anything. */
  readonly onMatch?: (match: { round: number; network: number; changed: boolean }) => void;
}

/** Networks brought into one order: an element for each, and how alike they become. */
export interface ManyAlignment {
  /** One element per network, the identity for the first: each moves its network onto the first. */
  readonly elements: readonly GroupElement[];
  /** Mean similarity of every network with the mean of the others, aligned. */
  readonly similarity: number;
  /** Rounds until no axis changed; 0 for two networks. */
  readonly rounds: number;
  readonly unidentifiable: NormalizedScales["unidentifiable"];
}

/** A relative gain below this is rounding. */
const minGain = 1e-6;

/**
 * Aligns two or more networks with the first. Reads tensor by tensor, every network many times.
 * @throws {OptionError} for fewer than two networks, NaN or infinities; the signal's reason after an abort
 */
export async function alignMany(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  networks: readonly WeightReader[],
  options: AlignManyOptions = {},
): Promise<ManyAlignment> {
  const { rounds: maxRounds = 16, onMatch } = options;
  if (networks.length < 2)
    throw new OptionError(`alignMany: expected two networks or more, got ${networks.length}`);
  const problem = problemOf(spec);
  const readers = networks.map((read) => partReader(problem, read));
  const seen: NormalizedNetwork<MatchProblem>[] = [];
  for (const read of readers) seen.push(await withNormalizedScales(problem, read));
  const matches = [{ element: identityElement(seen[0].problem), similarity: 1 }];
  for (const [network, { read }] of seen.entries()) {
    if (network === 0) continue;
    const { element, score, entries } = await matchWeights(
      { problem: seen[0].problem, a: seen[0].read, b: read },
      options,
    );
    matches.push({ element, similarity: perEntry(score, entries) });
    onMatch?.({ round: 0, network, changed: true });
  }
  let round = 0;
  for (let changed = networks.length > 2; changed && round < maxRounds;) {
    round++;
    changed = false;
    for (let network = 1; network < networks.length; network++) {
      const others = seen.flatMap(({ read }, i) =>
        i === network ? [] : { read, element: matches[i].element },
      );
      const { element, score, startScore, entries } = await matchWeights(
        { problem: seen[0].problem, a: meanReader(seen[0].problem, others), b: seen[network].read },
        { ...options, from: matches[network].element },
      );
      const similarity = perEntry(score, entries);
      const moved = score > startScore + minGain * Math.abs(startScore);
      onMatch?.({ round, network, changed: moved });
      matches[network] = { element: moved ? element : matches[network].element, similarity };
      changed ||= moved;
    }
  }
  const toFirst = invertElement(problem, seen[0].normalized.element);
  const elements = [identityElement(problem)];
  for (const [i, { element }] of matches.entries()) {
    if (i === 0) continue;
    const moved = composeElements(problem, element, seen[i].normalized.element);
    const unwound = composeElements(problem, toFirst, moved);
    elements.push(await withWindings(problem, unwound, readers[0], readers[i]));
  }
  const similarities = matches.slice(1).map(({ similarity }) => similarity);
  return {
    elements,
    similarity: similarities.reduce((sum, s) => sum + s, 0) / similarities.length,
    rounds: round,
    unidentifiable: uniqueAxes(seen.flatMap(({ normalized }) => normalized.unidentifiable)),
  };
}

/** The mean of networks, each moved by its element. */
function meanReader(
  problem: MatchProblem,
  networks: readonly { readonly read: PartReader; readonly element: GroupElement }[],
): PartReader {
  const moved = networks.map(({ read, element }) => ({
    read,
    move: partAction(problem.axes, element),
  }));
  return async (part) => {
    const { dims } = problem.parts[part];
    let sizes: readonly number[] = [];
    let sum = new Float64Array(0);
    for (const { read, move } of moved) {
      const dense = move(dims, await read(part));
      if (sum.length === 0) sum = new Float64Array(dense.data.length);
      sizes = dense.sizes;
      for (let i = 0; i < sum.length; i++) sum[i] += dense.data[i] / networks.length;
    }
    return { sizes, data: sum };
  };
}

/** A network with its share in a merge and the element that moves it; without one it stays as it is. */
export interface MergePart {
  readonly read: WeightReader;
  readonly share: number;
  readonly element?: GroupElement;
}

/**
 * The weighted average of networks, tensor by tensor; tensors outside the spec are averaged as they are. Shares are used
 * as given: those of an average add up to 1.
 * @throws {ShapeError} naming a tensor whose shapes differ
 */
export function mergeWeights(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  networks: readonly MergePart[],
): WeightReader {
  return async (name) => {
    let shape: readonly number[] | undefined;
    let sum = new Float64Array(0);
    let wide = false;
    for (const { read, share, element } of networks) {
      const stored = await read(name);
      const tensor: Tensor = element ? actOnTensor(spec, element, name, stored) : stored;
      if (shape === undefined) {
        shape = tensor.shape;
        sum = new Float64Array(tensor.data.length);
      }
      if (!equalShapes(shape, tensor.shape))
        throw new ShapeError(
          `mergeWeights: tensor "${name}" has shapes ${formatShape(shape)} and ${formatShape(tensor.shape)}; networks of one architecture can be merged`,
        );
      wide ||= tensor.data instanceof Float64Array;
      for (let i = 0; i < sum.length; i++) sum[i] += share * tensor.data[i];
    }
    return { shape: shape ?? [], data: wide ? sum : Float32Array.from(sum) };
  };
}
