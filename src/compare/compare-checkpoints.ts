// Compares two checkpoints: identical, identical up to a symmetry of their spec, equal up to a reordering that is no
// symmetry, or different; each with its evidence. Tensors are read one pair at a time.

import { equalBytes } from "../core/bytes.ts";
import { UnsupportedError } from "../core/errors.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { widen } from "../formats/widen.ts";
import type { CompareOptions, Comparison } from "./comparison.ts";
import { alignDifferent } from "./align-different.ts";
import { compareStructure } from "./compare-structure.ts";
import { type CommonReaders, commonReaders } from "./common-format.ts";
import { searchSymmetry } from "./find-symmetry.ts";
import { findLayouts } from "./find-layouts.ts";
import { describeReorderings } from "./reordered-tensors.ts";
import { summarizeElement } from "../parts/summary.ts";
import { type TensorDifference, tensorDifference } from "../parts/tensor-difference.ts";

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
  const different: Comparison = { ...base, verdict: "different", unresolved, reordered };
  return options.align === false ? different : alignDifferent(different, [a, b], options);
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
