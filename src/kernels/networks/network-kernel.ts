// What a task's kernel does for whoever trains its networks.

import type { Mover } from "./move-writer.ts";

/** The loss of one network on one batch, the gradient of all its tensors, and steps down it. */
export interface NetworkKernel extends Mover {
  /** By the names of the task's tensors, row-major, as views; whoever asks for a loss writes the weights. */
  readonly weights: Readonly<Record<string, Float32Array>>;
  /** The same shapes: of the loss that was asked for last. */
  readonly gradients: Readonly<Record<string, Float32Array>>;
  /** The loss of a batch, arrays as the task writes them, and the gradients of this loss. */
  readonly run: (batch: Readonly<Record<string, Float32Array>>) => number;
}
