// Three doors, one engine: the same network gives the same spec as an ONNX graph, as a traced function and by its names.

import { numpy as np } from "@jax-js/jax";
import { describe, expect, it } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { readOnnx } from "../../src/formats/onnx.ts";
import { actOn } from "../../src/group/act.ts";
import { movingAxes, sampleElement } from "../../src/group/element.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { inferSpecFromNames } from "../../src/infer/names/infer-names.ts";
import { formatAxisExpression } from "../../src/spec/expression.ts";
import { specDifference } from "../../src/spec/same-spec.ts";
import { defineSpec } from "../../src/spec/spec.ts";
import type { SymmetrySpec } from "../../src/spec/types.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { randomWeights } from "../../src/testing/random.ts";
import { inferSpecFromFunction } from "../../src/trace/infer-function.ts";
import { type DoorModel, doorModels } from "../support/door-models.ts";
import { onnxBuilder } from "../support/onnx-builder.ts";

const throughGraph = ({ onnx }: DoorModel) => {
  const b = onnxBuilder(1);
  onnx(b);
  return inferSpec(readOnnx(b.bytes()));
};

const throughFunction = ({ fn, input, tensors }: DoorModel) =>
  inferSpecFromFunction(
    (w, x) => fn(w, x),
    Object.fromEntries(tensors.map(({ name, shape }) => [name, { shape }])),
    [{ shape: input }],
  );

/** The same claims, except that one dimension gets an axis of its own. */
function withoutOneTie(spec: SymmetrySpec): SymmetrySpec {
  const tensors = Object.entries(spec.tensors).map(
    ([name, { axes }]) => [name, axes.map(formatAxisExpression)] as const,
  );
  const [tensor, axes] = tensors
    .filter(([, list]) => list.some((text) => spec.axes[text]?.group === "permutation"))
    .at(-1)!;
  const dimension = axes.findIndex((text) => spec.axes[text]?.group === "permutation");
  return defineSpec({
    axes: { ...spec.axes, loose: spec.axes[axes[dimension]] },
    tensors: Object.fromEntries(
      tensors.map(([name, list]) => [name, name === tensor ? list.with(dimension, "loose") : list]),
    ),
  });
}

/** The network's outputs on random inputs of a fixed seed. */
async function outputs({ fn, input }: DoorModel, weights: Weights): Promise<Float32Array> {
  await startEngine();
  const w = Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => [
      name,
      np.array(Float32Array.from(data, (x) => x / 3)).reshape([...shape]),
    ]),
  );
  const count = input.reduce((product, size) => product * size, 1);
  const x = Float32Array.from({ length: count }, (_, i) => Math.sin(1 + i * i));
  return (await fn(w, np.array(x).reshape([...input])).data()) as Float32Array;
}

const distance = (a: Float32Array, b: Float32Array) => {
  const scale = Math.max(...a.map(Math.abs));
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]))) / scale;
};

describe.each(doorModels)("$name", (model) => {
  it("has one spec through all three doors", async () => {
    const graph = throughGraph(model);
    const traced = await throughFunction(model);
    const named = inferSpecFromNames(model.tensors, model.options);
    expect([...graph.unsupported, ...traced.unsupported]).toEqual([]);
    expect(named.warnings).toEqual([]);
    expect(specDifference(graph.spec, traced.spec)).toBeNull();
    expect(specDifference(graph.spec, named.spec)).toBeNull();
    expect(specDifference(traced.spec, named.spec)).toBeNull();
  });

  it("differs from the same spec with one tie removed", async () => {
    const { spec } = await throughFunction(model);
    expect(specDifference(spec, withoutOneTie(spec))).not.toBeNull();
  });

  it("keeps its outputs under the spec from names, and not when one tensor stays behind", async () => {
    const { spec } = inferSpecFromNames(model.tensors, model.options);
    const weights = randomWeights(spec, 3);
    const before = await outputs(model, weights);
    for (const axis of movingAxes(spec)) {
      const moved = actOn(spec, sampleElement(spec, 7, { axes: [axis] }), weights);
      expect(distance(before, await outputs(model, moved)), axis).toBeLessThan(1e-4);
    }
    const moved = actOn(spec, sampleElement(spec, 7), weights);
    const behind = Object.keys(spec.tensors).find((name) => spec.tensors[name].shape.length > 1)!;
    const half = { ...moved, [behind]: weights[behind] };
    expect(distance(before, await outputs(model, moved))).toBeLessThan(1e-4);
    expect(distance(before, await outputs(model, half))).toBeGreaterThan(1e-3);
  });
});
