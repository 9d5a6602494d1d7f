// Files of results: what is refused, what becomes of numbers that are not finite, and what an experiment keeps.

import { expect, test } from "vitest";
import { experimentDraft } from "../../src/report/result-drafts.ts";
import { checkResultFile, type ResultDraft, resultText } from "../../src/report/result-file.ts";
import { sampleExperiment } from "../support/reports/sample-experiment.ts";

const draft: ResultDraft = {
  title: "A title",
  command: "npx weightspace demo",
  commit: "abc",
  machine: "2 cores",
  seed: 0,
  rows: [{ model: "unf", tauMean: 0.5, tauStd: Number.NaN, seeds: 1, seconds: 2 }],
};

test("a file holds one row a line; a number that is not finite becomes null", () => {
  const text = resultText(draft);
  expect(text).toContain(
    '\n    {"model":"unf","tauMean":0.5,"tauStd":null,"seeds":1,"seconds":2}\n  ]',
  );
  expect(checkResultFile(JSON.parse(text), "x")).toEqual(JSON.parse(text));
});

const [row] = draft.rows;
test.each<[string, unknown, RegExp]>([
  ["no rows", { ...draft, rows: [] }, /rows/],
  ["another key", { ...draft, population: {} }, /population/],
  ["no command", { ...draft, command: undefined }, /command/],
  ["no commit", { ...draft, commit: undefined }, /commit/],
  [
    "an object in a row",
    { ...draft, rows: [{ ...row, tau: { mean: 1 } }] },
    /rows\.0\.tau: expected a plain/,
  ],
  [
    "a list in a row",
    { ...draft, rows: [{ ...row, taus: [1] }] },
    /rows\.0\.taus: expected a plain/,
  ],
  [
    "a mean alone",
    { ...draft, rows: [{ ...row, tauStd: undefined }] },
    /expected a standard deviation beside/,
  ],
  ["a std alone", { ...draft, rows: [{ tauStd: 1, seeds: 2 }] }, /expected the mean beside/],
  ["a mean over nothing", { ...draft, rows: [{ ...row, seeds: undefined }] }, /expected `seeds`/],
  [
    "an older name",
    { ...draft, rows: [{ ...row, tauSpread: 1 }] },
    /standard deviation: \.\.\.Std/,
  ],
  ["a bad table", { ...draft, tables: { runs: [{ spread: 1 }] } }, /tables\.runs\.0\.spread/],
])("%s is refused with its place", (_, value, message) => {
  expect(() => resultText(value as ResultDraft, "x.json")).toThrow(message);
  expect(() => resultText(draft, "x.json")).not.toThrow(); // control
});

test("an experiment keeps its rows, intervals and pairs, and no single prediction", () => {
  const sample = sampleExperiment();
  const rows = sample.rows.map((each) => ({
    ...each,
    tauInterval: [0.1, 0.2] as const,
    taus: [0.1, 0.3],
  }));
  const pair = {
    model: "unf",
    other: "nfn",
    difference: 0.1,
    std: 0.02,
    interval: [0, 0.2] as const,
    wins: 3,
    seeds: 3,
  };
  const text = resultText(experimentDraft({ ...sample, rows, comparisons: [pair] }, { seeds: 3 }));
  const file = checkResultFile(JSON.parse(text), "x");
  expect(file.rows[0]).toMatchObject({
    model: "unf",
    intervalLow: 0.1,
    intervalHigh: 0.2,
    seeds: 3,
  });
  expect(file.tables?.["runs"]).toHaveLength(2 * rows.length);
  expect(file.tables?.["comparisons"]).toEqual([
    {
      model: "unf",
      other: "nfn",
      wins: 3,
      seeds: 3,
      differenceMean: 0.1,
      differenceStd: 0.02,
      differenceLow: 0,
      differenceHigh: 0.2,
    },
  ]);
  expect(text).not.toContain("predicted");
  expect(file.about).toEqual({
    population: expect.objectContaining({ networks: 1200 }),
    settings: { seeds: 3 },
  });
});

test("predictors that an experiment did not train are said to be from elsewhere", () => {
  const sample = sampleExperiment();
  const [{ model: first }, ...others] = sample.rows;
  const about = (models: readonly string[]) =>
    experimentDraft(sample, { models: models.map((name) => ({ name })) }).about;
  expect(about([first])).toMatchObject({ fromElsewhere: others.map(({ model }) => model) });
  expect(about(sample.rows.map(({ model }) => model))).not.toHaveProperty("fromElsewhere"); // control
  const [{ model: mean }, ...rest] = others;
  const averaged = experimentDraft({ ...sample, together: [mean] }, { models: [{ name: first }] });
  expect(averaged.about).toMatchObject({
    fromElsewhere: rest.map(({ model }) => model),
    together: [mean],
  });
});

test("a row names its machine where it is another than that of the whole file", () => {
  const sample = sampleExperiment();
  const rows = sample.rows.map((each, i) => ({
    ...each,
    machine: i === 0 ? "another, 16 cores" : sample.machine,
  }));
  const [first, ...others] = experimentDraft({ ...sample, rows }, undefined).rows;
  expect(first).toMatchObject({ machine: "another, 16 cores" });
  for (const row of others) expect(row).not.toHaveProperty("machine");
});
