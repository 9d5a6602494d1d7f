// Runs one equivariant layer on host weights through the fast executor and through the reference, with gradients.

import { jit, numpy as np, valueAndGrad } from "@jax-js/jax";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import { executePlan, type Aggregation } from "../../src/layers/execute.ts";
import type { ExecutablePlan } from "../../src/plan/plan-spec.ts";
import {
  type DenseFeature,
  referenceApply,
  referenceGradients,
} from "../../src/layers/reference/reference.ts";
import { plannedTerms } from "../../src/plan/terms.ts";

export interface LayerCase {
  readonly executable: ExecutablePlan;
  readonly channels: readonly [number, number];
  readonly aggregation: Aggregation;
  readonly inputs: readonly Float64Array[];
  readonly cotangents: readonly Float64Array[];
  readonly matrices: readonly Float64Array[];
}

export const atomShape = (
  { lowered }: ExecutablePlan,
  tensor: number,
  channels: number,
): number[] => {
  const { dims, fixedSize } = lowered.tensors[tensor];
  return [...dims.map(({ axis }) => lowered.axes[axis].size), fixedSize * channels];
};

/** Random inputs, cotangents and coefficients, all float32 values held in float64. */
export function layerCase(
  executable: ExecutablePlan,
  seed: number,
  aggregation: Aggregation,
): LayerCase {
  const random = randomStream(seed);
  const channels = [1 + random.integer(2), 1 + random.integer(2)] as const;
  const fill = (size: number) =>
    Float64Array.from({ length: size }, () => Math.fround(random.normal()));
  const ids = executable.lowered.tensors.map(({ id }) => id);
  return {
    executable,
    channels,
    aggregation,
    inputs: ids.map((id) => fill(sizeOf(atomShape(executable, id, channels[0])))),
    cotangents: ids.map((id) => fill(sizeOf(atomShape(executable, id, channels[1])))),
    matrices: executable.schedule.widths.map(({ input, output }) =>
      fill(input * channels[0] * output * channels[1]),
    ),
  };
}

export interface LayerResult {
  readonly outputs: Float64Array[];
  readonly inputGradients: Float64Array[];
  readonly matrixGradients: Float64Array[];
}

const upload = (values: Float64Array, shape: number[]) =>
  np.array(Float32Array.from(values)).reshape(shape);
const download = async (array: np.Array) => Float64Array.from((await array.data()) as Float32Array);

/** Through the plan, jitted, with a leading batch axis of one; gradients of sum(outputs * cotangents). */
export async function runPlan({
  executable,
  channels,
  aggregation,
  inputs,
  cotangents,
  matrices,
}: LayerCase): Promise<LayerResult> {
  const shapes = (width: number) => inputs.map((_, id) => [1, ...atomShape(executable, id, width)]);
  const x = inputs.map((values, id) => upload(values, shapes(channels[0])[id]));
  const m = matrices.map((values, p) => {
    const { input, output } = executable.schedule.widths[p];
    return upload(values, [input * channels[0], output * channels[1]]);
  });
  const g = cotangents.map((values, id) => upload(values, shapes(channels[1])[id]));
  const apply = (m: np.Array[], x: np.Array[]) =>
    executePlan(executable, m, null, x, { outputChannels: channels[1], aggregation });
  const objective = (m: np.Array[], x: np.Array[], g: np.Array[]) =>
    apply(m, x)
      .map((y, i) => np.sum(np.multiply(y, g[i])))
      .reduce((a, b) => np.add(a, b));
  const outputs = jit(apply)(
    m.map((a) => a.ref),
    x.map((a) => a.ref),
  );
  const [value, [toMatrices, toInputs]] = jit(valueAndGrad(objective, { argnums: [0, 1] }))(
    m,
    x,
    g,
  );
  value.dispose();
  return {
    outputs: await Promise.all(outputs.map(download)),
    matrixGradients: await Promise.all(toMatrices.map(download)),
    inputGradients: await Promise.all(toInputs.map(download)),
  };
}

/** Through the definition in float64. */
export function runReference({
  executable,
  channels,
  aggregation,
  inputs,
  cotangents,
  matrices,
}: LayerCase): LayerResult {
  const { lowered, plan, schedule } = executable;
  const wide = (values: readonly Float64Array[], c: number): DenseFeature[] =>
    values.map((data, id) => ({ width: lowered.tensors[id].fixedSize * c, data }));
  const widths = lowered.tensors.map(({ fixedSize }) => fixedSize * channels[1]);
  const places = plannedTerms(lowered, plan).map((term) => {
    const rows = lowered.tensors[term.input].fixedSize * channels[0];
    const columns = lowered.tensors[term.output].fixedSize * channels[1];
    const stride = schedule.widths[term.product].output * channels[1];
    const start = term.row * channels[0] * stride + term.column * channels[1];
    return {
      term,
      rows,
      columns,
      at: (i: number) => start + Math.floor(i / columns) * stride + (i % columns),
    };
  });
  const weighted = places.map(({ term, rows, columns, at }) => ({
    ...term,
    coefficients: Float64Array.from(
      { length: rows * columns },
      (_, i) => matrices[term.product][at(i)],
    ),
  }));
  const x = wide(inputs, channels[0]);
  const outputs = referenceApply(lowered, weighted, x, widths, aggregation).map(({ data }) => data);
  const gradients = referenceGradients(
    lowered,
    weighted,
    x,
    wide(cotangents, channels[1]),
    aggregation,
  );
  const matrixGradients = matrices.map(({ length }) => new Float64Array(length));
  for (const [t, { term, at }] of places.entries()) {
    gradients.coefficients[t].forEach(
      (value, i) => (matrixGradients[term.product][at(i)] += value),
    );
  }
  return { outputs, inputGradients: gradients.inputs, matrixGradients };
}

/** max |a - b| / max |b| over lists of arrays. */
export function relativeError(a: readonly Float64Array[], b: readonly Float64Array[]): number {
  let gap = 0;
  let scale = 1e-30;
  for (const [i, expected] of b.entries()) {
    if (a[i].length !== expected.length) return Number.POSITIVE_INFINITY;
    for (const [j, value] of expected.entries()) {
      const difference = Math.abs(a[i][j] - value);
      if (!(difference <= gap)) gap = difference;
      scale = Math.max(scale, Math.abs(value));
    }
  }
  return gap / scale;
}
