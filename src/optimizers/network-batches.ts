// Batches of inner tasks for several networks, each from a stream of random numbers of its own.

import type { RandomStream } from "../core/random.ts";
import { hostStack, stackToArrays } from "../engine/host-stack.ts";
import type { InnerTask } from "../tasks/inner/inner-task.ts";
import type { Batch } from "../tasks/task.ts";

/** The next batch [copies n, ...] of n streams: network i of every copy sees what stream i draws. `copies` is 1 where it is not given. */
export function networkBatches(
  task: InnerTask,
  streams: readonly RandomStream[],
  copies = 1,
): Batch {
  const stack = hostStack(task.batchShapes, copies * streams.length);
  for (const [at, stream] of streams.entries()) task.writeBatch(stack.parts[at], stream);
  for (const { data } of Object.values(stack.arrays)) {
    const size = data.length / copies;
    for (let copy = 1; copy < copies; copy++) data.copyWithin(copy * size, 0, size);
  }
  return stackToArrays(stack);
}
