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
import {
  celo2Constants,
  type Celo2Memory,
  celo2Features,
  celo2Inputs,
  factoredAxes,
  memoryShapes,
} from "../features/celo2-features.ts";
import { type Celo2MemoryNumbers, celo2Numbers } from "../features/celo2-numbers.ts";
import { partOf } from "../../layers/kernel-networks.ts";
import { holdReadableNumbers, numbersOf } from "../../layers/kernel-stage.ts";
import type { Params } from "../../models/model.ts";
import { denseEntries } from "../dense-entries.ts";
import { entryNetwork } from "../entry-network.ts";
import { thetaPart } from "../host-theta.ts";
import { equivariantOutput } from "../outputs/equivariant-output.ts";
import { celo2Step } from "../steps/celo2-step.ts";
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
const stepLength = 0.001;

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

/** What is made once for all tensors of a shape. */
function onceAShape<T>(make: (shape: readonly number[]) => T): (shape: readonly number[]) => T {
  const known = new Map<string, T>();
  return (shape) => {
    const made = known.get(shape.join()) ?? make(shape);
    known.set(shape.join(), made);
    return made;
  };
}

/** Features [n, entries, 30] and the next state. */
type Read = (
  gradients: Params,
  params: Params,
  state: OptimizerState,
) => { readonly features: np.Array; readonly state: OptimizerState };

/** Compiled, for arguments that are traced. @keeps params @consumes all others */
function tracedReader(layout: TensorLayout, memory: ReturnType<typeof memories>): Read {
  const readerOf = onceAShape(celo2Features);
  const join = jit((list: np.Array[]) => concatenateAll(list, 1));
  return (gradients, params, state) => {
    const next: OptimizerState = {};
    const features = layout.tensors.map(({ name, shape }) => {
      const step = readerOf(shape)(gradients[name], params[name].ref, memory.of(state, name));
      Object.assign(next, memory.record(name, step.memory));
      return step.features;
    });
    return { features: join(features), state: next };
  };
}

/** Plain loops, for numbers. @keeps params @consumes all others */
function numbersReader({ tensors, total }: TensorLayout): Read {
  const writerOf = onceAShape((shape) => celo2Numbers(shape, factoredAxes(shape), celo2Constants));
  return (gradients, params, state) => {
    const [n] = gradients[tensors[0].name].shape;
    const features = new Float32Array(n * total * celo2Inputs);
    const next: OptimizerState = {};
    for (const { name, shape, start, size } of tensors) {
      const [gradient, param] = [gradients[name], params[name].ref].map(numbersOf);
      const before = parts.flatMap((part) => {
        const array = state[`${part}/${name}`];
        return array === undefined ? [] : [{ part, shape: array.shape, old: numbersOf(array) }];
      });
      const after = before.map((each) => ({ ...each, now: new Float32Array(each.old.length) }));
      const ofNetwork = (i: number, list: "old" | "now") =>
        Object.fromEntries(
          after.map((each) => [each.part, partOf(each[list], i, n)]),
        ) as unknown as Celo2MemoryNumbers;
      for (let i = 0; i < n; i++) {
        const first = (i * total + start) * celo2Inputs;
        writerOf(shape)({
          gradient: partOf(gradient, i, n),
          param: partOf(param, i, n),
          before: ofNetwork(i, "old"),
          next: ofNetwork(i, "now"),
          features: features.subarray(first, first + size * celo2Inputs),
        });
      }
      for (const { part, shape: memoryShape, now } of after)
        next[`${part}/${name}`] = np.array(now, { shape: memoryShape });
    }
    return { features: np.array(features, { shape: [n, total, celo2Inputs] }), state: next };
  };
}

/** Steps of one length in every tensor, against the directions [n, entries]. Pure. @consumes */
function normalizedSteps(layout: TensorLayout, directions: np.Array): ArrayRecord {
  const named = layout.unflatten(directions);
  return Object.fromEntries(
    layout.tensors.map(({ name, shape }) => {
      const over = shape.map((_, axis) => axis + 1);
      const square = np.square(named[name].ref);
      const mean = over.length === 0 ? square : np.mean(square, over, { keepdims: true });
      const scaled = np.divide(named[name], np.sqrt(np.add(mean, epsilon)));
      return [name, np.multiply(scaled, -stepLength)];
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
  const network = entryNetwork({ dense, last, entries: layout.total });
  const [readNumbers, readTraced] = [numbersReader(layout), tracedReader(layout, memory)];
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
    stepKernel: () =>
      celo2Step({
        layout,
        widths: dense.sizes,
        last: last?.kernels.tensors,
        rate: stepLength,
        epsilon,
      }),
    update(prepared, gradients, state, params) {
      checkBatch(spec, gradients, null);
      checkBatch(spec, params, null);
      const all = [gradients, state, params].flatMap((record) => Object.values(record));
      const read = holdReadableNumbers(all) ? readNumbers : readTraced;
      const { features, state: next } = read(gradients, params, state);
      const outputs = network(prepared, features);
      const directions = last === undefined ? first(outputs) : outputs;
      return [finish(directions), next];
    },
  };
}
