// The search: the same number of configurations for every functional, judged by validation networks alone.

import { expect, test } from "vitest";
import { checkReadable, chooseModels } from "../../src/experiment/choose-models.ts";
import type { FinishedJob } from "../../src/experiment/job.ts";
import {
  configure,
  drawnConfigurations,
  tuningConfigurations,
} from "../../src/experiment/search/configurations.ts";
import { judgeTrials } from "../../src/experiment/search/judge.ts";
import { buildModel, modelNames } from "../../src/models/registry.ts";
import { gruSpec } from "../../src/symmetry/presets/recurrent.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";

const spec = mlpSpec([6, 8, 3], { scale: "positive" });
/** What reads other networks than these only. */
const others = ["transformer-nfn", "picture-editor", "network-probes"];
const budget = { epochs: 3, batchSize: 8, rate: 3e-3, clipNorm: 1 };

test("every functional has the same number of distinct configurations, and can be built with each", () => {
  for (const name of modelNames().filter((each) => !others.includes(each))) {
    for (const count of [1, 4, 9]) {
      const tried = tuningConfigurations(name, count).map((configuration) =>
        configure({ name, options: {} }, budget, configuration),
      );
      expect(new Set(tried.map((each) => JSON.stringify(each))).size).toBe(count);
      for (const { options } of tried) expect(() => buildModel(name, spec, options)).not.toThrow();
      expect(tried[0]).toEqual({ options: {}, budget });
    }
  }
  expect(() => tuningConfigurations("unf", 10)).toThrow("from 1 to 9, got 10");
});

test("drawn configurations fill four decades of rates, and every functional can be built with each", () => {
  for (const name of modelNames().filter((each) => !others.includes(each))) {
    const tried = drawnConfigurations(name, 0, 0, 27).map((configuration) =>
      configure({ name, options: {} }, budget, configuration),
    );
    expect(tried[0]).toEqual({ options: {}, budget });
    expect(new Set(tried.map((each) => JSON.stringify(each))).size).toBe(27);
    for (const { options } of tried) expect(() => buildModel(name, spec, options)).not.toThrow();
    const decades = tried.map(({ budget: { rate } }) => Math.floor(Math.log10(rate / 3e-5)));
    for (const decade of [0, 1, 2, 3])
      expect(decades.filter((each) => each === decade).length).toBeGreaterThan(4);
  }
});

test("wider means wider between the ends, which stay", () => {
  const wide = (name: string, options: Record<string, unknown>, width: number) =>
    configure({ name, options }, budget, { rate: 1, width }).options;
  expect(wide("unf", { channels: [1, 6, 24] }, 0.5)).toEqual({ channels: [1, 3, 12] });
  expect(wide("stat-nn", {}, 2)).toEqual({ head: [256, 256, 1] });
  expect(wide("linear", { outputs: 1 }, 2)).toEqual({ outputs: 1 });
});

test("the highest validation tau is chosen, then the lowest loss; what diverged never is", () => {
  const trial = (validMetric: number, validLoss: number, diverged?: string) => {
    const history = [{ epoch: 1, trainLoss: 1, validLoss, validMetric }];
    const job: FinishedJob = {
      model: "unf",
      seed: 0,
      parameters: 1,
      bestEpoch: 1,
      predicted: [],
      moved: [],
      seconds: 1,
      history: diverged === undefined ? history : [],
      ...(diverged !== undefined && { diverged }),
    };
    return { job, options: {}, budget };
  };
  const chosen = (...trials: ReturnType<typeof trial>[]) =>
    judgeTrials(trials).findIndex((row) => row.chosen);
  expect(chosen(trial(0.5, 0.1), trial(0.6, 0.9))).toBe(1);
  expect(chosen(trial(0.5, 0.2), trial(0.5, 0.1))).toBe(1);
  expect(chosen(trial(0, 0, "the loss is NaN"), trial(-0.2, 0.9))).toBe(1);
  expect(chosen(trial(Number.NaN, 0.4), trial(Number.NaN, 0.3))).toBe(1);
});

test("names: both NFN for nfn, options by either name, each functional once", () => {
  expect(chooseModels(["nfn", "mlp", "nfn-np", "unf-shared"]).map(({ name }) => name)).toEqual([
    "nfn-np",
    "nfn-hnp",
    "flat-mlp",
    "unf-shared",
  ]);
  expect(chooseModels(["unf-shared"], { "unf-shared": { head: [8, 1] } })).toEqual([
    { name: "unf-shared", model: "unf", options: { share: {}, head: [8, 1] } },
  ]);
  expect(chooseModels(["mlp"], { "flat-mlp": { head: [8, 1] } })[0].options).toEqual({
    head: [8, 1],
  });
  expect(() => chooseModels(["unf"], { nfn: {} })).toThrow(/options are given for "nfn"/);
  expect(() => chooseModels(["gcn"])).toThrow(/there is no model "gcn", expected one of unf, /);
});

test("variants: a name of one's own whose options say which model it is", () => {
  const wide = { wide: { model: "unf", channels: [1, 32] } };
  expect(chooseModels(["unf", "wide"], wide)).toEqual([
    { name: "unf", options: {} },
    { name: "wide", model: "unf", options: { channels: [1, 32] } },
  ]);
  expect(() => chooseModels(["unf"], wide)).toThrow(/options are given for "wide"/);
  expect(() => chooseModels(["wide"], { wide: { model: "gcn" } })).toThrow(
    /options of "wide" say it is a "gcn", expected "model" to be one of unf, /,
  );
  expect(() => chooseModels(["wide"], { wide: { channels: [1, 32] } })).toThrow(
    /there is no model "wide", .* "model"/,
  );
  for (const name of ["tune-unf", "../unf", "", "UNF"]) {
    expect(() => chooseModels([name], { [name]: { model: "unf" } })).toThrow(/a variant's name/);
  }
});

test("every functional reads a GRU; one that cannot read the networks is refused by name", () => {
  const gru = gruSpec({ inputs: 3, hidden: 4, outputs: 2 });
  const general = modelNames().filter(
    (name) => !["monomial", "magep", "probes", ...others].includes(name),
  );
  expect(() => checkReadable(gru, chooseModels(general))).not.toThrow();
  expect(() => checkReadable(gru, chooseModels(["magep"]))).toThrow(
    /magep cannot read these networks: magep: axis "h0" has no scale part/,
  );
  expect(() => checkReadable(gru, chooseModels(["probes"]))).toThrow(
    /probes cannot read these networks: probes: tensor "rnn.weight_hh_l0" has shape/,
  );
  expect(() => checkReadable(gru, chooseModels(["network-probes"]))).toThrow(
    /network-probes cannot read these networks: network-probes: no network that can be run has the tensors/,
  );
  const channels = chooseModels(["deep-sets"], { "deep-sets": { channels: [2, 8] } });
  expect(() => checkReadable(gru, channels)).toThrow(
    /deep-sets cannot read these networks: .*; leave it out or change its options/,
  );
  const large = mlpSpec([3000, 3000, 10]);
  expect(() => checkReadable(large, chooseModels(["mlp"]))).toThrow(
    /flat-mlp would have \d+ parameters .*; leave it out or give it smaller head/,
  );
});
