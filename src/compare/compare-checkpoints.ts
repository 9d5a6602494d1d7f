// Compares two checkpoints: identical, identical up to a symmetry of their spec, equal up to a reordering that is no
// symmetry, or different; each with its evidence. Tensors are read one pair at a time.

import type { AdapterComparison } from "../adapters/compare-adapters.ts";
import { equalBytes } from "../core/bytes.ts";
import { UnsupportedError } from "../core/errors.ts";
import type { Tensor } from "../core/tensors.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { widen } from "../formats/widen.ts";
import { actOnTensor } from "../symmetry/act.ts";
import type { GroupElement } from "../symmetry/element.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { alignWeights, type Alignment } from "../align/align.ts";
import { compareStructure, type StructureDifference } from "./compare-structure.ts";
import { type CommonReaders, commonReaders } from "./common-format.ts";
import { searchSymmetry } from "./find-symmetry.ts";
import { findLayouts, type LayoutDifference } from "./find-layouts.ts";
import { describeReorderings, type TensorReordering } from "./reordered-tensors.ts";
import { type AxisSummary, summarizeElement } from "../parts/summary.ts";
import { type TensorDifference, tensorDifference } from "../parts/tensor-difference.ts";

/** What a comparison says: equal numbers, equal up to a symmetry, up to a reordering, or different. */
export type Verdict = "identical" | "symmetric" | "reordered" | "different";

/** Whether two checkpoints hold the same network, with the evidence. */
export interface Comparison {
  readonly verdict: Verdict;
  /** Missing, extra and reshaped tensors, and changed number formats. */
  readonly structure: StructureDifference;
  /** Some numbers are equal only once they are rounded to the coarser of both number formats. */
  readonly rounded: boolean;
  /** Tensors of both files whose numbers differ, in the coarser of both formats. */
  readonly tensors: readonly TensorDifference[];
  /** For `symmetric`: what takes the second file to the first. */
  readonly symmetry?: {
    readonly exact: boolean;
    /** Largest difference left, in units of a tensor's root mean square. */
    readonly residual: number;
    readonly element: GroupElement;
    readonly axes: readonly AxisSummary[];
    /** Axes whose scales or bases the weights do not pin down. */
    readonly unidentifiable: Alignment["unidentifiable"];
  };
  /** For two low-rank adapters, which are compared by what they add to their base: no other evidence is there. */
  readonly adapters?: AdapterComparison;
  /** Indices that look alike could not all be tried: there may be a symmetry that was not found. */
  readonly unresolved?: boolean;
  /** Tensors that are equal up to a reordering; all that differ when the verdict is `reordered`. */
  readonly reordered: readonly TensorReordering[];
  /** For `reordered`, with a spec: the layouts by which the files differ, and what is left once they are undone. */
  readonly layouts?: LayoutDifference;
  /** For `different`, with a spec: how far the files are apart after the best alignment found. */
  readonly alignment?: {
    readonly similarity: number;
    /** What takes the second file nearest to the first. */
    readonly element: GroupElement;
    readonly axes: readonly AxisSummary[];
    readonly remaining: readonly { readonly tensor: string; readonly relative: number }[];
    readonly unidentifiable: Alignment["unidentifiable"];
  };
}

/** What {@link compareCheckpoints} counts as equal, and how far it looks. */
export interface CompareOptions {
  /** The symmetries of both networks; without it only `identical`, `reordered` and `different` can be told. */
  readonly spec?: SymmetrySpec;
  /** Align files that are different, to say how much remains. @default true */
  readonly align?: boolean;
  readonly signal?: AbortSignal;
  /** Tells which step is going on, and how far it is in [0, 1] where that is known. */
  readonly onStep?: (step: string, share?: number) => void;
}

/**
 * Compares two checkpoints.
 * @throws {OptionError} {FormatError} {EnvironmentError} when a file cannot be read; the signal's reason after an abort.
 */
export async function compareCheckpoints(
  a: TensorSource,
  b: TensorSource,
  options: CompareOptions = {},
): Promise<Comparison> {
  const { spec, signal, onStep = () => undefined } = options;
  const structure = compareStructure(a, b);
  const { common } = structure;
  const readers = commonReaders(a, b);
  const tensors: TensorDifference[] = [];
  let rounded = false;
  for (const [number, name] of common.entries()) {
    signal?.throwIfAborted();
    onStep("reading", number / common.length);
    const found = await differenceOf(name, a, b, readers);
    if (found === "rounded") rounded = true;
    else if (found !== undefined) tensors.push(found);
  }
  const isSameStructure =
    structure.missing.length + structure.extra.length + structure.reshaped.length === 0;
  const base = { structure, rounded, tensors, reordered: [] };
  if (tensors.length === 0)
    return { ...base, verdict: isSameStructure ? "identical" : "different" };
  const finite = tensors.every(({ notFinite }) => notFinite[0] + notFinite[1] === 0);
  const fits =
    spec !== undefined && Object.keys(spec.tensors).every((name) => common.includes(name));
  const inSpec = tensors.every(
    ({ tensor }) => spec !== undefined && Object.hasOwn(spec.tensors, tensor),
  );
  let unresolved = false;
  if (isSameStructure && finite && fits && inSpec) {
    onStep("looking for a symmetry");
    const search = await searchSymmetry(spec, readers.a, readers.b, readers.rounding);
    ({ unresolved } = search);
    if (search.found !== undefined) {
      const { element, exact, residual, unidentifiable } = search.found;
      const axes = summarizeElement(spec, element);
      return {
        ...base,
        verdict: "symmetric",
        symmetry: { exact, residual, element, axes, unidentifiable },
      };
    }
  }
  signal?.throwIfAborted();
  onStep("looking for reordered rows");
  const reordered = await describeReorderings(readers, tensors, signal);
  if (isSameStructure && reordered.length === tensors.length) {
    const layouts = fits && inSpec ? await findLayouts(spec, readers, reordered) : undefined;
    return { ...base, verdict: "reordered", unresolved, reordered, ...(layouts && { layouts }) };
  }
  const alignment =
    finite && fits && options.align !== false
      ? await alignBoth(spec, readers, signal, onStep)
      : undefined;
  const verdict = "different";
  return { ...base, verdict, unresolved, reordered, ...(alignment && { alignment }) };
}

/** How a tensor differs; "rounded" when it does not once the finer numbers are rounded to the coarser format. */
async function differenceOf(
  name: string,
  a: TensorSource,
  b: TensorSource,
  readers: CommonReaders,
): Promise<TensorDifference | "rounded" | undefined> {
  if (await isSameUnread(name, a, b)) return undefined;
  const [left, right] = [await a.readStored(name), await b.readStored(name)];
  if (left.dtype === right.dtype) {
    if (equalBytes(left.data, right.data)) return undefined;
    return tensorDifference(name, widen(left, name), widen(right, name));
  }
  if (tensorDifference(name, widen(left, name), widen(right, name)) === undefined) return undefined;
  return tensorDifference(name, await readers.a(name), await readers.b(name)) ?? "rounded";
}

/**
 * Whether neither file tells the numbers of a tensor, and both hold it in the same form and the same bytes.
 * @throws {UnsupportedError} where the bytes differ: what the numbers are is not known then
 */
async function isSameUnread(name: string, a: TensorSource, b: TensorSource): Promise<boolean> {
  const [left, right] = [a.entries.get(name), b.entries.get(name)];
  if (left?.unreadable === undefined || right?.unreadable === undefined) return false;
  if (left.stored !== right.stored || a.readRaw === undefined || b.readRaw === undefined)
    return false;
  if (equalBytes(await a.readRaw(name), await b.readRaw(name))) return true;
  throw new UnsupportedError(
    `compareCheckpoints: tensor ${JSON.stringify(name)} is stored as ${left.stored} in both files and its bytes differ, but ${left.unreadable}; how far the networks are apart cannot be said`,
  );
}

async function alignBoth(
  spec: SymmetrySpec,
  { a, b }: CommonReaders,
  signal: AbortSignal | undefined,
  onStep: NonNullable<CompareOptions["onStep"]>,
): Promise<Comparison["alignment"]> {
  onStep("aligning");
  const { element, similarity, unidentifiable } = await alignWeights(spec, a, b, {
    ...(signal && { signal }),
    onSweep: ({ start, starts, sweep }) =>
      onStep(`aligning, start ${start + 1} of ${starts}, sweep ${sweep}`),
  });
  const remaining: { tensor: string; relative: number }[] = [];
  for (const name of Object.keys(spec.tensors)) {
    const left: Tensor = await a(name);
    const right = actOnTensor(spec, element, name, await b(name));
    const found = tensorDifference(name, left, right);
    if (found !== undefined) remaining.push({ tensor: name, relative: found.relative });
  }
  return { similarity, element, axes: summarizeElement(spec, element), remaining, unidentifiable };
}
