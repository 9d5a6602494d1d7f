// Networks whose losses and gradients are taken by a kernel, one after another. Their steps are taken by kernels, too, where the optimizer
// has them, else by the array engine, for all networks at once. The same weights and batches as on the engine; last digits differ.

import { jit } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import type { RandomStream } from "../../core/random.ts";
import { disposeArrays } from "../../engine/arrays.ts";
import { hostStack, stackToArrays } from "../../engine/host-stack.ts";
import {
  classifierKernel,
  type ClassifierForm,
  type ClassifierKernel,
} from "../../kernels/networks/classifier-kernel.ts";
import type { Params } from "../../models/model.ts";
import type { InnerTask, LabelledRows } from "../../tasks/inner/inner-task.ts";
import { applyUpdates } from "../../train/optimizers/update-rules.ts";
import { copyScaled, copyToHost, networkOf, type Stack, zeros } from "../steps/network-stacks.ts";
import { tensorList } from "../theta-file.ts";
import type { NetworksStart, NetworksUnderWay } from "./networks-under-way.ts";
import { batchStreams, initialStack } from "./on-engine.ts";
import type { StepsOnKernels } from "./steps-on-kernels.ts";

/** Losses of the network whose weights are in the kernel. */
interface Losses {
  readonly weights: readonly Float32Array[];
  /** Of the loss that was taken last. */
  readonly gradients: readonly Float32Array[];
  /** The loss on the next batch of a stream. */
  readonly next: (stream: RandomStream) => number;
  readonly test: () => number;
}

/** Rows in batches of the kernel; the last is filled up with the first rows, which do not count. */
function rowBatches({ inputs, labels }: LabelledRows, { rows, features }: ClassifierForm) {
  const count = labels.length;
  return Array.from({ length: Math.ceil(count / rows) }, (_, batch) => {
    const own = { inputs: new Float32Array(rows * features), labels: new Float32Array(rows) };
    for (let r = 0; r < rows; r++) {
      const from = (batch * rows + r) % count;
      own.inputs.set(inputs.subarray(from * features, (from + 1) * features), r * features);
      own.labels[r] = labels[from];
    }
    return { ...own, count: Math.min(rows, count - batch * rows) };
  });
}

/** Mean loss of the kernel's network on rows. */
function testWith(
  kernel: ClassifierKernel,
  form: ClassifierForm,
  testRows: LabelledRows,
): () => number {
  const batches = rowBatches(testRows, form);
  const losses = new Float64Array(form.rows);
  return () => {
    let sum = 0;
    for (const { inputs, labels, count } of batches) {
      kernel.setBatch(inputs, labels);
      kernel.losses(losses);
      for (let r = 0; r < count; r++) sum += losses[r];
    }
    return sum / testRows.labels.length;
  };
}

function openLosses(task: InnerTask): Losses {
  const { classifier: form, testRows, spec } = task;
  if (form === undefined || testRows === undefined)
    throw new OptionError(
      `trainNetworks: task "${task.name}" has no kernels; take backend "engine"`,
    );
  const kernel = classifierKernel(form);
  const names = Object.keys(spec.tensors);
  const batch = networkOf(zeros(task.batchShapes, 1), 0);
  return {
    weights: names.map((name) => kernel.weights[name]),
    gradients: names.map((name) => kernel.gradients[name]),
    next(stream) {
      task.writeBatch(batch, stream);
      kernel.setBatch(batch["inputs"], batch["labels"]);
      return kernel.run();
    },
    test: testWith(kernel, form, testRows),
  };
}

/** Parameters of all networks on the host, those of each as lists in the order of the spec. */
const partsOf = (stack: Stack, networks: number): Float32Array[][] =>
  Array.from({ length: networks }, (_, at) => Object.values(networkOf(stack, at)));

export function networksOnKernels(start: NetworksStart): NetworksUnderWay {
  const losses = openLosses(start.task);
  const own = start.rule.onKernels?.();
  return own === undefined ? stepsOfEngine(start, losses) : ownSteps(start, losses, own);
}

/** Every network through all steps, then the next one. */
function ownSteps(start: NetworksStart, losses: Losses, own: StepsOnKernels): NetworksUnderWay {
  const { seeds, turn } = start;
  const streams = batchStreams(seeds);
  const params = initialStack(start).parts.map((part) => Object.values(part));
  return {
    async advance(steps) {
      const sums = seeds.map(() => 0);
      let seconds = 0;
      for (const [network, stream] of streams.entries()) {
        own.enter(network);
        copyScaled(params[network], own.params, 1);
        for (let step = 0; step < steps; step++) {
          await turn();
          const began = performance.now();
          copyScaled(own.params, losses.weights, 1);
          sums[network] += losses.next(stream);
          copyScaled(losses.gradients, own.gradients, 1);
          own.step();
          seconds += (performance.now() - began) / 1000;
        }
        copyScaled(own.params, params[network], 1);
        own.leave();
      }
      return { losses: sums, seconds };
    },
    testLosses: () => testAll(losses, params, turn),
    close: () => undefined,
  };
}

/** Gradients of all networks, then one step of all of them. */
function stepsOfEngine(start: NetworksStart, losses: Losses): NetworksUnderWay {
  const { task, rule, seeds, turn } = start;
  const moved = jit((params: Params, updates: Params) => applyUpdates(params, updates));
  const streams = batchStreams(seeds);
  let params: Params = stackToArrays(initialStack(start));
  let state = rule.init(params);
  let onHost = partsOf(copyToHost(params), seeds.length);
  const step = (sums: number[]): void => {
    const gradients = hostStack(tensorList(task.spec), seeds.length);
    for (const [network, stream] of streams.entries()) {
      copyScaled(onHost[network], losses.weights, 1);
      sums[network] += losses.next(stream);
      copyScaled(losses.gradients, Object.values(gradients.parts[network]), 1);
    }
    const [updates, next] = rule.update(stackToArrays(gradients), state, params);
    params = moved(params, updates);
    state = next;
    onHost = partsOf(copyToHost(params), seeds.length);
  };
  return {
    async advance(steps) {
      const sums = seeds.map(() => 0);
      let seconds = 0;
      for (let at = 0; at < steps; at++) {
        await turn();
        const began = performance.now();
        step(sums);
        seconds += (performance.now() - began) / 1000;
      }
      return { losses: sums, seconds };
    },
    async testLosses() {
      const evaluated = rule.evaluated?.(state, params);
      if (evaluated === undefined) return testAll(losses, onHost, turn);
      const parts = partsOf(copyToHost(evaluated), seeds.length);
      disposeArrays(evaluated);
      return testAll(losses, parts, turn);
    },
    close() {
      disposeArrays(params);
      disposeArrays(state);
    },
  };
}

async function testAll(
  losses: Losses,
  params: readonly (readonly Float32Array[])[],
  turn: () => Promise<void>,
): Promise<number[]> {
  const found: number[] = [];
  for (const own of params) {
    await turn();
    copyScaled(own, losses.weights, 1);
    found.push(losses.test());
  }
  return found;
}
