// Sine networks of two sine layers and a linear one at the same places, as a stage on kernels.

import { numpy as np } from "@jax-js/jax";
import type { SineFitTensors } from "../kernels/sine-fits/arena.ts";
import { type SineDrawKernel, sineDrawKernel } from "../kernels/sine-fits/draw-kernel.ts";
import { type SineFitShape } from "../kernels/sine-fits/layout.ts";
import { numbersOf } from "./kernel-stage.ts";
import type { CompiledStage, Stage } from "./stage.ts";

const order = ["into", "intoBias", "across", "acrossBias", "out", "outBias"] as const;

/** Numbers of all networks, by tensor, and how many networks there are. */
interface Networks {
  readonly count: number;
  readonly numbers: readonly Float32Array[];
}

const networksOf = (tensors: readonly np.Array[]): Networks => ({
  count: tensors[0].shape[0],
  numbers: tensors.map(numbersOf),
});

/** The weights of one network. */
function weightsOf({ count, numbers }: Networks, network: number): SineFitTensors {
  const part = (all: Float32Array) => {
    const size = all.length / count;
    return all.subarray(network * size, (network + 1) * size);
  };
  return Object.fromEntries(order.map((name, i) => [name, part(numbers[i])])) as Record<
    (typeof order)[number],
    Float32Array
  >;
}

/** What all networks draw, one after another: [count * places] */
function drawAll(kernel: SineDrawKernel, networks: Networks, places: number) {
  const drawn = new Float32Array(networks.count * places);
  for (let n = 0; n < networks.count; n++)
    drawn.set(kernel.draw(weightsOf(networks, n)), n * places);
  return drawn;
}

/** Gradients of all networks' tensors, one after another. */
function pullAll(
  kernel: SineDrawKernel,
  networks: Networks,
  drawn: Float32Array,
  gradient: Float32Array,
): Float32Array<ArrayBuffer>[] {
  const sums = networks.numbers.map(({ length }) => new Float32Array(length));
  const places = drawn.length / networks.count;
  for (let n = 0; n < networks.count; n++) {
    const part = (all: Float32Array) => all.subarray(n * places, (n + 1) * places);
    const made = kernel.pullBack(weightsOf(networks, n), part(drawn), part(gradient));
    for (const [i, name] of order.entries())
      sums[i].set(made[name], n * (sums[i].length / networks.count));
  }
  return sums;
}

/**
 * The stage of `sineNetworkStage` for networks of such a shape: tensors [n, ...shape] to one array [n, places, 1]. Gradients of
 * places are not computed.
 */
export function sineNetworkOnKernels(
  shape: SineFitShape,
  places: Float32Array<ArrayBuffer>,
): Stage {
  const count = places.length / shape.inputs;
  return {
    scope: null,
    isInMemory: true,
    compile: (): CompiledStage => {
      let kernel: SineDrawKernel | undefined;
      const started = () => (kernel ??= sineDrawKernel(shape, places));
      /** What the forward pass drew: the backward pass of the same networks reads it. */
      let held: { readonly tensors: readonly np.Array[]; readonly drawn: Float32Array } | undefined;
      return {
        forward: (_, tensors, key) => {
          key?.dispose();
          const networks = networksOf(tensors);
          const drawn = drawAll(started(), networks, count);
          held = { tensors, drawn };
          return [np.array(drawn, { shape: [networks.count, count, 1] })];
        },
        backward: (params, tensors, [gradient], wanted, key) => {
          key?.dispose();
          const shapes = tensors.map((tensor) => [...tensor.shape]);
          const networks = networksOf(tensors);
          const given = numbersOf(gradient);
          if (!wanted) return { params, inputs: [] };
          const same = held?.tensors.every((tensor, i) => tensor === tensors[i]) ? held : undefined;
          const drawn = same?.drawn ?? drawAll(started(), networks, count);
          held = undefined;
          const sums = pullAll(started(), networks, drawn, given);
          return { params, inputs: sums.map((sum, i) => np.array(sum, { shape: shapes[i] })) };
        },
        dispose: () => {
          kernel = undefined;
          held = undefined;
        },
      };
    },
  };
}
