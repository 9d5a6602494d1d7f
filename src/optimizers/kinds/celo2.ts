// Celo2 (its base form, without orthogonalisation): 30 inputs, two layers of 8 and one of 3 on every entry by itself, of which the first output
// is a direction, divided by its root mean square over every tensor. 347 numbers, for any spec. `celo2-unf` puts an equivariant
// layer with coefficients by kind of term in place of the last one. Meta-trained with a step of 0.001.

import { jit, numpy as np } from "@jax-js/jax";
import { deriveSeed } from "../../core/random.ts";
import type { ArrayRecord } from "../../engine/arrays.ts";
import { concatenateAll } from "../../layers/pointwise/concatenate.ts";
import { sliceAlong } from "../../layers/pack.ts";
import { checkBatch } from "../../layers/check-batch.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { OptimizerState } from "../../train/optimizers/update-rules.ts";
import { type Celo2Memory, celo2Features, celo2Inputs, memoryShapes } from "../celo2-features.ts";
import { denseEntries } from "../dense-entries.ts";
import { thetaPart } from "../host-theta.ts";
import { equivariantOutput } from "../outputs/equivariant-output.ts";
import { type TensorLayout, tensorLayout } from "../tensor-layout.ts";
import type { UpdateProgram } from "../update-program.ts";

const width = 8;
/** Direction, magnitude, and one more; only the direction counts. */
const outputs = 3;
/** Inputs, then the outputs of every dense layer. */
export const celo2Widths = [celo2Inputs, width, width, outputs] as const;
/** Added to the mean square of a direction. */
const epsilon = 1e-9;

/** The step in meta-training; `scaleBy` after the optimizer makes it another one. */
const celo2Step = 0.001;

const parts = ["moments", "second", "rows", "columns", "squares"] as const;

/** The memory of all tensors as one flat record, and back. */
function memories(layout: TensorLayout) {
  const entries = layout.tensors.flatMap(({ name, shape }) =>
    parts.flatMap((part) => {
      const memoryShape = memoryShapes(shape)[part];
      return memoryShape === undefined ? [] : [{ key: `${part}/${name}`, shape: memoryShape }];
    }),
  );
  return {
    initial: (n: number): OptimizerState =>
      Object.fromEntries(entries.map(({ key, shape }) => [key, np.zeros([n, ...shape])])),
    of: (state: OptimizerState, name: string): Celo2Memory =>
      Object.fromEntries(
        parts.flatMap((part) => {
          const key = `${part}/${name}`;
          return Object.hasOwn(state, key) ? [[part, state[key]]] : [];
        }),
      ) as Celo2Memory,
    record: (name: string, memory: Celo2Memory): OptimizerState =>
      Object.fromEntries(
        Object.entries(memory).map(([part, array]) => [`${part}/${name}`, array as np.Array]),
      ),
  };
}

/** Compiled features, one program a shape. */
function featureReaders() {
  const readers = new Map<string, ReturnType<typeof celo2Features>>();
  return (shape: readonly number[]) => {
    const key = shape.join();
    const known = readers.get(key) ?? celo2Features(shape);
    readers.set(key, known);
    return known;
  };
}

/** Steps of one length in every tensor, against the directions [n, entries]. Pure; consumes. */
function normalizedSteps(layout: TensorLayout, directions: np.Array): ArrayRecord {
  const named = layout.unflatten(directions);
  return Object.fromEntries(
    layout.tensors.map(({ name, shape }) => {
      const over = shape.map((_, axis) => axis + 1);
      const square = np.square(named[name].ref);
      const mean = over.length === 0 ? square : np.mean(square, over, { keepdims: true });
      const scaled = np.divide(named[name], np.sqrt(np.add(mean, epsilon)));
      return [name, np.multiply(scaled, -celo2Step)];
    }),
  ) as ArrayRecord;
}

/** Celo2, or with `equivariant` Celo2 whose last layer sees rows, columns and neighbours. */
export function celo2Program(
  spec: SymmetrySpec,
  { equivariant = false }: { readonly equivariant?: boolean } = {},
): UpdateProgram {
  const layout = tensorLayout(spec);
  const memory = memories(layout);
  const dense = denseEntries({
    sizes: equivariant ? celo2Widths.slice(0, -1) : celo2Widths,
    init: "truncated",
    activateLast: equivariant,
  });
  const last = equivariant
    ? equivariantOutput(spec, layout, { channels: width, coefficients: "kinds" })
    : undefined;
  const readerOf = featureReaders();
  const join = jit((list: np.Array[]) => concatenateAll(list, 1));
  const first = jit((all: np.Array) => np.reshape(sliceAlong(all, 2, 0, 1), all.shape.slice(0, 2)));
  const finish = jit((directions: np.Array) => normalizedSteps(layout, directions));
  return {
    thetaShapes: { ...dense.thetaShapes, ...last?.thetaShapes },
    initialTheta: (seed) => ({
      ...dense.initialTheta(deriveSeed(seed, "dense")),
      ...last?.initialTheta(deriveSeed(seed, "output")),
    }),
    initialState: memory.initial,
    prepare: (theta) => ({
      ...dense.prepare(thetaPart(theta, dense.thetaShapes)),
      ...last?.prepare(thetaPart(theta, last.thetaShapes)),
    }),
    update(prepared, gradients, state, params) {
      checkBatch(spec, gradients, null);
      checkBatch(spec, params, null);
      const next: OptimizerState = {};
      const features = layout.tensors.map(({ name, shape }) => {
        const read = readerOf(shape);
        const step = read(gradients[name], params[name].ref, memory.of(state, name));
        Object.assign(next, memory.record(name, step.memory));
        return step.features;
      });
      const hidden = dense.apply(prepared, join(features));
      const directions = last === undefined ? first(hidden) : last.apply(prepared, hidden);
      return [finish(directions), next];
    },
  };
}
