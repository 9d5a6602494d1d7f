// The whole program of a stack, still as data: its arena and the operations of every pass, in order.

import { isRead } from "../symmetry/formula.ts";
import { layOut, type Pass, planArena, type Value } from "./arena.ts";
import { planGradients } from "./passes/backward.ts";
import { planWay } from "./passes/forward.ts";
import { checkedLinks } from "./passes/links.ts";
import type { Layout } from "./nest.ts";
import type { Operation } from "./wasm/operations.ts";
import type { Build, Constant, ParameterPlan } from "./parameters.ts";
import type { KernelStack } from "./stack.ts";
import { panelNumbers } from "./stream-kernel.ts";

export interface ProgramOptions {
  /** Plan the backward pass too. @default true */
  readonly gradients?: boolean;
  /** Plan gradients of the inputs too. @default false */
  readonly inputGradients?: boolean;
  /** Threads that share the work. @default 1 */
  readonly threads?: number;
}

export interface KernelProgram {
  readonly layout: Layout;
  /** `prepare` after parameters changed, `forward`, `backward`: each in one call. */
  readonly passes: readonly Pass[];
  readonly parameters: readonly ParameterPlan[];
  readonly constants: readonly Constant[];
  /** One a tensor, [...dims, fixed * channels]. */
  readonly inputs: readonly Value[];
  readonly inputGradients: readonly Value[];
  /** Pooled values, or one a tensor. */
  readonly outputs: readonly Value[];
  /** Gradients of the outputs, written by the caller before the backward pass. */
  readonly outputGradients: readonly Value[];
}

const newBuild = (threads: number, gradients: boolean): Build => {
  const arena = planArena(threads);
  const one = arena.buffer("one", 1);
  return {
    arena,
    gradients,
    one,
    parameters: [],
    constants: [{ buffer: one, data: Float32Array.of(1) }],
    prepare: [],
    prepareBack: [],
    forward: [],
    backward: [],
    collect: [],
    clearForward: [],
    clearBackward: [],
  };
};

/** The arena and all passes of a stack. @throws {UnsupportedError} for a stack that kernels cannot run. */
export function planProgram(
  stack: KernelStack,
  { gradients = true, inputGradients = false, threads = 1 }: ProgramOptions = {},
): KernelProgram {
  const links = checkedLinks(stack);
  const build = newBuild(threads, gradients);
  const { arena } = build;
  const [first] = stack.layers;
  const { lowered } = first.executable;
  const inputs = lowered.tensors.filter(isRead).map(({ id, dims, fixedSize }) =>
    arena.value(
      `input ${id}`,
      dims.map(({ axis }) => lowered.axes[axis].size),
      fixedSize * first.inputChannels,
    ),
  );
  const way = planWay(build, stack, links, inputs, inputGradients);
  const back = gradients ? planGradients(build, stack, way, inputGradients) : undefined;
  const clear = (name: string, buffers: readonly number[]): Operation[] =>
    buffers.length === 0 ? [] : [{ kind: "clear", name, buffers }];
  const passes: Pass[] = [
    { name: "prepare", operations: build.prepare },
    { name: "forward", operations: [...clear("clear_sums", build.clearForward), ...build.forward] },
  ];
  if (gradients) {
    const cleared = clear("clear_gradients", build.clearBackward);
    const operations = [...build.prepareBack, ...cleared, ...build.backward, ...build.collect];
    passes.push({ name: "backward", operations });
  }
  const packed = withPanels(arena, passes);
  return {
    layout: layOut(arena.buffers, threads),
    passes: packed,
    parameters: build.parameters,
    constants: build.constants,
    inputs,
    inputGradients: back?.inputs ?? [],
    outputs: way.outputs,
    outputGradients: back?.outputs ?? [],
  };
}

/** Operations with large matrices share one buffer for panels of them; each thread has its own. */
function withPanels(arena: Build["arena"], passes: readonly Pass[]): Pass[] {
  const size = Math.max(
    0,
    ...passes.flatMap(({ operations }) =>
      operations.map((one) => (one.kind === "stream" ? panelNumbers(one) : 0)),
    ),
  );
  if (size === 0) return [...passes];
  const panel = arena.buffer("panel", size, { perThread: true });
  return passes.map(({ name, operations }) => ({
    name,
    operations: operations.map((one) =>
      one.kind === "stream" && panelNumbers(one) > 0 ? { ...one, panel } : one,
    ),
  }));
}
