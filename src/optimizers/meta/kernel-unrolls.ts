// Unrolls of several pairs on kernels: one network after another goes through a whole truncation, in the same memories. The same weights,
// batches, noise and checkpoints as on the array engine; last digits differ.

import { OptionError } from "../../core/errors.ts";
import { periodicYield } from "../../core/event-loop.ts";
import { deriveSeed, randomStream } from "../../core/random.ts";
import type { HostRecord } from "../../engine/arrays.ts";
import {
  type ClassifierKernel,
  classifierKernel,
} from "../../kernels/networks/classifier-kernel.ts";
import { stackThetas } from "../host-theta.ts";
import {
  copyScaled,
  networkOf,
  type Stack,
  stateShapes,
  takeToHost,
  zeros,
} from "../steps/network-stacks.ts";
import type { StepKernel } from "../steps/step-kernel.ts";
import { tensorList } from "../theta-file.ts";
import { checkArithmetic } from "./backend.ts";
import type { EpisodeTime } from "./estimator.ts";
import { freshStack, scaleOf } from "./twins.ts";
import {
  lossLimit,
  noisyThetas,
  type TruncationRequest,
  type TruncationResult,
  type UnrollGroup,
  type UnrollOptions,
} from "./unrolls.ts";

/** What the networks of a group go through one after another. */
interface Kernels {
  readonly classifier: ClassifierKernel;
  readonly step: StepKernel;
  /** Weights and gradients of the classifier in the order of the step's tensors. */
  readonly weights: readonly Float32Array[];
  readonly gradients: readonly Float32Array[];
  readonly batch: Readonly<Record<string, Float32Array>>;
}

function startKernels({ task, program }: UnrollOptions): Kernels {
  const { classifier: form } = task;
  if (form === undefined || program.stepKernel === undefined)
    throw new OptionError(
      `metaTrain: inner steps of task "${task.name}" expected kernels, got a task or a kind of optimizer without; leave the setting out`,
    );
  const classifier = classifierKernel(form);
  const names = Object.keys(task.spec.tensors);
  return {
    classifier,
    step: program.stepKernel(),
    weights: names.map((name) => classifier.weights[name]),
    gradients: names.map((name) => classifier.gradients[name]),
    batch: networkOf(zeros(task.batchShapes, 1), 0),
  };
}

/** Takes the network that the kernels hold through a truncation; the losses before every step. */
function unrollOne(
  { settings, task }: UnrollOptions,
  { classifier, step, weights, gradients, batch }: Kernels,
  time: EpisodeTime,
): Float64Array {
  const { seed, truncation, rescale } = settings;
  const isRescaled = rescale[0] !== 1 || rescale[1] !== 1;
  const factor = isRescaled ? Math.fround(scaleOf(settings, time)) : 1;
  const stream = randomStream(deriveSeed(seed, "batches", time.pair, time.step));
  const losses = new Float64Array(truncation);
  for (let at = 0; at < truncation; at++) {
    task.writeBatch(batch, stream);
    classifier.setBatch(batch["inputs"], batch["labels"]);
    copyScaled(step.params, weights, factor);
    losses[at] = classifier.run();
    copyScaled(gradients, step.gradients, factor);
    step.step();
  }
  return losses;
}

/** Losses as they count, and whether one was NaN or infinite. */
function counted(losses: Float64Array, limit: number): { losses: Float64Array; diverged: boolean } {
  return {
    losses: losses.map((loss) => (Number.isFinite(loss) ? Math.min(loss, limit) : limit)),
    diverged: !losses.every(Number.isFinite),
  };
}

/**
 * Unrolls in this thread.
 * @throws {OptionError} for a task or a kind without kernels; {EnvironmentError} where this program rounds other than the settings say
 */
export function kernelUnrollGroup(options: UnrollOptions): UnrollGroup {
  const { settings, task, program, pairs } = options;
  checkArithmetic(settings);
  const kernels = startKernels(options);
  const { step } = kernels;
  const params = zeros(tensorList(task.spec), 2 * pairs);
  const state = zeros(stateShapes(program), 2 * pairs);

  function restart(times: readonly EpisodeTime[]): void {
    if (!times.some(({ began, step: now }) => began === now)) return;
    const { parts } = freshStack(settings, task, times);
    for (const [at, { began, step: now }] of times.entries()) {
      if (began !== now) continue;
      for (const network of [at, pairs + at]) {
        for (const [name, own] of Object.entries(networkOf(params, network)))
          own.set(parts[network][name]);
        for (const own of Object.values(networkOf(state, network))) own.fill(0);
      }
    }
  }

  async function run({ theta, times }: TruncationRequest): Promise<TruncationResult[]> {
    restart(times);
    const thetas = noisyThetas(settings, theta, times);
    const prepared = takeToHost(program.prepare(stackThetas(program.thetaShapes, thetas)));
    const turn = periodicYield();
    const limit = lossLimit * task.chance;
    const found: ReturnType<typeof counted>[] = [];
    for (let network = 0; network < 2 * pairs; network++) {
      const own = Object.values(networkOf(params, network));
      const ownState = networkOf(state, network);
      step.setTheta(networkOf(prepared, network));
      step.load(ownState);
      copyScaled(own, step.params, 1);
      found.push(counted(unrollOne(options, kernels, times[network % pairs]), limit));
      copyScaled(step.params, own, 1);
      step.save(ownState);
      await turn();
    }
    return times.map((_, at) => ({
      plus: found[at].losses,
      minus: found[pairs + at].losses,
      diverged: found[at].diverged || found[pairs + at].diverged,
    }));
  }

  return { run, ...keeping({ params, state }) };
}

/** Networks out of a group and into it, under the names that the array engine gives them. */
const keeping = (stacks: Readonly<Record<string, Stack>>): Omit<UnrollGroup, "run"> => {
  const all = Object.entries(stacks).flatMap(([part, stack]) =>
    Object.entries(stack).map(([name, array]) => [`${part}/${name}`, array] as const),
  );
  return {
    save: async () =>
      Object.fromEntries(
        all.map(([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }]),
      ) satisfies HostRecord,
    load: async (saved) => {
      for (const [name, { data }] of all) data.set(saved[name].data);
    },
    close: async () => {},
  };
};
