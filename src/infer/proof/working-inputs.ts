// Inputs that a model runs on: random numbers of the sizes that inference assumed. Where the model refuses these, smaller
// indices and other sizes of free dimensions are tried; where its outputs are too small to tell anything, larger numbers.

import { UnsupportedError } from "../../core/errors.ts";
import { deriveSeed } from "../../core/random.ts";
import type { Executor } from "../../runtime/executor.ts";
import type { Inference } from "../infer.ts";
import { freeSizes, giveSizes, type InputShapes } from "../walk/input-shapes.ts";
import { comparedNumbers } from "./compared-numbers.ts";
import { isFinite, type Outputs, scalesOf } from "./output-difference.ts";
import { type DrawOptions, randomInputs } from "./random-inputs.ts";

/** A model as it is, on one set of inputs. */
export interface Setting {
  readonly inputs: Outputs;
  readonly untouched: Outputs;
  /** Largest entry of every output over several random inputs. */
  readonly scales: ReadonlyMap<string, number>;
}

/** What of an inference says how inputs are drawn. */
export type InputSource = Pick<Inference, "graph" | "inputShapes" | "otherShapes">;

/** The scale of an output is its largest entry over this many random inputs: one input alone may nearly cancel. */
const scaleDraws = 4;
/** Inputs with more entries than this take long to run and hardly cancel: fewer are drawn. */
const manyEntries = 2 ** 16;
/** Sizes of inputs in the order in which they are tried. */
const inputSizes = [1, 10, 100, 0.1];
/** Outputs below this may be no more than the rounding of a sigmoid, which is absolute. */
const tellingScale = 1e-3;
/** Bounds of indices that are tried behind the usual one. */
const smallIndices = [16, 2, 1];
/** Graphs with more nodes run as they are written. */
export const manyNodes = 20_000;
/** Other sizes of free dimensions that are tried. */
const maxShapes = 8;

/**
 * The model as it is on random inputs that it takes; where it compares an input with a number, once with that number too.
 * @throws {UnsupportedError} when the model does not run on any of the inputs that were tried, or has no finite outputs
 */
export async function workingSettings(
  executor: Executor,
  model: Uint8Array,
  source: InputSource,
  seed: number,
): Promise<Setting[]> {
  const { shapes, options } = await findInputs(executor, model, source, seed);
  const compared = comparedNumbers(source.graph);
  const plain = await settingOf(executor, model, source, shapes, seed, options);
  if (compared.size === 0) return [plain];
  try {
    const exact = { ...options, compared };
    return [plain, await settingOf(executor, model, source, shapes, seed, exact)];
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    return [plain];
  }
}

async function settingOf(
  executor: Executor,
  model: Uint8Array,
  { graph }: InputSource,
  shapes: InputShapes,
  seed: number,
  options: DrawOptions,
): Promise<Setting> {
  const drawn = randomInputs(graph);
  const draw = (drawSeed: number) => drawn(shapes, drawSeed, options);
  const inputs = draw(seed);
  const entries = Object.values(inputs).reduce((sum, { data }) => sum + data.length, 0);
  const rounds = entries > manyEntries ? 2 : scaleDraws;
  const all = Array.from({ length: rounds }, (_, round) =>
    round === 0 ? inputs : draw(deriveSeed(seed, "scale", round)),
  );
  let untouched: Outputs = {};
  const scales = new Map<string, number>();
  for await (const outputs of executor.runEach(model, all)) {
    if (scales.size === 0) untouched = outputs;
    for (const [name, scale] of scalesOf(outputs)) {
      const known = scales.get(name);
      if (known === undefined || Number.isFinite(scale))
        scales.set(name, Math.max(scale, known ?? 0));
    }
  }
  if (!Object.values(untouched).every(isFinite))
    throw new UnsupportedError(
      "proveSpec: the untouched model gives outputs that are not finite on random inputs; give inputs it works on",
    );
  return { inputs, untouched, scales };
}

export interface FoundInputs {
  readonly shapes: InputShapes;
  readonly options: DrawOptions;
}

/**
 * Shapes and numbers that the model runs on, and by which its outputs are large enough to tell rounding from change, if any
 * that were tried are.
 * @throws {UnsupportedError} naming the free dimensions when it runs on none
 */
export async function findInputs(
  executor: Executor,
  model: Uint8Array,
  { graph, inputShapes, otherShapes }: InputSource,
  seed: number,
): Promise<FoundInputs> {
  const draw = randomInputs(graph);
  let first: UnsupportedError | undefined;
  let best: (FoundInputs & { readonly telling: number }) | undefined;
  for (const [at, shapes] of [inputShapes, ...otherShapes.slice(0, maxShapes)].entries()) {
    for (const indices of at === 0 ? [undefined, ...smallIndices] : [undefined, 1]) {
      const limited = indices === undefined ? {} : { indices };
      try {
        const found = await tellingSize(executor, model, (options) =>
          draw(shapes, seed, { ...limited, ...options }),
        );
        if (best === undefined || found.telling > best.telling)
          best = { shapes, options: { ...limited, size: found.size }, telling: found.telling };
        if (best.telling > 0) return best;
        if (found.telling === 0) break;
      } catch (error) {
        if (!(error instanceof UnsupportedError)) throw error;
        // What is refused without any input is refused with all.
        if (first === undefined) for await (const _ of executor.runEach(model, []));
        first ??= error;
      }
    }
  }
  if (best !== undefined) return best;
  throw withSizes(first ?? new UnsupportedError("proveSpec: no inputs to try"), graph);
}

/** The error with the names of free dimensions, whose sizes a person can give. */
function withSizes(error: UnsupportedError, graph: InputSource["graph"]): UnsupportedError {
  const names = freeSizes(graph);
  if (names.length === 0) return error;
  return new UnsupportedError(`${error.message}; ${giveSizes(names)}`, { cause: error });
}

/** The size of numbers from which most outputs are large enough. */
async function tellingSize(
  executor: Executor,
  model: Uint8Array,
  draw: (options: DrawOptions) => Outputs,
): Promise<{ size: number; telling: number }> {
  let best = { size: 1, telling: -1 };
  let at = 0;
  function* inputs() {
    for (const size of inputSizes) yield draw({ size });
  }
  try {
    for await (const outputs of executor.runEach(model, inputs())) {
      const size = inputSizes[at++];
      const scales = [...scalesOf(outputs).values()];
      const telling = scales.filter((scale) => scale >= tellingScale).length;
      const isNumber = Object.values(outputs).every(isFinite);
      if (isNumber && telling > best.telling) best = { size, telling };
      if (best.telling === scales.length) break;
    }
  } catch (error) {
    // Larger numbers may be no indices any more.
    if (!(error instanceof UnsupportedError) || best.telling < 0) throw error;
  }
  return best;
}
