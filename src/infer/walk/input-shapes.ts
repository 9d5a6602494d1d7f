// Concrete sizes for inputs that leave dimensions free: symmetries do not depend on them, shape arithmetic does.

import { OptionError } from "../../core/errors.ts";
import { lookup } from "../../core/records.ts";
import { sizeOf } from "../../core/shapes.ts";
import type { OnnxGraph } from "../../formats/onnx/onnx-types.ts";

/** Sizes tried in turn for free dimensions after the first; images that shrink many times need the later ones. */
const trialSizes = [7, 8, 16, 32, 64, 128, 224, 256, 512, 576];
/** Sizes tried where none of those fits: small ones, then those of images and windows that models were made for. */
const smallSizes = Array.from({ length: 63 }, (_, i) => i + 1);
const madeFor = [
  65, 84, 96, 100, 112, 160, 192, 200, 240, 260, 288, 299, 300, 320, 331, 336, 380, 384, 400, 416,
  448, 456, 480, 518, 528, 600, 608, 640, 720, 768, 800, 1000, 1024,
];
const rareSizes = [...smallSizes, ...madeFor].filter((size) => !trialSizes.includes(size));
/** Operations that may be followed for all rare sizes together. */
const rareEffort = 200_000;
/** Sizes tried for a free first dimension: exports of one example may have a 1 written into their reshapes. */
const batchSizes = [2, 1];
/** Examples of more entries than this are taken one at a time first: a proof runs them often. */
const largeExample = 2 ** 16;

/** The shape of every input in order; null where it is not known. */
export type InputShapes = readonly (readonly number[] | null)[];

/** Candidate shapes of all inputs, one candidate when nothing is free. @throws {OptionError} for sizes below 1 */
export function candidateShapes(
  graph: OnnxGraph,
  sizes: Readonly<Record<string, number>>,
): InputShapes[] {
  for (const [name, size] of Object.entries(sizes)) {
    if (!Number.isSafeInteger(size) || size < 1)
      throw new OptionError(`inferSpec: size of "${name}" must be 1 or more, got ${size}`);
  }
  let free = false;
  /** Names that stand first in some input, wherever else they stand. */
  const firsts = new Set(graph.inputs.map(({ shape }) => shape?.[0]));
  const shapesWith = (batch: number, trial: number, states: boolean): InputShapes =>
    graph.inputs.map(
      ({ shape }) =>
        shape?.map((size, at) => {
          if (typeof size === "number") return size;
          const given = size === null ? undefined : lookup(sizes, size);
          if (given === undefined) free = true;
          // States of recurrent layers have the batch second: [layers, batch, features].
          const isState = states && at === 1 && typeof shape[0] === "number";
          const isBatch = at === 0 || isState || (size !== null && firsts.has(size));
          return given ?? (isBatch ? batch : trial);
        }) ?? null,
    );
  const isLarge = graph.inputs.some(
    ({ shape }) => sizeOf((shape ?? []).map((size) => Number(size) || 1)) > largeExample,
  );
  const batches = isLarge ? batchSizes.toReversed() : batchSizes;
  const candidates = [false, true].flatMap((states) =>
    batches.flatMap((batch) => trialSizes.map((trial) => shapesWith(batch, trial, states))),
  );
  if (!free) return candidates.slice(0, 1);
  const rare = rareSizes.slice(0, Math.floor(rareEffort / (graph.nodes.length + 1)));
  return [...candidates, ...rare.map((trial) => shapesWith(batches[0], trial, false))];
}

/** Names of free dimensions whose sizes were not given. */
export function freeSizes(
  { inputs }: Pick<OnnxGraph, "inputs">,
  sizes: Readonly<Record<string, number>> = {},
): string[] {
  const names = inputs.flatMap(({ shape }) =>
    (shape ?? []).filter(
      (size): size is string => typeof size === "string" && !Object.hasOwn(sizes, size),
    ),
  );
  return [...new Set(names)];
}

/** What a person can do where no size that was tried fits; ends a sentence. */
export const giveSizes = (names: readonly string[]): string =>
  `it was tried with several sizes of ${names.slice(0, 6).join(", ")}: give sizes that it accepts, on the command line by --size ${names.at(-1)}=N`;
