// Two checkpoints compared, after the conversions that take one to the names and shapes of the other.

import type { Comparison } from "../../compare/compare-checkpoints.ts";
import type { Conversion } from "../../compare/conversions/conversion.ts";
import type { PlannedConversion } from "../../compare/conversions/plan-conversion.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import { findSpec, type RequestedSpec } from "../networks/checkpoint-spec.ts";
import type { Cli } from "../app/context.ts";
import type { FoundSpec } from "../networks/found-spec.ts";
import type { OpenedModel } from "../networks/opened-model.ts";
import { withoutFunctionNames } from "../app/output.ts";

export type Symmetries = FoundSpec | { readonly reason: string };

export interface ComparedFiles {
  readonly comparison: Comparison;
  /** What takes the first file to the second one's names and shapes; none where these are equal. */
  readonly conversions: readonly Conversion[];
  /** Why something that looks like a conversion is none. */
  readonly refused: readonly string[];
  readonly found: Symmetries;
  /** Both files as they were compared. */
  readonly sources: readonly [TensorSource, TensorSource];
}

export interface CompareFilesOptions {
  readonly a: OpenedModel;
  readonly b: OpenedModel;
  readonly requested: RequestedSpec;
  readonly align: boolean;
}

/** @throws {SpecError} when a told spec fits neither file; as `compareCheckpoints` */
export async function compareFiles(
  cli: Cli,
  { a, b, requested, align }: CompareFilesOptions,
): Promise<ComparedFiles> {
  const { compareStructure } = await import("../../compare/compare-structure.ts");
  const { missing, extra, reshaped } = compareStructure(a.source, b.source);
  const { differInBlocks } = await import("../../compare/conversions/composed.ts");
  const isWhole =
    missing.length + extra.length + reshaped.length === 0 && !differInBlocks(a.source, b.source);
  const compare = comparerOf(cli, align);
  const plan = isWhole ? undefined : await planOf(cli, a, b, requested);
  if (plan === undefined || plan.conversions.length === 0) {
    const found = await findSpec(a, requested, [b.source]);
    const comparison = await compare(a.source, b.source, specOf(found));
    const refused = plan?.refused ?? [];
    return { comparison, conversions: [], refused, found, sources: [a.source, b.source] };
  }
  return compareAfter(cli, { a, b, requested, align }, plan);
}

const specOf = (found: Symmetries) => ("spec" in found ? found.spec : undefined);

async function planOf(
  cli: Cli,
  a: OpenedModel,
  b: OpenedModel,
  { names }: RequestedSpec,
): Promise<PlannedConversion> {
  const { planConversion } = await import("../../compare/conversions/plan-conversion.ts");
  const { isTied } = await import("../../infer/names/config.ts");
  const tied = names.tied ?? isTied(names.config);
  return planConversion(a.source, b.source, { tied, signal: cli.signal });
}

/** Compares under the symmetries of the second file or, where only those of the first are known, under those. */
async function compareAfter(
  cli: Cli,
  { a, b, requested, align }: CompareFilesOptions,
  plan: PlannedConversion,
): Promise<ComparedFiles> {
  const { commonSource, convertedSource } =
    await import("../../compare/conversions/converted-source.ts");
  const compare = comparerOf(cli, align);
  const [ofSecond, ofFirst] = [
    await specOrReason(b, requested, a),
    await specOrReason(a, requested, b),
  ];
  if ("spec" in ofSecond || !("spec" in ofFirst)) {
    if ("error" in ofSecond && requested.spec !== undefined) throw ofSecond.error;
    const found = await onRows(ofSecond, plan);
    const sources = [convertedSource(plan), commonSource(plan)] as const;
    const comparison = await compare(...sources, specOf(found));
    return { comparison, conversions: plan.conversions, refused: plan.refused, found, sources };
  }
  const back = await planOf(cli, b, a, requested);
  const found = await onRows(ofFirst, back);
  const sources = [commonSource(back), convertedSource(back)] as const;
  const comparison = await compare(...sources, specOf(found));
  const conversions = back.conversions.map(turnedRound);
  return { comparison, conversions, refused: back.refused, found, sources };
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

/** The spec of one file; a told one that does not fit it may fit the other. */
async function specOrReason(
  own: OpenedModel,
  requested: RequestedSpec,
  other: OpenedModel,
): Promise<Tried> {
  try {
    return await findSpec(own, requested, [other.source]);
  } catch (error) {
    const { SpecError } = await import("../../core/errors.ts");
    if (!(error instanceof SpecError)) throw error;
    return { reason: withoutFunctionNames(error.message), error };
  }
}

/** A spec of the vocabulary rows that both files have. */
async function onRows(found: Tried, { commonRows }: PlannedConversion): Promise<Symmetries> {
  const [rows] = commonRows.values();
  if (!("spec" in found) || rows === undefined) return found;
  const { vocabularyRows, withRows } = await import("../networks/sketch-fit.ts");
  if (vocabularyRows(found.spec) === undefined)
    return { reason: "the files have different numbers of rows" };
  return { ...found, spec: { ...found.spec, ...withRows(found.spec, rows) } };
}

/** Compares with progress. */
const comparerOf =
  (cli: Cli, align: boolean) =>
  async (a: TensorSource, b: TensorSource, spec: FoundSpec["spec"] | undefined) => {
    const { compareCheckpoints } = await import("../../compare/compare-checkpoints.ts");
    const total = a.entries.size;
    const task = cli.progress.task("comparing", total, { unit: "tensors" });
    const comparison = await compareCheckpoints(a, b, {
      ...(spec && { spec }),
      align,
      signal: cli.signal,
      onStep: (step, share = 1) => task.update(Math.floor(share * total), step),
    });
    task.finish();
    return comparison;
  };
