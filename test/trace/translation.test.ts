// The graph that a function becomes computes what the function computes: both are run, the graph in onnxruntime-web.

import { beforeAll, describe, expect, it } from "vitest";
import type { Weights } from "../../src/core/tensors.ts";
import type { Executor } from "../../src/runtime/executor.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";
import { randomWeights } from "../../src/testing/random.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { traceFunction } from "../../src/trace/infer-function.ts";
import { frontEndModels } from "../support/graphs/front-end-models.ts";
import { familyCases } from "../support/families/family-cases.ts";
import {
  distance,
  inputOf,
  type Network,
  outputsOf,
  usedWeights,
} from "../support/graphs/function-oracle.ts";
import { graphBytes } from "../support/graphs/graph-bytes.ts";
import { trapCases } from "../support/graphs/traced-traps.ts";

interface TracedNetwork {
  readonly name: string;
  readonly fn: Network;
  readonly input: readonly number[];
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

const networks: readonly TracedNetwork[] = [
  ...trapCases
    .filter(({ name }) => !name.includes("not followed"))
    .map(({ name, fn, input = [4, 7], weights }) => ({ name, fn, input, shapes: weights })),
  ...[...frontEndModels, ...familyCases].map(({ name, fn, input, tensors }) => ({
    name,
    fn,
    input,
    shapes: Object.fromEntries(tensors.map(({ name: tensor, shape }) => [tensor, shape])),
  })),
];

/** Random weights of these shapes. */
const weightsOf = (shapes: Readonly<Record<string, readonly number[]>>): Weights =>
  randomWeights(
    defineSpec({
      axes: {},
      tensors: Object.fromEntries(
        Object.entries(shapes).map(([name, shape]) => [name, shape.map(String)]),
      ),
    }),
    21,
  );

interface Prepared {
  readonly expected: Float32Array;
  readonly bytes: Uint8Array;
  readonly input: string;
}

const prepared = new Map<string, Prepared>();
let runtime: Executor;

beforeAll(async () => {
  for (const { name, fn, input, shapes } of networks) {
    const weights = weightsOf(shapes);
    const described = Object.entries(shapes).map(([key, shape]) => [key, { shape }] as const);
    const graph = await traceFunction((w, x) => fn(w, x), Object.fromEntries(described), [
      { shape: input },
    ]);
    prepared.set(name, {
      expected: await outputsOf(fn, input, weights),
      bytes: graphBytes(graph, usedWeights(weights)),
      input: graph.inputs[0].name,
    });
  }
  // Only now: once onnxruntime-web is loaded, the array engine cannot compile new kernels in this process.
  runtime = await onnxRuntime();
});

describe("function and graph give the same outputs", () => {
  it.each(networks)("$name", async ({ name, input }) => {
    const { expected, bytes, input: inputName } = prepared.get(name)!;
    const feeds = {
      [inputName]: { type: "float32", shape: [...input], data: inputOf(input) },
    } as const;
    const [output] = Object.values(await runtime.run(bytes, feeds));
    expect(distance(expected, output.data as Float32Array)).toBeLessThan(1e-4);
  });
});
