// Three front ends, one engine: the same network gives the same spec as an ONNX graph, as a traced function and by its names.

import { withoutFactors } from "../support/structure.ts";
import { describe, expect, it } from "vitest";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { inferSpecFromNames } from "../../src/infer/names/infer-names.ts";
import { formatAxisExpression } from "../../src/symmetry/expression.ts";
import { specDifference } from "../../src/symmetry/same-spec.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { inferSpecFromFunction } from "../../src/trace/infer-function.ts";
import { type FrontEndModel, frontEndModels } from "../support/graphs/front-end-models.ts";
import { verdictOn } from "../support/graphs/function-oracle.ts";
import { onnxBuilder } from "../support/graphs/onnx-builder.ts";

const throughGraph = ({ onnx }: FrontEndModel) => {
  const b = onnxBuilder(1);
  onnx(b);
  return inferSpec(readOnnx(b.bytes()));
};

const throughFunction = ({ fn, input, tensors }: FrontEndModel) =>
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

describe.each(frontEndModels)("$name", (model) => {
  it("has one spec by all three front ends", async () => {
    const graph = throughGraph(model);
    const traced = await throughFunction(model);
    const named = inferSpecFromNames(model.tensors, model.options);
    expect([...graph.unsupported, ...traced.unsupported]).toEqual([]);
    expect(named.warnings).toEqual([]);
    expect(specDifference(graph.spec, traced.spec)).toBeNull();
    expect(specDifference(withoutFactors(graph.spec), withoutFactors(named.spec))).toBeNull();
    expect(specDifference(withoutFactors(traced.spec), withoutFactors(named.spec))).toBeNull();
  });

  it("differs from the same spec with one tie removed", async () => {
    const { spec } = await throughFunction(model);
    expect(specDifference(spec, withoutOneTie(spec))).not.toBeNull();
  });

  it("keeps its outputs under the spec from names, and not when one tensor stays behind", async () => {
    const { spec } = inferSpecFromNames(model.tensors, model.options);
    const { axes, together, control } = await verdictOn(model.fn, model.input, spec, 3);
    for (const [axis, error] of Object.entries(axes)) expect(error, axis).toBeLessThan(1e-4);
    expect(together).toBeLessThan(1e-4);
    expect(control).toBeGreaterThan(1e-3);
  });
});
