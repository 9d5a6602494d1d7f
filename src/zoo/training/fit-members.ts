// The training of sine networks by their kernel, one network after another. Batches, step sizes and optimizers are those of the array
// engine, numbers but for their last digits too.

import type { Weights } from "../../core/tensors.ts";
import { sizeOf } from "../../core/shapes.ts";
import {
  type SineFitExamples,
  sineFitKernel,
  type SineFitKernel,
} from "../../kernels/sine-fits/sine-fit-kernel.ts";
import type { SineFitTensors } from "../../kernels/sine-fits/arena.ts";
import { stepsOfCall } from "../../kernels/sine-fits/step-kernel.ts";
import type { RunData, SineFit, Task } from "../../tasks/task.ts";
import { idleKernels } from "./idle-kernels.ts";
import { breathing, initialWeights, type Member, type MembersOptions } from "./members.ts";
import { optimizerNumbers, stepSize } from "./population-step.ts";

const withKernel = idleKernels<SineFitKernel>();

/** Trains the members to their ends. */
export async function fitMembers(options: MembersOptions, sines: SineFit): Promise<void> {
  const breathe = breathing();
  const { shape } = sines;
  await withKernel(
    JSON.stringify([shape, options.batch]),
    () => sineFitKernel(shape, options.batch),
    async (kernel) => {
      for (const member of options.members) await fit(options, sines, member, kernel, breathe);
    },
  );
}

async function fit(
  options: MembersOptions,
  { tensors }: SineFit,
  member: Member,
  kernel: SineFitKernel,
  breathe: () => Promise<void>,
): Promise<void> {
  const { task, schedule, signal, keep, onStep } = options;
  const { place, hyper, trainingData } = member;
  const { data, draws } = trainingData;
  const weights = tensorsOf(initialWeights(options, member), tensors);
  kernel.begin(weights, examplesOf(task, data), optimizerNumbers(hyper));
  const draw = () => draws.integer(data.count);
  let step = 0;
  for (const [checkpoint, end] of options.checkpointSteps(hyper).entries()) {
    while (step < end) {
      signal?.throwIfAborted();
      const taken = Math.min(stepsOfCall, end - step);
      kernel.step(
        Array.from({ length: taken }, (_, i) => stepSize(hyper, step + i, schedule)),
        draw,
      );
      step += taken;
      onStep(taken);
      await breathe();
    }
    const fitted = kernel.weights();
    for (const name of namesOf(tensors)) keep(place, checkpoint, tensors[name], fitted[name]);
  }
}

const namesOf = (tensors: SineFit["tensors"]) =>
  Object.keys(tensors) as (keyof SineFit["tensors"])[];

/** The tensors of a network by the kernel's names. */
const tensorsOf = (weights: Weights, tensors: SineFit["tensors"]): SineFitTensors =>
  Object.fromEntries(
    namesOf(tensors).map((name) => [name, Float32Array.from(weights[tensors[name]].data)]),
  ) as unknown as SineFitTensors;

/** All examples of a run, as the task writes them into batches. */
function examplesOf(task: Task, data: RunData): SineFitExamples {
  const arrays = Object.fromEntries(
    Object.entries(task.batchShapes(data.count)).map(([name, shape]) => [
      name,
      new Float32Array(sizeOf(shape)),
    ]),
  );
  for (let i = 0; i < data.count; i++) task.writeExample(arrays, i, data.count, data, i);
  return { places: arrays["places"], values: arrays["values"] };
}
