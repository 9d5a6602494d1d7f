// Learned optimizers as tests run them: random networks, theta with numbers everywhere, several steps of several networks.

import { jit } from "@jax-js/jax";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import {
  type ArrayRecord,
  arraysFromHost,
  arraysToHost,
  type HostRecord,
  keepArrays,
} from "../../src/engine/arrays.ts";
import type { Params } from "../../src/models/model.ts";
import { stackThetas, thetaSize } from "../../src/optimizers/host-theta.ts";
import { optimizerKind } from "../../src/optimizers/registry.ts";
import type { UpdateProgram } from "../../src/optimizers/update-program.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import type { OptimizerState } from "../../src/train/optimizers/update-rules.ts";

/** Normal weights of a spec, of this size. */
export function randomRecord(of: SymmetrySpec, seed: number, size = 1): HostRecord {
  const stream = randomStream(seed);
  return Object.fromEntries(
    Object.entries(of.tensors).map(([name, { shape }]) => [
      name,
      { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => size * stream.normal()) },
    ]),
  );
}

/** Several networks' arrays in one record [n, ...]. */
function together(records: readonly HostRecord[]): HostRecord {
  return Object.fromEntries(
    Object.entries(records[0]).map(([name, { shape }]) => [
      name,
      {
        shape: [records.length, ...shape],
        data: Float32Array.from(records.flatMap((record) => [...record[name].data])),
      },
    ]),
  );
}

/** Theta with numbers everywhere, zeros at the start included. */
export function someTheta(kind: string, of: SymmetrySpec, seed: number): Float32Array {
  const { thetaShapes } = optimizerKind(kind).program(of);
  const stream = randomStream(seed);
  return Float32Array.from({ length: thetaSize(thetaShapes) }, () => 0.2 * stream.normal());
}

/** An update whose arguments are traced, which is left to the engine. */
function underJit({ update }: UpdateProgram): UpdateProgram["update"] {
  const compiled = jit(
    (theta: ArrayRecord, gradients: Params, state: OptimizerState, params: Params) => {
      const [updates, next] = update(theta, gradients, state, params);
      for (const array of [...Object.values(theta), ...Object.values(params)]) array.dispose();
      return { updates, next };
    },
  );
  return (theta, gradients, state, params) => {
    const { updates, next } = compiled(keepArrays(theta), gradients, state, keepArrays(params));
    return [updates, next];
  };
}

/** The updates of the last of several steps of n networks with a theta each. */
export async function updatesOf(
  kind: string,
  of: SymmetrySpec,
  thetas: readonly Float32Array[],
  params: readonly HostRecord[],
  gradients: readonly (readonly HostRecord[])[],
  { traced = false } = {},
): Promise<HostRecord> {
  const program = optimizerKind(kind).program(of);
  const prepared = program.prepare(stackThetas(program.thetaShapes, thetas));
  const update = traced ? underJit(program) : program.update;
  const weights = arraysFromHost(together(params));
  let state = program.initialState(thetas.length);
  let last: HostRecord = {};
  for (const step of gradients) {
    const [updates, next] = update(prepared, arraysFromHost(together(step)), state, weights);
    state = next;
    last = await arraysToHost(updates);
  }
  return last;
}
