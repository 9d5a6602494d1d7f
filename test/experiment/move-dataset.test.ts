// Test networks moved by scales, signs and bases: the same functions, which functionals that respect them predict alike.

import { beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import { chooseModels } from "../../src/experiment/choose-models.ts";
import {
  checkMove,
  moveDataset,
  movingElement,
  parseMove,
} from "../../src/experiment/data/move-dataset.ts";
import { type ExperimentOutcome, runExperiment } from "../../src/node/run-experiment.ts";
import { mlpSpec, sirenSpec } from "../../src/symmetry/presets/mlp.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import type { WeightDataset } from "../../src/train/dataset.ts";
import { memoryStore } from "../../src/core/store.ts";
import { modelSpec } from "../support/networks.ts";

const relu = mlpSpec([3, 5, 4, 2], { scale: "positive" });

function population(spec: SymmetrySpec, size: number): WeightDataset {
  const random = randomStream(3);
  const tensors = Object.entries(spec.tensors).map(([name, { shape }]) => [
    name,
    { shape, data: Float32Array.from({ length: size * sizeOf(shape) }, () => random.normal()) },
  ]);
  const targets = Float32Array.from({ length: size }, () => random.uniform());
  return { spec, size, tensors: Object.fromEntries(tensors), targets } as WeightDataset;
}

/** Outputs of the ReLU networks on one input. */
function outputs({ tensors, size }: WeightDataset): number[] {
  const layer = (network: number, name: string, x: readonly number[], last: boolean) => {
    const { shape, data } = tensors[`${name}.weight`];
    const [rows, columns] = shape;
    const bias = tensors[`${name}.bias`].data;
    return Array.from({ length: rows }, (_, i) => {
      let sum = bias[network * rows + i];
      for (let j = 0; j < columns; j++) sum += data[(network * rows + i) * columns + j] * x[j];
      return last ? sum : Math.max(0, sum);
    });
  };
  return Array.from({ length: size }, (_, n) =>
    layer(n, "fc3", layer(n, "fc2", layer(n, "fc1", [1, -0.5, 2], false), false), true),
  ).flat();
}

describe("moves", () => {
  test("positive factors lie between 1 and 10^K and leave the functions alone", () => {
    const element = movingElement(relu, 4, parseMove("scales:2"));
    const factors = element["h1"].scales?.flat() ?? [];
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...factors)).toBeLessThanOrEqual(100);
    expect(Math.max(...factors)).toBeGreaterThan(10);
    expect(new Set(movingElement(relu, 4, parseMove("scales:0"))["h1"].scales?.flat())).toEqual(
      new Set([1]),
    );
    const networks = population(relu, 5);
    const moved = moveDataset(networks, 1, parseMove("scales:3"));
    const [before, after] = [outputs(networks), outputs(moved)];
    for (const [i, value] of after.entries()) expect(value).toBeCloseTo(before[i], 3);
    expect(moved.tensors["fc2.weight"].data).not.toEqual(networks.tensors["fc2.weight"].data);
    // Control: the last layer left as it was.
    const half = {
      ...moved,
      tensors: { ...moved.tensors, "fc3.weight": networks.tensors["fc3.weight"] },
    };
    expect(Math.max(...outputs(half).map((x, i) => Math.abs(x - before[i])))).toBeGreaterThan(1);
  });
  test("signs flip, bases mix, each only where the spec has them", () => {
    const tanh = mlpSpec([3, 5, 2], { scale: "sign" });
    expect(new Set(movingElement(tanh, 2, parseMove("signs"))["h1"].scales?.flat())).toEqual(
      new Set([1, -1]),
    );
    expect(() => checkMove(tanh, parseMove("scales:1"))).toThrow(
      /no axis of these networks has positive scales/,
    );
    expect(() => checkMove(relu, parseMove("signs"))).toThrow(/no axis .* has signs/);
    const attention = modelSpec("vit_block.onnx");
    const element = movingElement(attention, 2, parseMove("bases"));
    const [linear] = Object.entries(attention.axes).filter(
      ([, { group }]) => group === "general-linear",
    );
    expect(element[linear[0]].matrices).toBeDefined();
    expect(() => checkMove(relu, parseMove("bases"))).toThrow(/no axis/);
  });
  test("phases wind and flip, signs flip alone; networks whose spec has no phases are refused with the way out", () => {
    const sines = sirenSpec([3, 5, 2], { omega: 30 });
    const { windings, scales } = movingElement(sines, 2, parseMove("phases:40"))["h1"];
    expect(Math.max(...(windings?.flat() ?? []).map(Math.abs))).toBeGreaterThan(10);
    expect(new Set(scales?.flat())).toEqual(new Set([1, -1]));
    const few = movingElement(sines, 2, parseMove("phases"))["h1"].windings?.flat() ?? [];
    expect(Math.max(...few.map(Math.abs))).toBe(3);
    expect(movingElement(sines, 2, parseMove("signs"))["h1"].windings).toBeUndefined();
    expect(movingElement(sines, 2, null)["h1"].windings).toBeUndefined();
    expect(() => checkMove(sirenSpec([3, 5, 2]), parseMove("phases"))).toThrow(/--phases 30/);
    expect(() => checkMove(relu, parseMove("phases"))).toThrow(/has phases, so phases cannot act$/);
  });
  test.each(["scales", "scales:-1", "scales:99", "phases:-1", "phases:x", "sign", ""])(
    "%j is refused",
    (text) => {
      expect(() => parseMove(text)).toThrow(/expected scales:K with K from 0 to 8, signs, phases/);
    },
  );
});

describe("an experiment", () => {
  const common = {
    models: [
      { name: "unf-products", options: { channels: [1, 2], head: [8, 1] } },
      { name: "unf", options: { channels: [1, 2], head: [4, 1] } },
      ...chooseModels(["canonical:unf"], { unf: { channels: [1, 2], head: [4, 1] } }),
    ],
    seeds: 1,
    seed: 5,
    split: [0.5, 0.2, 0.3],
    budget: { epochs: 1, batchSize: 16, rate: 3e-3, clipNorm: 1 },
  } as const;
  let outcome: ExperimentOutcome | undefined;
  beforeAll(async () => {
    const settings = {
      ...common,
      moves: ["scales:0", "scales:2"],
      moveTraining: "scales:1",
    } as const;
    const events = runExperiment({
      dataset: population(relu, 40),
      settings,
      store: memoryStore(),
      workers: 1,
    });
    for await (const event of events) if (event.type === "done") outcome = event.outcome;
  });
  test("predicts every version of the test networks; only products of weights see through scales", () => {
    const movesOf = (name: string) =>
      outcome?.rows.find(({ model }) => model === name)?.moves ?? [];
    for (const model of ["unf-products", "unf"])
      expect(movesOf(model).map(({ move }) => move)).toEqual(["scales:0", "scales:2"]);
    const taus = (model: string) => movesOf(model).map(({ tauMean }) => tauMean);
    const [none, two] = taus("unf-products");
    expect(two).toBeCloseTo(none, 10);
    const [other, scaled] = taus("unf");
    expect(Math.abs(other - scaled)).toBeGreaterThan(1e-3);
    const [first, second] = taus("canonical:unf");
    expect(second).toBeCloseTo(first, 1);
  });
  test("sees through phases of sine networks with products of weights behind gates, and with canonical forms", async () => {
    const networks = population(sirenSpec([3, 5, 4, 2], { omega: 30 }), 40);
    for (const name of ["fc1.bias", "fc2.bias"]) {
      const { data } = networks.tensors[name];
      for (let i = 0; i < data.length; i++) data[i] /= 10;
    }
    const events = runExperiment({
      dataset: networks,
      settings: {
        ...common,
        moves: ["phases:0", "phases:40"],
      },
      store: memoryStore(),
      workers: 1,
    });
    let rows: ExperimentOutcome["rows"] = [];
    for await (const event of events) if (event.type === "done") ({ rows } = event.outcome);
    const taus = (name: string) =>
      (rows.find(({ model }) => model === name)?.moves ?? []).map(({ tauMean }) => tauMean);
    const [none, forty] = taus("unf-products");
    expect(forty).toBeCloseTo(none, 10);
    const [first, second] = taus("canonical:unf");
    expect(second).toBeCloseTo(first, 1);
    const [before, after] = taus("unf");
    expect(Math.abs(before - after)).toBeGreaterThan(1e-3); // the control
  });
  test("canonical:name is the same functional on canonical networks", () => {
    expect(chooseModels(["canonical:nfn"]).map(({ name, model }) => [name, model])).toEqual([
      ["canonical:nfn-np", "nfn-np"],
      ["canonical:nfn-hnp", "nfn-hnp"],
    ]);
    expect(() => chooseModels(["canonical:gcn"])).toThrow(/there is no model "canonical:gcn"/);
  });
});
