// A stack of layers as one stage on generated kernels: numbers go from the engine's arrays into the arena and back, once a
// pass, and nothing in between is JavaScript.

import { numpy as np } from "@jax-js/jax";
import { EnvironmentError } from "../core/errors.ts";
import { planProgram } from "../kernels/program.ts";
import { type RunningProgram, runProgram } from "../kernels/run.ts";
import type { KernelStack } from "../kernels/stack.ts";
import { threadsFor } from "../kernels/threads.ts";
import type { LayerParams } from "./layer.ts";
import type { CompiledStage, Stage } from "./stage.ts";

/** Whether all of these are arrays that hold numbers, not ones that stand for arguments while a function is traced. */
export const holdNumbers = (arrays: readonly unknown[]): boolean =>
  arrays.every((array) => array instanceof np.Array);

/** Whether these are numbers in WebAssembly's memory, which plain loops and kernels read at once. */
export const holdReadableNumbers = (arrays: readonly unknown[]): boolean =>
  holdNumbers(arrays) && (arrays as np.Array[]).every(({ device }) => device !== "webgpu");

/** @throws {EnvironmentError} for arrays on a device that kernels do not run on */
export function checkReadable(arrays: readonly np.Array[], backend: "kernels" | "reference"): void {
  const other = arrays.find(({ device }) => device === "webgpu");
  if (other === undefined) return;
  throw new EnvironmentError(
    `models: backend "${backend}" runs on WebAssembly, and these weights are on "${other.device}"; give the model backend: "engine", or start the engine with device "wasm"`,
  );
}

/** Numbers of an array. @consumes */
export const numbersOf = (array: np.Array) => array.dataSync() as Float32Array<ArrayBuffer>;

/** An array of numbers that lie in the arena, copied. */
const arrayOf = (numbers: Float32Array<ArrayBuffer>, shape: readonly number[]): np.Array =>
  np.array(numbers, { shape: [...shape] });

/** What the arena holds: the arrays that were copied into it last. */
interface Held {
  readonly params: Map<string, np.Array>;
  inputs: readonly np.Array[];
}

const sameArrays = (a: readonly np.Array[], b: readonly np.Array[]) =>
  a.length === b.length && a.every((array, i) => array === b[i]);

/** Copies parameters that changed. Says whether any did. @consumes */
function writeParams(running: RunningProgram, held: Held, params: LayerParams): boolean {
  let changed = false;
  for (const { path, buffer } of running.program.parameters) {
    const array = params[path];
    if (held.params.get(path) === array) {
      array.dispose();
      continue;
    }
    running.numbers(buffer).set(numbersOf(array));
    held.params.set(path, array);
    changed = true;
  }
  const read = new Set(running.program.parameters.map(({ path }) => path));
  for (const [path, array] of Object.entries(params)) if (!read.has(path)) array.dispose();
  return changed;
}

function runForward(
  running: RunningProgram,
  held: Held,
  params: LayerParams,
  inputs: np.Array[],
): void {
  const [batch] = inputs[0].shape;
  running.resize(batch);
  if (writeParams(running, held, params)) running.run("prepare");
  for (const [i, value] of running.program.inputs.entries())
    running.values(value).set(numbersOf(inputs[i]));
  held.inputs = inputs;
  running.run("forward");
}

function runBackward(
  running: RunningProgram,
  gradients: readonly np.Array[],
  wanted: boolean,
): { params: LayerParams; inputs: np.Array[] } {
  const { outputGradients, parameters, inputGradients } = running.program;
  for (const [i, value] of outputGradients.entries())
    running.values(value).set(numbersOf(gradients[i]));
  running.run("backward");
  const ofParams = parameters.map(
    ({ path, gradient, shape }) => [path, arrayOf(running.numbers(gradient), shape)] as const,
  );
  const [batch] = gradients[0].shape;
  const inputs = wanted
    ? inputGradients.map((value) =>
        arrayOf(running.values(value), [batch, ...value.sizes, value.columns]),
      )
    : [];
  return { params: Object.fromEntries(ofParams), inputs };
}

/** A program on as many threads as it is worth. */
function startProgram(
  stack: KernelStack,
  options: { readonly gradients: boolean; readonly inputGradients: boolean },
  batch: number,
): RunningProgram {
  const alone = planProgram(stack, options);
  const more = threadsFor(alone, batch);
  if (more === undefined) return runProgram(alone);
  return runProgram(planProgram(stack, { ...options, threads: more.threads }), {
    start: more.start,
    sleeps: more.sleeps,
    batch,
  });
}

/** A stage that runs on generated kernels, with what it runs. */
export interface KernelStage extends Stage {
  readonly kernels: () => KernelStack;
}

/**
 * The stage of a stack whose parameters begin with `scope`. Its program is written when it is first compiled; the arena
 * grows to the largest batch and is used again by every later call.
 */
export function kernelStage(scope: string, stack: () => KernelStack): KernelStage {
  return {
    scope,
    isInMemory: true,
    kernels: stack,
    compile: ({ gradients } = { gradients: true }): CompiledStage => {
      let running: RunningProgram | undefined;
      const held: Held = { params: new Map(), inputs: [] };
      let inputGradients = false;
      const start = (batch: number) =>
        (running ??= startProgram(stack(), { gradients, inputGradients }, batch));
      const end = () => {
        running?.end();
        running = undefined;
        held.params.clear();
        held.inputs = [];
      };
      const shapeOf = (value: RunningProgram["program"]["outputs"][number], batch: number) => [
        batch,
        ...value.sizes,
        value.columns,
      ];
      return {
        forward: (params, inputs, key) => {
          key?.dispose();
          checkReadable(inputs, "kernels");
          const [batch] = inputs[0].shape;
          const running = start(batch);
          runForward(running, held, params, inputs);
          return running.program.outputs.map((value) =>
            arrayOf(running.values(value), shapeOf(value, batch)),
          );
        },
        backward: (params, inputs, cotangents, wanted, key) => {
          key?.dispose();
          const [batch] = inputs[0].shape;
          // Most programs have parts before them that learn nothing; those that do are planned once more.
          if (wanted && !inputGradients) {
            end();
            inputGradients = true;
          }
          const running = start(batch);
          const current = running.program.parameters.every(
            ({ path }) => held.params.get(path) === params[path],
          );
          if (current && sameArrays(held.inputs, inputs)) {
            for (const array of [...Object.values(params), ...inputs]) array.dispose();
          } else runForward(running, held, params, inputs);
          return runBackward(running, cotangents, wanted);
        },
        dispose: end,
      };
    },
  };
}

/** A stack as a stage, and as a function of arrays that hold numbers. */
export interface BodyOnKernels {
  readonly stage: Stage;
  /** What the stack makes of features. @consumes */
  readonly apply: (params: LayerParams, features: np.Array[]) => np.Array[];
}

/** @param scope - where paths of its parameters begin; the stack names them from there on. @default "", all of them */
export function bodyOnKernels(stack: () => KernelStack, scope = ""): BodyOnKernels {
  const made = kernelStage(scope, stack);
  let compiled: CompiledStage | undefined;
  return {
    stage: made,
    apply: (params, features) => {
      compiled ??= made.compile({ gradients: false });
      return compiled.forward(params, features);
    },
  };
}
