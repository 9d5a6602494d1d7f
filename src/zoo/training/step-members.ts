// The training of networks by a kernel that takes their gradients, one network after another. Batches, step sizes and optimizers are those
// of the array engine, numbers but for their last digits too.

import { sizeOf } from "../../core/shapes.ts";
import type { NetworkKernel } from "../../kernels/networks/network-kernel.ts";
import type { Task } from "../../tasks/task.ts";
import { idleKernels, type WithKernel } from "./idle-kernels.ts";
import { breathing, initialWeights, type Member, type MembersOptions } from "./members.ts";
import { optimizerNumbers, stepSize } from "./population-step.ts";
import { drawBatch } from "./run-data.ts";

type KernelOf = NonNullable<Task["kernelOf"]>;

/** Of every task. */
const pools = new WeakMap<KernelOf, WithKernel<NetworkKernel>>();

function poolOf(kernelOf: KernelOf): WithKernel<NetworkKernel> {
  const pool = pools.get(kernelOf) ?? idleKernels<NetworkKernel>();
  pools.set(kernelOf, pool);
  return pool;
}

/** Trains the members to their ends. */
export async function stepMembers(options: MembersOptions, kernelOf: KernelOf): Promise<void> {
  const { batch, members } = options;
  const breathe = breathing();
  await poolOf(kernelOf)(
    String(batch),
    () => kernelOf(batch),
    async (kernel) => {
      for (const member of members) await train(options, member, kernel, breathe);
    },
  );
}

async function train(
  options: MembersOptions,
  member: Member,
  kernel: NetworkKernel,
  breathe: () => Promise<void>,
): Promise<void> {
  const { task, batch, schedule, signal, keep, onStep } = options;
  const { place, hyper, trainingData } = member;
  for (const [name, { data }] of Object.entries(initialWeights(options, member)))
    kernel.weights[name].set(data);
  const arrays = Object.fromEntries(
    Object.entries(task.batchShapes(batch)).map(([name, shape]) => [
      name,
      new Float32Array(sizeOf(shape)),
    ]),
  );
  kernel.begin(optimizerNumbers(hyper));
  let step = 0;
  for (const [checkpoint, end] of options.checkpointSteps(hyper).entries()) {
    while (step < end) {
      signal?.throwIfAborted();
      drawBatch(task, trainingData, batch, arrays);
      kernel.run(arrays);
      kernel.move(stepSize(hyper, step, schedule));
      step++;
      onStep(1);
      await breathe();
    }
    for (const [name, values] of Object.entries(kernel.weights))
      keep(place, checkpoint, name, values);
  }
}
