// Specs: expressions, validation that lists everything, JSON, printing, presets.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError, SpecError } from "../../src/core/errors.ts";
import { countLayerTerms } from "../../src/basis/counts.ts";
import {
  type AxisExpression,
  formatAxisExpression,
  interleavingOf,
  parseAxisExpression,
  productOf,
  sumOf,
} from "../../src/symmetry/expression.ts";
import { specFromJSON, specToJSON } from "../../src/symmetry/json.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { cnnSpec } from "../../src/symmetry/presets/cnn.ts";
import { mlpSpec, sirenSpec } from "../../src/symmetry/presets/mlp.ts";
import { gruSpec, rnnSpec } from "../../src/symmetry/presets/recurrent.ts";
import { transformerSpec } from "../../src/symmetry/presets/transformer.ts";
import { printSpec } from "../../src/symmetry/print.ts";
import { defineSpec, type SpecDefinition } from "../../src/symmetry/spec.ts";
import { randomSpec } from "../../src/testing/random.ts";

const expression: fc.Arbitrary<AxisExpression> = fc.letrec<{ any: AxisExpression }>((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    fc.record({
      kind: fc.constant("axis" as const),
      name: fc.constantFrom("h", "a.b", "x-1", "v[0]"),
      inverse: fc.boolean(),
    }),
    fc.record({ kind: fc.constant("block" as const), size: fc.integer({ min: 1, max: 99 }) }),
    fc.array(tie("any"), { minLength: 2, maxLength: 3 }).map(productOf),
    fc.array(tie("any"), { minLength: 2, maxLength: 3 }).map(sumOf),
    fc.array(tie("any"), { minLength: 2, maxLength: 3 }).map(interleavingOf),
  ),
})).any;

describe("axis expressions", () => {
  test("what is printed is read back to the same expression", () => {
    fc.assert(
      fc.property(expression, (value) => {
        expect(parseAxisExpression(formatAxisExpression(value))).toEqual(value);
      }),
      { seed: 1, numRuns: 500 },
    );
  });
  test.each([
    ["", "column 1"],
    ["a +", "column 4"],
    ["a ** b", "column 4"],
    ["(a + b", "expected )"],
    ["a b", "column 3"],
    ["0 * a", "size 1 or more"],
    ["a # b", "column 3"],
    ["a &", "column 4"],
    ["a & * b", "column 5"],
    ["(".repeat(100), "nested"],
  ])("%j is refused with the place", (text, message) => {
    expect(() => parseAxisExpression(text)).toThrow(SpecError);
    expect(() => parseAxisExpression(text)).toThrow(message);
  });
});

describe("validation", () => {
  const problemsOf = (definition: SpecDefinition) => {
    try {
      defineSpec(definition);
    } catch (error) {
      if (error instanceof SpecError) return error.problems.map(({ message }) => message);
      throw error;
    }
    return [];
  };
  const h = { size: 4, group: "permutation" } as const;

  test("lists every problem at once, with tensor, dimension and both sizes", () => {
    const problems = problemsOf({
      axes: {
        h,
        bad: { size: 0, group: "permutation" },
        loop: { size: 2, group: "permutation", within: "loop" },
      },
      tensors: {
        a: ["h", "nowhere"],
        b: { shape: [5], axes: ["h"] },
        c: ["h +"],
        d: { shape: [4, 4], axes: ["h"] },
      },
    });
    const text = problems.join("\n");
    expect(text).toContain('tensor "a", dimension 1: unknown axis "nowhere"');
    expect(text).toContain('tensor "b", dimension 0: the file has size 5 but "h" has size 4');
    expect(text).toContain('tensor "c", dimension 0');
    expect(text).toContain('tensor "d": shape [4, 4] has 2 dimensions but 1 axis expressions');
    expect(text).toContain('axis "bad": size must be an integer of at least 1, got 0');
    expect(text).toContain('axis "loop": "within" forms a cycle');
    expect(problems).toHaveLength(6);
  });
  test("empty specs, scale parts without permutations, and lonely enclosed axes are refused", () => {
    expect(problemsOf({ axes: {}, tensors: {} })).toEqual([expect.stringContaining("no tensors")]);
    expect(
      problemsOf({
        axes: { f: { size: 2, group: "fixed", scale: "sign" } },
        tensors: { t: ["f"] },
      }),
    ).toHaveLength(1);
    const v = { size: 2, group: "permutation", within: "h" } as const;
    expect(problemsOf({ axes: { h, v }, tensors: { t: ["v"] } })).toEqual([
      expect.stringContaining('no "h" beside it'),
    ]);
    expect(problemsOf({ axes: { h, v }, tensors: { t: ["h * v"] } })).toEqual([]);
  });
  test("terms that come in turn are of one size", () => {
    const a = { size: 3, group: "permutation" } as const;
    expect(problemsOf({ axes: { h, a }, tensors: { t: ["2 * (h + (a & 1 + h))"] } })).toEqual([
      'tensor "t", dimension 0: "a & (1 + h)" takes entries in turn of terms with different sizes (3, 5); terms of & must be of one size',
    ]);
    expect(problemsOf({ axes: { h, a }, tensors: { t: ["2 * (h + (1 + a & h))"] } })).toEqual([]);
  });
  test("names from files are just names", () => {
    const definition = JSON.parse(
      '{"axes":{"h":{"size":2,"group":"permutation"}},"tensors":{"__proto__":["h"],"toString":["h"]}}',
    ) as SpecDefinition;
    expect(Object.keys(defineSpec(definition).tensors)).toEqual(["__proto__", "toString"]);
    expect(problemsOf({ axes: { h }, tensors: { t: ["toString"] } })).toEqual([
      expect.stringContaining('unknown axis "toString"'),
    ]);
  });
});

describe("JSON", () => {
  test("a spec survives the way through text, on 200 random specs", () => {
    for (let seed = 0; seed < 200; seed++) {
      const spec = randomSpec(seed, { scales: seed % 2 === 0, maxTerms: 100 });
      expect([seed, specFromJSON(JSON.parse(JSON.stringify(specToJSON(spec))))]).toEqual([
        seed,
        spec,
      ]);
    }
  });
  test("specs with interleavings are of version 3, others are not", () => {
    const axes = {
      h: { size: 2, group: "permutation" },
      k: { size: 4, group: "permutation" },
    } as const;
    const spec = defineSpec({ axes, tensors: { t: ["h + (h & 2) & 2 + k"] } });
    const json = specToJSON(spec);
    expect([json.format, json.tensors["t"].axes]).toEqual([
      "weightspace/spec@3",
      ["(h + (h & 2)) & (2 + k)"],
    ]);
    expect(specFromJSON(JSON.parse(JSON.stringify(json)))).toEqual(spec);
    const plain = specToJSON(defineSpec({ axes, tensors: { t: ["h + k"] } }));
    expect(plain.format).toBe("weightspace/spec@1");
  });
  test.each([
    [null, "expected an object"],
    [{ format: "weightspace/spec@4" }, "weightspace/spec@1"],
    [{ format: "weightspace/spec@3" }, '"axes"'],
    [
      {
        format: "weightspace/spec@2",
        axes: { h: { size: 2, group: "permutation" } },
        tensors: { t: { shape: [4], axes: ["h & h"] } },
      },
      '"&" in axes needs "format": "weightspace/spec@3"',
    ],
    [{ format: "weightspace/spec@1", axes: [], tensors: {} }, '"axes"'],
    [
      {
        format: "weightspace/spec@1",
        axes: { h: { size: 1, group: "fixed", sized: 1 } },
        tensors: {},
      },
      'unknown key "sized"',
    ],
    [{ format: "weightspace/spec@1", axes: {}, tensors: { t: { axes: [] } } }, '"shape"'],
    [
      { format: "weightspace/spec@1", axes: {}, tensors: { t: { shape: [1], axes: [3] } } },
      "one expression per dimension",
    ],
  ])("%j is a format error", (value, message) => {
    expect(() => specFromJSON(value)).toThrow(FormatError);
    expect(() => specFromJSON(value)).toThrow(message);
  });
});

test("specs print as two tables", () => {
  const spec = defineSpec({
    axes: {
      in: { size: 6, group: "fixed" },
      h: { size: 9, group: "permutation", scale: "positive" },
      head: { size: 3, group: "permutation" },
      v: { size: 4, group: "general-linear", within: "head" },
    },
    tensors: { "lstm.W": ["4 * h", "in"], "v.weight": ["head * v", "h^-1"] },
  });
  expect(printSpec(spec)).toMatchInlineSnapshot(`
    "axis  size  group                     tensors
    ----  ----  ------------------------  -------
    in    6     fixed                     1
    h     9     S_9 with positive scales  2
    head  3     S_3                       1
    v     4     GL(4) in each head        1

    tensor    shape    axes
    --------  -------  --------------
    lstm.W    [36, 6]  4 * h, in
    v.weight  [12, 9]  head * v, h^-1"
  `);
});

test("presets have the tensors and terms of their networks", () => {
  const terms = (spec: Parameters<typeof lowerSpec>[0]) => countLayerTerms(lowerSpec(spec));
  expect(terms(mlpSpec([3, 4, 2], { ends: "permutation" }))).toBe(32);
  expect(sirenSpec([2, 8, 3]).axes["h1"].scale).toBe("sign");
  expect(cnnSpec({ channels: [3, 4, 5], classes: 2 }).tensors["conv2.weight"].shape).toEqual([
    5, 4, 3, 3,
  ]);
  expect(
    rnnSpec({ inputs: 3, hidden: 4, outputs: 2, layers: 2 }).tensors["rnn.weight_ih_l1"].shape,
  ).toEqual([4, 4]);
  const gru = gruSpec({ inputs: 3, hidden: 4, outputs: 2 });
  expect(gru.tensors["rnn.weight_hh_l0"].shape).toEqual([12, 4]);
  // Each of the three gates is a channel: 9 times the terms of one recurrent matrix with itself.
  expect(lowerSpec(gru).tensors.map(({ fixedSize }) => fixedSize)).toEqual([9, 3, 3, 3, 2, 2]);
  const heads = transformerSpec({ layers: 1, width: 8, heads: 2, vocabulary: 5, positions: 3 });
  expect(heads.tensors["layers.0.q.weight"].shape).toEqual([8, 8]);
  expect(heads.axes["qk0"].within).toBe("head0");
});
