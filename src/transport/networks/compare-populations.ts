// Whether two populations of networks are the same: permutation tests on invariant features and on clouds of neurons, one
// statistic after another, with one p-value over all of them.

import { OptionError, SpecError } from "../../core/errors.ts";
import { deriveSeed } from "../../core/random.ts";
import type { Weights } from "../../core/tensors.ts";
import { specDifference } from "../../symmetry/same-spec.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { type Cloud, readClouds } from "../points.ts";
import {
  checkPermutationOptions,
  type PermutationBlocks,
  type PermutationRun,
  type PermutationTestResult,
  permute,
  prepareOn,
} from "./permutation-test.ts";
import { invariantFeatures, principalComponents, slicedFeatures } from "./population-features.ts";
import {
  kernelStatistic,
  pairDistances,
  type PreparedStatistic,
  type TwoSampleStatistic,
} from "./two-sample.ts";

/** Statistics on features, and the kernel test on clouds of neurons. */
export type PopulationStatistic = TwoSampleStatistic | "cloud-mmd";

export const populationStatistics: readonly PopulationStatistic[] = [
  "sw1",
  "db-tsw",
  "energy",
  "mmd",
  "cloud-mmd",
];

/** Networks of one spec. */
export interface Population {
  readonly spec: SymmetrySpec;
  readonly networks: readonly Weights[];
}

/** What {@link comparePopulations} tests, and from where it goes on. */
export interface ComparePopulationsOptions extends Omit<PermutationRun, "blocks"> {
  /** @default all of them */
  readonly statistics?: readonly PopulationStatistic[];
  /** Principal components of the invariant features that `sw1`, `db-tsw`, `energy` and `mmd` read. @default 3 */
  readonly components?: number;
  /** Results of an earlier run with the same options, which are not computed again. */
  readonly known?: readonly PopulationTest[];
  /** Where finished blocks of relabellings of a statistic are kept. @default nowhere */
  readonly blocksOf?: (statistic: PopulationStatistic) => PermutationBlocks;
  /** Told about every result as it ends. */
  readonly onResult?: (result: PopulationTest) => void | Promise<void>;
}

/** One test of two populations. */
export interface PopulationTest extends PermutationTestResult {
  readonly statistic: PopulationStatistic;
}

/** Whether two populations of networks are the same, by every test that was asked for. */
export interface PopulationComparison {
  readonly sizes: readonly [number, number];
  readonly tests: readonly PopulationTest[];
  /** The smallest p-value times the number of tests (Bonferroni), at most 1: the one to judge by. */
  readonly pValue: number;
}

function checkPopulations(a: Population, b: Population): void {
  const caller = "comparePopulations";
  const difference = specDifference(a.spec, b.spec);
  if (difference !== null)
    throw new SpecError(`${caller}: the populations are of different architectures`, [
      { severity: "error", message: difference },
    ]);
  for (const [name, { networks }] of [
    ["first", a],
    ["second", b],
  ] as const)
    if (networks.length < 2)
      throw new OptionError(
        `${caller}: the ${name} population has ${networks.length} networks, expected at least 2`,
      );
}

/** Prepares statistics of two populations; what several of them read is made once. */
function preparations(
  a: Population,
  b: Population,
  { components, seed }: { readonly components: number; readonly seed: number },
): (statistic: PopulationStatistic) => PreparedStatistic {
  const all = [...a.networks, ...b.networks];
  const n = a.networks.length;
  let features: readonly [Cloud, Cloud] | undefined;
  return (statistic) => {
    if (statistic === "cloud-mmd") {
      const rows = all.map((weights) =>
        slicedFeatures(a.spec, weights, { seed: deriveSeed(seed, "slices") }),
      );
      const data = Float64Array.from(rows.flatMap((row) => [...row]));
      return kernelStatistic(pairDistances({ size: rows.length, dimension: rows[0].length, data }));
    }
    if (features === undefined) {
      const rows = principalComponents(
        all.map((weights) => invariantFeatures(a.spec, weights)),
        components,
      );
      features = readClouds("comparePopulations", rows.slice(0, n), rows.slice(n));
    }
    return prepareOn(statistic, features, { seed });
  };
}

/**
 * Permutation tests of two populations of networks. Symmetries of single networks do not matter. Networks must be independent: take
 * one checkpoint a run. With few networks the smallest possible p-value is 1 / (permutations + 1), times the number of statistics.
 * @throws {SpecError} for different architectures; {OptionError} for fewer than two networks, weights that are not finite, or an
 * unknown statistic; the signal's reason after an abort
 */
export async function comparePopulations(
  a: Population,
  b: Population,
  options: ComparePopulationsOptions = {},
): Promise<PopulationComparison> {
  const { statistics = populationStatistics, components = 3, known = [], seed = 0 } = options;
  const unknown = statistics.find((name) => !populationStatistics.includes(name));
  if (unknown !== undefined || statistics.length === 0)
    throw new OptionError(
      `comparePopulations: statistic ${JSON.stringify(unknown)}, expected some of ${populationStatistics.join(", ")}`,
    );
  checkPopulations(a, b);
  checkPermutationOptions("comparePopulations", options);
  const [n, m] = [a.networks.length, b.networks.length];
  const preparation = preparations(a, b, { components, seed });
  const test = (statistic: PopulationStatistic): Promise<PermutationTestResult> => {
    const blocks = options.blocksOf?.(statistic);
    const run = { ...options, ...(blocks && { blocks }) };
    return permute(() => preparation(statistic), n, m, run);
  };
  const tests: PopulationTest[] = [];
  for (const statistic of statistics) {
    options.signal?.throwIfAborted();
    const earlier = known.find((result) => result.statistic === statistic);
    const result = earlier ?? { statistic, ...(await test(statistic)) };
    tests.push(result);
    if (earlier === undefined) await options.onResult?.(result);
  }
  const smallest = Math.min(...tests.map(({ pValue }) => pValue));
  return { sizes: [n, m], tests, pValue: Math.min(1, smallest * tests.length) };
}
