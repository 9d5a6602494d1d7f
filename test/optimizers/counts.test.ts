// Published parameter counts of learned optimizers, to the unit (Zhou, Finn and Harrison 2024, figure 3; Metz et al. 2019 and 2022; Celo2).

import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { denseEntries } from "../../src/optimizers/dense-entries.ts";
import { thetaSize } from "../../src/optimizers/host-theta.ts";
import { timeChannels } from "../../src/optimizers/features/published-features.ts";
import { optimizerKind } from "../../src/optimizers/registry.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import * as published from "../support/published-specs.ts";

beforeAll(() => startEngine());

const count = (kind: string, spec: SymmetrySpec) =>
  thetaSize(optimizerKind(kind).program(spec).thetaShapes);

describe("numbers that theta holds", () => {
  test("UNF on the published specs: 3,783, 7,369, 8,043 and 64,168", () => {
    expect(count("unf", published.publishedMLPSpec())).toBe(3783);
    expect(count("unf", published.publishedCNNSpec())).toBe(7369);
    expect(count("unf", published.publishedRNNSpec())).toBe(8043);
    expect(count("unf", published.publishedTransformerSpec())).toBe(64168);
  });
  test("UNF on true specs: CNN 5,513, Transformer 75,048", () => {
    expect(count("unf", published.publishedCNNSpec({ collision: false }))).toBe(5513);
    expect(count("unf", published.publishedTransformerSpec("merged"))).toBe(75048);
  });
  test("a CNN whose kernel positions are blocks has the 5,513 of one whose positions have names", () => {
    expect(count("unf", published.publishedNFNCNNSpec())).toBe(5513);
  });
  test("Deep Sets 2,788 on every task; NFN 3,783 on the MLP and 41,603 on the CNN", () => {
    for (const spec of [published.publishedMLPSpec(), published.publishedTransformerSpec()])
      expect(count("deep-sets", spec)).toBe(2788);
    expect(count("nfn", published.publishedMLPSpec())).toBe(3783);
    expect(count("nfn", published.publishedNFNCNNSpec())).toBe(41603);
  });
  test("LOLv2 1,762, small_fc_lopt 197, Celo2 347, momentum 2", () => {
    const spec = mlpSpec([4, 3, 2]);
    expect(count("lolv2", spec)).toBe(1762);
    // small_fc_lopt: 28 inputs of entries and 11 of time, two layers of 4, two outputs, and seven learned decays.
    const smallFc = { sizes: [28, 4, 4, 2], time: timeChannels, activateLast: false };
    expect(thetaSize(denseEntries(smallFc).thetaShapes) + 7).toBe(197);
    expect(count("celo2", spec)).toBe(347);
    expect(count("sgdm", spec)).toBe(2);
  });
  test("with coefficients by kind of term the count is that of every spec; with one a term it is not", () => {
    const specs = [published.publishedMLPSpec(), published.publishedTransformerSpec("split")];
    for (const kind of ["unf-small", "celo2-unf"]) {
      const [mlp, transformer] = specs.map((spec) => count(kind, spec));
      expect(mlp).toBe(transformer);
      expect(optimizerKind(kind).specBound).toBe(false);
    }
    const [mlp, transformer] = specs.map((spec) => count("unf", spec)); // control
    expect(mlp).not.toBe(transformer);
  });
});
