// Two networks compared, after the conversions that take one to the names and shapes of the other.

import { isAdapter, readAdapter } from "../adapters/adapter.ts";
import { type AdapterComparison, compareAdapters } from "../adapters/compare-adapters.ts";
import { withoutFunctionNames } from "../core/plain-message.ts";
import { compareCheckpoints } from "../compare/compare-checkpoints.ts";
import type { CompareOptions, Comparison } from "../compare/comparison.ts";
import { alignDifferent } from "../compare/align-different.ts";
import { compareStructure, type StructureDifference } from "../compare/compare-structure.ts";
import { readAdapterKey } from "../infer/names/read-adapter-key.ts";
import { differInBlocks } from "../compare/conversions/composed.ts";
import type { Conversion, LayerOrder } from "../compare/conversions/conversion.ts";
import { commonSource, convertedSource } from "../compare/conversions/converted-source.ts";
import { planConversion, type PlannedConversion } from "../compare/conversions/plan-conversion.ts";
import { SpecError } from "../core/errors.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { isTied } from "../infer/names/config.ts";
import { findSpec, type RequestedSpec } from "./find-spec.ts";
import type { FoundSpec } from "./found-spec.ts";
import type { Network } from "./network.ts";
import { vocabularyRows, withRows } from "./sketch-fit.ts";

/** What is known of the symmetries of a pair, or why nothing is. */
export type Symmetries = FoundSpec | { readonly reason: string };

/** Two networks with the judgment about them. */
export interface ComparedNetworks {
  readonly comparison: Comparison;
  /** What takes the first file to the second one's names and shapes; none where these are equal. */
  readonly conversions: readonly Conversion[];
  /** Why something that looks like a conversion is none. */
  readonly refused: readonly string[];
  readonly found: Symmetries;
  /** Both files as they were compared. */
  readonly sources: readonly [TensorSource, TensorSource];
}

/** How {@link compareNetworks} finds symmetries and compares. */
export interface CompareNetworksOptions extends Pick<
  CompareOptions,
  "align" | "signal" | "onStep"
> {
  /** What is known of the symmetries. @default what the files tell */
  readonly requested?: RequestedSpec;
}

/**
 * Compares two networks, whatever their files call their tensors, under the symmetries that are requested or that the files
 * tell.
 * @throws {SpecError} when a given spec fits neither file; {OptionError} {UnsupportedError} as `findSpec` and `compareCheckpoints`;
 * {FormatError} {EnvironmentError} when a file cannot be read; the signal's reason after an abort
 */
export async function compareNetworks(
  a: Network,
  b: Network,
  options: CompareNetworksOptions = {},
): Promise<ComparedNetworks> {
  const { requested = {} } = options;
  const areTold = requested.spec !== undefined || requested.model !== undefined;
  if (!areTold && isAdapter(a.source.entries) && isAdapter(b.source.entries))
    return compareAsAdapters(a, b, options);
  const { missing, extra, reshaped } = compareStructure(a.source, b.source);
  const isWhole =
    missing.length + extra.length + reshaped.length === 0 && !differInBlocks(a.source, b.source);
  const compare = comparerOf(options);
  const plan = isWhole ? undefined : await planOf(a, b, options);
  if (plan === undefined || plan.conversions.length === 0) {
    const found = await findSpec(a, requested, [b.source]);
    const comparison = await compare(a.source, b.source, specOf(found));
    const refused = plan?.refused ?? [];
    return { comparison, conversions: [], refused, found, sources: [a.source, b.source] };
  }
  return compareAfter([a, b], options, plan);
}

/** Two low-rank adapters, by what they add to their base. */
async function compareAsAdapters(
  a: Network,
  b: Network,
  { signal, onStep }: CompareNetworksOptions,
): Promise<ComparedNetworks> {
  const adapters = await compareAdapters(
    await readAdapter(a.source, a.adapterConfig),
    await readAdapter(b.source, b.adapterConfig),
    { ...(signal && { signal }), ...(onStep && { onStep }) },
  );
  const { verdict, rounded, renamed } = adapters;
  const structure = structureOf(a.source, b.source, renamed);
  return {
    comparison: { verdict, structure, rounded, tensors: [], reordered: [], adapters },
    conversions: renamed.map(({ from, to, by }) => ({
      kind: "rename",
      from: [from],
      to: [to],
      by,
    })),
    refused: [],
    found: { reason: adaptersReason },
    sources: [a.source, b.source],
  };
}

/** What one file has alone, once names are those of the second one; alpha is told elsewhere. */
function structureOf(
  a: TensorSource,
  b: TensorSource,
  renamed: AdapterComparison["renamed"],
): StructureDifference {
  const there = new Map(renamed.map(({ from, to }) => [from, to]));
  const made = new Set(there.values());
  const { missing, extra, ...rest } = compareStructure(a, b);
  const isLost = (name: string) => readAdapterKey(name)?.role !== "alpha";
  return {
    ...rest,
    missing: missing.filter((name) => !there.has(name) && isLost(name)),
    extra: extra.filter((name) => !made.has(name) && isLost(name)),
    common: [...new Set([...rest.common, ...made])],
  };
}

/** Why adapters have no spec here. */
const adaptersReason = "low-rank adapters are compared by what they add, scale * B A";

/**
 * Networks that differ, compared without alignment before (`align: false`), with how far they are apart after it; others as
 * they are. So that a verdict can be told at once, and the rest when it is known.
 * @throws {FormatError} {EnvironmentError} when a file cannot be read; the signal's reason after an abort
 */
export async function alignCompared(
  compared: ComparedNetworks,
  options: Pick<CompareOptions, "signal" | "onStep"> = {},
): Promise<ComparedNetworks> {
  const spec = specOf(compared.found);
  if (compared.comparison.alignment !== undefined || spec === undefined) return compared;
  const comparison = await alignDifferent(compared.comparison, compared.sources, {
    ...options,
    spec,
  });
  return { ...compared, comparison };
}

const specOf = (found: Symmetries) => ("spec" in found ? found.spec : undefined);

async function planOf(
  a: Network,
  b: Network,
  { requested: { names = {} } = {}, signal }: CompareNetworksOptions,
): Promise<PlannedConversion> {
  const tied = names.tied ?? isTied(names.config);
  return planConversion(a.source, b.source, { tied, ...(signal && { signal }) });
}

/** Compares under the symmetries of the second file or, where only those of the first are known, under those. */
async function compareAfter(
  [a, b]: readonly [Network, Network],
  options: CompareNetworksOptions,
  plan: PlannedConversion,
): Promise<ComparedNetworks> {
  const { requested = {} } = options;
  const compare = comparerOf(options);
  const [ofSecond, ofFirst] = [
    await specOrReason(b, requested, a),
    await specOrReason(a, requested, b),
  ];
  if ("spec" in ofSecond || !("spec" in ofFirst)) {
    if ("error" in ofSecond && requested.spec !== undefined) throw ofSecond.error;
    const found = await onRows(ofSecond, plan);
    const sources = [convertedSource(plan), commonSource(plan)] as const;
    const comparison = inOrderOf(await compare(...sources, specOf(found)), plan.layerOrders);
    return { comparison, conversions: plan.conversions, refused: plan.refused, found, sources };
  }
  const back = await planOf(b, a, options);
  const found = await onRows(ofFirst, back);
  const sources = [commonSource(back), convertedSource(back)] as const;
  const orders = back.layerOrders.map(({ numbers, ...order }) => ({
    ...order,
    from: order.to,
    to: order.from,
    numbers: numbers
      .map(([from, to]) => [to, from] as const)
      .toSorted(([x], [y]) => x.localeCompare(y, "en", { numeric: true })),
  }));
  const comparison = inOrderOf(await compare(...sources, specOf(found)), orders);
  const conversions = back.conversions.map(turnedRound);
  return { comparison, conversions, refused: back.refused, found, sources };
}

/** A comparison that does not call networks the same whose layers stand in another order. */
function inOrderOf(comparison: Comparison, layerOrders: readonly LayerOrder[]): Comparison {
  if (layerOrders.length === 0) return comparison;
  const { verdict } = comparison;
  return { ...comparison, layerOrders, verdict: verdict === "different" ? verdict : "reordered" };
}

/** The same conversion from the second file to the first. */
function turnedRound({ kind, from, to, detail, ...rest }: Conversion): Conversion {
  const kinds: Partial<Record<Conversion["kind"], Conversion["kind"]>> = {
    concatenate: "split",
    split: "concatenate",
  };
  const words: Readonly<Record<string, string>> = { first: "second", second: "first" };
  const turned = detail?.replaceAll(/\b(first|second)\b/g, (word) => words[word]);
  return {
    ...rest,
    kind: kinds[kind] ?? kind,
    from: to,
    to: from,
    ...(turned !== undefined && { detail: turned }),
  };
}

type Tried = FoundSpec | { readonly reason: string; readonly error?: unknown };

/** The spec of one file; a given one that does not fit it may fit the other. */
async function specOrReason(
  network: Network,
  requested: RequestedSpec,
  other: Network,
): Promise<Tried> {
  try {
    return await findSpec(network, requested, [other.source]);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    return { reason: withoutFunctionNames(error.message), error };
  }
}

/** A spec of the vocabulary rows that both files have. */
async function onRows(found: Tried, { commonRows }: PlannedConversion): Promise<Symmetries> {
  const [rows] = commonRows.values();
  if (!("spec" in found) || rows === undefined) return found;
  if (vocabularyRows(found.spec) === undefined)
    return { reason: "the files have different numbers of rows" };
  return { ...found, spec: { ...found.spec, ...withRows(found.spec, rows) } };
}

/** Compares two sources as the options say. */
const comparerOf =
  ({ align, signal, onStep }: CompareNetworksOptions) =>
  (a: TensorSource, b: TensorSource, spec: FoundSpec["spec"] | undefined) =>
    compareCheckpoints(a, b, {
      ...(spec && { spec }),
      ...(align !== undefined && { align }),
      ...(signal && { signal }),
      ...(onStep && { onStep }),
    });
