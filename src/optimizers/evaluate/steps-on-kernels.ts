// Steps of a learned optimizer on kernels, for several networks one after another.

import type { ArrayRecord } from "../../engine/arrays.ts";
import { copyToHost, networkOf, stateShapes, zeros } from "../steps/network-stacks.ts";
import type { StepKernel } from "../steps/step-kernel.ts";
import type { UpdateProgram } from "../update-program.ts";

/** Steps of one network after another, in one memory. */
export interface StepsOnKernels {
  /** Views by tensor, in the order of the spec: those of the network that was entered. */
  readonly params: readonly Float32Array[];
  readonly gradients: readonly Float32Array[];
  /** Brings a network's theta and state in; whoever runs steps brings its parameters. */
  readonly enter: (network: number) => void;
  readonly step: () => void;
  /** Keeps the state of the network that was entered. */
  readonly leave: () => void;
}

/** The program's own steps, of another length where `factors` has one for every network. Keeps `prepared`, which has n networks. */
export function stepsOnKernels(
  program: UpdateProgram,
  makeKernel: () => StepKernel,
  prepared: ArrayRecord,
  factors: readonly number[] | undefined,
): StepsOnKernels {
  const kernel = makeKernel();
  const thetas = copyToHost(prepared);
  const networks = Object.values(thetas)[0].shape[0];
  const states = zeros(stateShapes(program), networks);
  const before = kernel.params.map(({ length }) => new Float32Array(length));
  let entered = 0;
  /** Goes back a part of the step. */
  const shorten = (factor: number): void => {
    for (const [t, values] of kernel.params.entries())
      for (let i = 0; i < values.length; i++)
        values[i] = before[t][i] + Math.fround(factor * Math.fround(values[i] - before[t][i]));
  };
  return {
    params: kernel.params,
    gradients: kernel.gradients,
    enter(network) {
      entered = network;
      kernel.setTheta(networkOf(thetas, network));
      kernel.load(networkOf(states, network));
    },
    step() {
      const factor = factors?.[entered];
      if (factor !== undefined)
        for (const [t, values] of kernel.params.entries()) before[t].set(values);
      kernel.step();
      if (factor !== undefined) shorten(factor);
    },
    leave: () => kernel.save(networkOf(states, entered)),
  };
}
