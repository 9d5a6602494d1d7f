// Traced functions, one trap each: what the spec claims holds when the function is run, and the axes it must find are found.

import { nn, numpy as np } from "@jax-js/jax";
import { describe, expect, it } from "vitest";
import { formatGroup } from "../../src/symmetry/print.ts";
import { inferSpecFromFunction } from "../../src/trace/infer-function.ts";
import { verdictOn } from "../support/graphs/function-oracle.ts";
import { between, trapCases } from "../support/graphs/traced-traps.ts";

const groupsOf = (axes: Parameters<typeof formatGroup>[0][], sizes: Map<string, number>) =>
  axes
    .map((axis) =>
      axis.within === undefined
        ? formatGroup(axis)
        : formatGroup({ ...axis, within: String(sizes.get(axis.within)) }),
    )
    .toSorted();

describe("a spec by tracing finds these groups, and running the function confirms them", () => {
  it.each(trapCases)("$name", async ({ groups, weights, input = [4, 7], fn }) => {
    const shaped = Object.fromEntries(
      Object.entries(weights).map(([name, shape]) => [name, { shape }]),
    );
    const { spec } = await inferSpecFromFunction((w, x) => fn(w, x), shaped, [{ shape: input }]);
    const sizes = new Map(Object.entries(spec.axes).map(([name, { size }]) => [name, size]));
    const moving = Object.values(spec.axes).filter(({ group }) => group !== "fixed");
    expect(groupsOf(moving, sizes)).toEqual(groups.toSorted());
    const { axes, together, control } = await verdictOn(fn, input, spec, 11);
    for (const [axis, error] of Object.entries(axes)) expect(error, axis).toBeLessThan(1e-4);
    expect(together).toBeLessThan(1e-4);
    if (groups.length > 0) expect(control).toBeGreaterThan(1e-3);
  });
});

describe("tracing", () => {
  const shapes = { a: { shape: [7, 8] }, b: { shape: [8, 3] } };
  const inputs = [{ shape: [4, 7] }];

  it("names primitives it does not follow", async () => {
    const { unsupported, warnings } = await inferSpecFromFunction(
      (w, x) => between((h) => np.sort(h))(w, x),
      shapes,
      inputs,
    );
    expect(unsupported).toMatchObject([{ op: "jax.sort", reason: "the operation is not known" }]);
    expect(warnings.join()).toMatch(/jax\.sort/);
  });

  it("explains axes by the operations that tie them", async () => {
    const { explanations } = await inferSpecFromFunction(
      (w, x) => between((h) => nn.relu(h))(w, x),
      shapes,
      inputs,
    );
    expect(explanations.flatMap(({ reasons }) => reasons).join()).toMatch(/Einsum/);
  });

  it("takes names of the program's own values for weights", async () => {
    const weights = {
      "%0": { shape: [7, 8] },
      input0: { shape: [8, 3] },
      __proto__x: { shape: [3] },
    };
    const { spec } = await inferSpecFromFunction(
      (w, x) => np.add(np.matmul(nn.relu(np.matmul(x, w["%0"])), w["input0"]), w["__proto__x"]),
      weights,
      inputs,
    );
    expect(Object.keys(spec.tensors)).toEqual(["%0", "input0", "__proto__x"]);
  });

  it("does not believe the number of a weight with one entry", async () => {
    const { spec } = await inferSpecFromFunction(
      ({ a, b, floor }, x) => np.matmul(np.maximum(np.matmul(x, a), floor), b),
      { ...shapes, floor: { shape: [1] } },
      inputs,
    );
    expect(Object.values(spec.axes).some(({ scale }) => scale !== undefined)).toBe(false);
  });

  it("refuses weights that are not float", async () => {
    const weights = { a: { shape: [2], dtype: "int32" } };
    await expect(inferSpecFromFunction(({ a }) => a, weights, [])).rejects.toThrow(
      /"a" of type int32/,
    );
    await expect(inferSpecFromFunction((_, x) => x, {}, inputs)).rejects.toThrow(/got none/);
  });
});
