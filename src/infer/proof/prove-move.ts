// Whether a network computes the same after its numbers were moved: both are run on random inputs. The inputs are few and
// random, so this finds a wrong move; it is no theorem about all inputs.
//
// How far outputs may be apart follows from rounding. Two orders of the same sums differ by a few units in the last place
// of float32 (the floor). Where a move scales numbers and the file stores few bits of them, every weight is off by up to
// one unit of the file's format, and what that does to the outputs depends on the depth and the conditioning of the
// network. Bounds from the depth alone are too wide to be of use, so it is measured: the network is run with all weights
// and inputs off by their last bit (by more bits where it rounds to whole steps), and three times that is allowed. Where even
// that is a large share of the outputs nothing is said.

import { UnsupportedError } from "../../core/errors.ts";
import { deriveSeed } from "../../core/random.ts";
import { jitterInputs, jitterTries } from "./control.ts";
import { difference, isFinite, type Outputs, scalesOf, minScale } from "./output-difference.ts";
import type { Executor, RunOptions } from "../../runtime/executor.ts";
import { keepingModel } from "../../runtime/kept-model.ts";
import { findInputs, type InputSource, manyNodes } from "./working-inputs.ts";
import { type InputDrawer, randomInputs } from "./random-inputs.ts";

/** Outputs of a network before and after a move. */
export interface MoveProof {
  /** Largest difference of any output, in units of its largest entry over all inputs. */
  readonly error: number;
  /** The largest difference that rounding explains. The two agree when `error` is at most this. */
  readonly tolerance: number;
  /** Random inputs that both were run on. */
  readonly inputs: number;
}

/** One network as model files. */
export interface MovedModel {
  readonly before: () => Promise<Uint8Array>;
  readonly after: () => Promise<Uint8Array>;
  /** As before, every weight off by so many last bits of the format it was rounded to. */
  readonly jittered: (bits: number) => Promise<Uint8Array>;
}

/** How often a move is tried, and which error counts as rounding. */
export interface ProveMoveOptions {
  /** @default 0 */
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

const inputCount = 8;
/** Sums of float32 numbers in another order, some layers deep. */
const floor = 1e-5;
/**
 * On the fixture models moves leave 0.3 to 0.8 times what the last bits do; a move rounds a weight up to three times
 * (scaled, divided, stored).
 */
const amplification = 3;
/** Nothing is proved where rounding may change outputs by more than this share of their size. */
const ceiling = 0.1;

/**
 * Runs both on the same random inputs.
 * @returns the comparison, or the reason why it says nothing
 * @throws {UnsupportedError} when the model runs before the move and not after it; the signal's reason
 */
export async function proveMove(
  executor: Executor,
  inference: InputSource,
  model: MovedModel,
  { seed = 0, signal }: ProveMoveOptions = {},
): Promise<MoveProof | { readonly reason: string }> {
  const inputs: ReturnType<InputDrawer>[] = [];
  const options: RunOptions = { asWritten: inference.graph.nodes.length > manyNodes };
  const run = async (bytes: Uint8Array, given = inputs, by = executor): Promise<Outputs[]> => {
    const outputs: Outputs[] = [];
    for await (const each of by.runEach(bytes, given, options)) {
      signal?.throwIfAborted();
      outputs.push(floatsOf(each));
    }
    return outputs;
  };
  let before: Outputs[];
  let session: ReturnType<typeof keepingModel> | undefined;
  try {
    const bytes = await model.before();
    session = keepingModel(executor, bytes, options);
    inputs.push(...(await drawInputs(session.executor, bytes, inference, seed)));
    before = await run(bytes, inputs, session.executor);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    return { reason: error.message.replace(/^\w+: /, "") };
  } finally {
    await session?.close();
  }
  const scales = new Map<string, number>();
  for (const outputs of before)
    for (const [name, scale] of scalesOf(outputs))
      scales.set(name, Math.max(scale, scales.get(name) ?? 0));
  if (!before.every((outputs) => Object.values(outputs).every(isFinite)))
    return { reason: "the outputs are not finite on random inputs" };
  if (![...scales.values()].some((scale) => scale >= minScale))
    return { reason: "no output is a real number other than 0 on random inputs" };
  const farthest = (others: readonly Outputs[]) =>
    Math.max(...before.map((outputs, i) => difference(outputs, others[i], scales)));
  const error = farthest(await run(await model.after()));
  if (error <= floor) return { error, tolerance: floor, inputs: inputCount };
  if (farthest(await run(await model.before())) > floor)
    return { reason: "the graph gives other outputs when it is run again on the same inputs" };
  let noise = 0;
  let tolerance = floor;
  for (const bits of jitterTries(inference.graph)) {
    const given = inputs.map((one, i) => jitterInputs(one, deriveSeed(seed, "jitter", i), bits));
    noise = Math.max(noise, farthest(await run(await model.jittered(bits), given)));
    tolerance = Math.max(floor, amplification * noise);
    if (error <= tolerance) break;
  }
  if (tolerance > ceiling && error <= tolerance)
    return {
      reason: `the last bits of the weights and inputs alone move the outputs by ${noise.toExponential(0)} of their size`,
    };
  return { error, tolerance: Math.min(tolerance, ceiling), inputs: inputCount };
}

async function drawInputs(
  executor: Executor,
  bytes: Uint8Array,
  inference: InputSource,
  seed: number,
): Promise<ReturnType<InputDrawer>[]> {
  const { shapes, options } = await findInputs(executor, bytes, inference, seed);
  const draw = randomInputs(inference.graph);
  return Array.from({ length: inputCount }, (_, i) =>
    draw(shapes, deriveSeed(seed, "prove move", i), options),
  );
}

/** Whole numbers, such as a chosen class, jump where scores nearly tie: they say nothing about rounding. */
function floatsOf(outputs: Outputs): Outputs {
  return Object.fromEntries(
    Object.entries(outputs).filter(
      ([, { data }]) => data instanceof Float32Array || data instanceof Float64Array,
    ),
  );
}
