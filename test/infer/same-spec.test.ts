// Comparing specs up to names: equal under renaming, different as soon as one claim is.

import { describe, expect, it } from "vitest";
import { formatAxisExpression } from "../../src/symmetry/expression.ts";
import { specDifference } from "../../src/symmetry/same-spec.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { Axis, SymmetrySpec } from "../../src/symmetry/types.ts";
import { inferSpecFromNames } from "../../src/infer/names/infer-names.ts";
import { gpt2Tensors, llamaTensors, resnetTensors } from "../support/files/model-tensors.ts";

const samples: readonly (readonly [string, SymmetrySpec])[] = [
  ["GPT-2", inferSpecFromNames(gpt2Tensors(1), { heads: 3, tied: true }).spec],
  [
    "GPT-2 with a tensor for which heads are held still",
    inferSpecFromNames([...gpt2Tensors(3), { name: "reward.weight", shape: [1, 12] }], {
      heads: 3,
      tied: true,
    }).spec,
  ],
  ["Llama", inferSpecFromNames(llamaTensors(1), { heads: 6 }).spec],
  ["ResNeXt", inferSpecFromNames(resnetTensors(2)).spec],
];

const texts = (spec: SymmetrySpec) =>
  Object.entries(spec.tensors).map(
    ([name, { axes }]) => [name, axes.map(formatAxisExpression)] as const,
  );

function rebuilt(
  spec: SymmetrySpec,
  rename: (name: string) => string,
  change: (axis: Axis, name: string) => Axis = (axis) => axis,
): SymmetrySpec {
  const renamed = (text: string) => text.replaceAll(/[A-Za-z_][\w.]*/g, rename);
  return defineSpec({
    axes: Object.fromEntries(
      Object.entries(spec.axes).map(([name, axis]) => [
        rename(name),
        {
          ...change(axis, name),
          ...(axis.within !== undefined && { within: rename(axis.within) }),
        },
      ]),
    ),
    tensors: Object.fromEntries(texts(spec).map(([name, axes]) => [name, axes.map(renamed)])),
  });
}

describe.each(samples)("%s", (_name, spec) => {
  const moving = Object.keys(spec.axes).filter((name) => spec.axes[name].group !== "fixed");

  it("equals itself under other axis names", () => {
    const other = rebuilt(spec, (name) => `x_${name}`);
    expect(specDifference(spec, other)).toBeNull();
    expect(specDifference(other, spec)).toBeNull();
  });

  it("differs as soon as any one axis is fixed", () => {
    for (const fixed of moving) {
      const inside = Object.values(spec.axes).some(({ within }) => within === fixed);
      if (inside) continue;
      const other = rebuilt(
        spec,
        (name) => name,
        (axis, name) => (name === fixed ? { size: axis.size, group: "fixed" } : axis),
      );
      expect(specDifference(spec, other), fixed).not.toBeNull();
      expect(specDifference(other, spec), fixed).not.toBeNull();
    }
  });

  it("differs as soon as one dimension is not tied to the others", () => {
    let broken = 0;
    for (const [tensor, axes] of texts(spec)) {
      for (const [dimension, text] of axes.entries()) {
        const axis = lookupAxis(spec, text);
        if (axis === undefined || axis.group === "fixed") continue;
        const other = defineSpec({
          axes: { ...spec.axes, loose: axis },
          tensors: Object.fromEntries(
            texts(spec).map(([name, list]) => [
              name,
              name === tensor ? list.with(dimension, "loose") : list,
            ]),
          ),
        });
        expect(specDifference(spec, other), `${tensor} ${dimension}`).not.toBeNull();
        broken++;
      }
    }
    expect(broken).toBeGreaterThan(5);
  });
});

it("tells in which turn axes come, and that one axis in all turns is that axis times a block", () => {
  const spec = (columns: string) =>
    defineSpec({
      axes: {
        a: { size: 2, group: "permutation" },
        b: { size: 2, group: "permutation" },
        c: { size: 4, group: "permutation" },
      },
      tensors: { first: ["a", "3"], second: ["b", "3"], third: ["c", "3"], last: [columns] },
    });
  const different = ["(a & b) & c", "(b & a) & c", "c & (a & b)", "(a + b) & c", "(a & b) + c"];
  for (const one of different)
    for (const other of different)
      expect(specDifference(spec(one), spec(other)) === null, `${one}, ${other}`).toBe(
        one === other,
      );
  expect(specDifference(spec("c & c"), spec("c * 2"))).toBeNull();
  expect(specDifference(spec("c & c"), spec("2 * c"))).not.toBeNull();
});

const lookupAxis = (spec: SymmetrySpec, text: string): Axis | undefined =>
  Object.hasOwn(spec.axes, text) ? spec.axes[text] : undefined;
