// Golden numbers: term counts, ranks and the Burnside identity of the published papers and their code.

import { describe, expect, test } from "vitest";
import { countLayerTerms, countLayerWeights, countTerms } from "../../src/basis/counts.ts";
import { bellNumber, setPartitions, stirlingNumber } from "../../src/basis/partitions.ts";
import { enumerateTerms } from "../../src/basis/terms.ts";
import { compilePlan } from "../../src/plan/compile.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { cnnSpec } from "../../src/symmetry/presets/cnn.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import {
  publishedCNNSpec,
  publishedGRUSpec,
  publishedNFNCNNSpec,
  publishedRNNSpec,
  publishedTransformerSpec,
} from "../support/published-specs.ts";
import { transformerSpec } from "../../src/symmetry/presets/transformer.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { randomSpec } from "../../src/testing/random.ts";
import { shorthand } from "../support/specs.ts";

describe("partitions", () => {
  test("Bell numbers count set partitions", () => {
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8].map(bellNumber)).toEqual([
      1, 1, 2, 5, 15, 52, 203, 877, 4140,
    ]);
    for (const n of [0, 1, 2, 3, 4, 5, 6])
      expect(setPartitions([...Array(n).keys()])).toHaveLength(bellNumber(n));
  });
  test("Stirling numbers sum to Bell numbers", () => {
    expect([1, 2, 3, 4].map((k) => stirlingNumber(4, k))).toEqual([1, 7, 6, 1]);
  });
});

describe("terms of a pair are counted by products of Bell numbers", () => {
  const cases: [number[], number[], number][] = [
    [[0, 1], [0, 1], 4],
    [[0, 0], [0, 0], 15],
    [[0], [0], 2],
    [[0], [0, 1], 2],
    [[0], [0, 0], 5],
    [[0, 0], [0], 5],
    [[0, 0, 0], [0, 0, 0], 203],
    [[1, 2], [0, 1], 2],
    [[2, 3], [0, 1], 1],
    [[1, 0], [0, 1], 4],
    [[0, 1], [0, 0], 5],
    [[0, 1, 2, 3], [0, 1, 2, 3], 16],
    [[0, 0, 1, 2], [0, 0, 1, 2], 60],
    [[0, 0, 0, 1], [0], 15],
    [[], [], 1],
    [[0, 0], [], 2],
  ];
  test.each(cases)("(%j) from (%j): %i terms", (output, input, expected) => {
    const lowered = lowerSpec(shorthand([output, input]));
    expect(countTerms(lowered, 0, 1)).toBe(expected);
    expect(enumerateTerms(lowered, 0, 1)).toHaveLength(expected);
  });
});

const terms = (spec: Parameters<typeof lowerSpec>[0]) => countLayerTerms(lowerSpec(spec));

describe("terms of a layer", () => {
  test("MLPs of 1 to 5 weight matrices have 10, 32, 62, 100, 146 terms", () => {
    const sizes = [784, 512, 300, 100, 50, 10];
    expect(
      [1, 2, 3, 4, 5].map((k) => terms(mlpSpec(sizes.slice(0, k + 1), { ends: "permutation" }))),
    ).toEqual([10, 32, 62, 100, 146]);
  });
  test("the 784-512-10 MLP has 7, 9, 6, 10 terms into its tensors in key order", () => {
    const spec = defineSpec({
      axes: {
        n0: { size: 784, group: "permutation" },
        n1: { size: 512, group: "permutation" },
        n2: { size: 10, group: "permutation" },
      },
      tensors: {
        "Dense_0.bias": ["n1"],
        "Dense_0.kernel": ["n0", "n1"],
        "Dense_1.bias": ["n2"],
        "Dense_1.kernel": ["n1", "n2"],
      },
    });
    const lowered = lowerSpec(spec);
    const into = lowered.tensors.map((_, l) =>
      lowered.tensors.reduce((sum, _, m) => sum + countTerms(lowered, l, m), 0),
    );
    expect(into).toEqual([7, 9, 6, 10]);
  });
  test("published specs: CNN 144 as published and 86 without the name collision, RNN 165, Transformer 1,918, GRU 2,058", () => {
    expect(terms(publishedCNNSpec())).toBe(144);
    expect(terms(publishedCNNSpec({ collision: false }))).toBe(86);
    expect(terms(publishedRNNSpec())).toBe(165);
    expect(terms(publishedTransformerSpec())).toBe(1918);
    expect(publishedGRUSpec().tensors).toHaveProperty("encoder/hn/kernel");
    expect(Object.keys(publishedGRUSpec().tensors)).toHaveLength(22);
    expect(terms(publishedGRUSpec())).toBe(2058);
  });
  test("the Transformer with its true names has 2,258 terms, 2,454 with heads split", () => {
    expect(terms(publishedTransformerSpec("merged"))).toBe(2258);
    expect(terms(publishedTransformerSpec("split"))).toBe(2454);
  });
  test("recurrent networks without biases: 47 terms for one hidden layer, 108 for two", () => {
    expect(
      terms(
        shorthand([
          [1, 0],
          [1, 1],
          [2, 1],
        ]),
      ),
    ).toBe(47);
    expect(
      terms(
        shorthand([
          [1, 0],
          [1, 1],
          [2, 1],
          [2, 2],
          [3, 2],
        ]),
      ),
    ).toBe(108);
  });
  test("a ResNet basic block with folded kernels and two norms has 72 terms", () => {
    const [c, m] = [0, 1];
    expect(terms(shorthand([[c, m], [m], [m], [m, c], [c], [c]]))).toBe(72);
  });
  test("the 12-layer Transformer has 60,876 terms: 38,416 scalar, 22,314 vector, 146 matrix", () => {
    const spec = transformerSpec({
      layers: 12,
      width: 64,
      vocabulary: 100,
      positions: 32,
      ends: "permutation",
    });
    const lowered = lowerSpec(spec);
    expect(lowered.tensors).toHaveLength(196);
    expect(countLayerTerms(lowered)).toBe(60876);
    const byRank = [0, 0, 0];
    for (const { slots, features, targets } of compilePlan(lowered).products)
      byRank[slots.length] += features.length * targets.length;
    expect(byRank).toEqual([38416, 22314, 146]);
    expect(
      [1, 4, 6, 24].map((layers) =>
        terms(
          transformerSpec({ layers, width: 8, vocabulary: 5, positions: 3, ends: "permutation" }),
        ),
      ),
    ).toEqual([706, 7516, 16056, 236916]);
  });
  test("plans hold every enumerated term exactly once, on random specs", () => {
    for (let seed = 0; seed < 200; seed++) {
      const lowered = lowerSpec(randomSpec(seed));
      expect([seed, compilePlan(lowered).terms]).toEqual([seed, countLayerTerms(lowered)]);
      const listed = lowered.tensors.flatMap((l) =>
        lowered.tensors.map((m) => enumerateTerms(lowered, l.id, m.id).length),
      );
      expect([seed, listed.reduce((a, b) => a + b, 0)]).toEqual([seed, countLayerTerms(lowered)]);
    }
  });
});

describe("folding fixed axes gives NFN's layers", () => {
  test("HNP 64-32-10: 12,850 weights; HNP SIREN 2-32-32-3: 163", () => {
    expect(countLayerWeights(lowerSpec(mlpSpec([64, 32, 10])), 1, 1)).toBe(12850);
    expect(countLayerWeights(lowerSpec(mlpSpec([2, 32, 32, 3])), 1, 1)).toBe(163);
  });
  test("convolutions: 1,214 weights for one channel, 38,848 for 32 to 1", () => {
    expect(countLayerWeights(lowerSpec(publishedNFNCNNSpec()), 1, 1)).toBe(1214);
    expect(countLayerWeights(lowerSpec(publishedNFNCNNSpec()), 32, 1)).toBe(38848);
    const torchLayout = cnnSpec({ channels: [3, 16, 32], classes: 10, ends: "permutation" });
    expect(countLayerWeights(lowerSpec(torchLayout), 32, 1)).toBe(38848);
  });
});
