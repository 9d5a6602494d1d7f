// Predictors from elsewhere: they read the statistics of the same networks, and stand in the same tables.

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PredictionRecord } from "../../../src/experiment/predictions.ts";
import { kendallTau } from "../../../src/train/measures/kendall-tau.ts";
import { weightspace } from "../../support/command-line.ts";

let folder: string;
const run = (...args: string[]) => weightspace(args, folder);
const experiment =
  "experiment generalization --zoo zoo --models stat-nn --seeds 2 --epochs 2 --split 0.5,0.2,0.3 --json".split(
    " ",
  );

/** Rows of numbers of a table, without its head. */
async function rowsOf(name: string): Promise<number[][]> {
  const lines = (await readFile(join(folder, "tables", `${name}.csv`), "utf8")).trim().split("\n");
  return lines.slice(1).map((line) => line.split(",").map(Number));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weightspace-"));
  expect(await run(..."zoo build --networks 48 --workers 1 -o zoo".split(" "))).toMatchObject({
    code: 0,
  });
  const written = await run(...experiment, "-o", "first", "--statistics", "tables");
  expect(written).toMatchObject({ code: 0, stderr: "" });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The variance of the first tensor as a prediction: what anyone could do with the tables. */
async function byVariance(): Promise<{ predicted: number[]; moved: number[] }> {
  const [test_, moved] = [await rowsOf("test"), await rowsOf("moved")];
  return { predicted: test_.map((row) => row[2]), moved: moved.map((row) => row[2]) };
}

test("tables have the networks of the split, seven statistics a tensor, and these do not change under reordering", async () => {
  expect((await readdir(join(folder, "tables"))).toSorted()).toEqual([
    "moved.csv",
    "test.csv",
    "train.csv",
    "validation.csv",
  ]);
  const head = (await readFile(join(folder, "tables/train.csv"), "utf8")).split("\n")[0];
  expect(head.split(",").slice(0, 3)).toEqual([
    "target",
    '"fc1.weight mean"',
    '"fc1.weight variance"',
  ]);
  const [train, validation, held, moved] = await Promise.all(
    ["train", "validation", "test", "moved"].map(rowsOf),
  );
  expect([train, validation, held, moved].map(({ length }) => length)).toEqual([24, 10, 14, 14]);
  for (const [i, row] of held.entries()) {
    expect(row).toHaveLength(1 + 7 * 4);
    for (const [j, value] of row.entries()) expect(moved[i][j]).toBeCloseTo(value, 4);
  }
  expect(held[0].slice(1)).not.toEqual(held[1].slice(1));
});

test("where every training draws its own networks, each has its own tables; test networks stay", async () => {
  const args = "-o own --statistics own-tables --resplit".split(" ");
  expect(await run(...experiment, ...args)).toMatchObject({ code: 0 });
  const names = (await readdir(join(folder, "own-tables"))).toSorted();
  const kinds = ["moved", "test", "train", "validation"];
  expect(names).toEqual(kinds.flatMap((kind) => [`${kind}-0.csv`, `${kind}-1.csv`, `${kind}.csv`]));
  const targets = async (name: string) =>
    (await rowsOf(`../own-tables/${name}`)).map(([target]) => target);
  const sorted = (list: readonly number[]) => list.toSorted((a, b) => a - b);
  const [first, second, search] = await Promise.all(["train-0", "train-1", "train"].map(targets));
  expect(sorted(first)).not.toEqual(sorted(second));
  expect(sorted([...first, ...(await targets("validation-0"))])).toEqual(
    sorted([...search, ...(await targets("validation"))]),
  );
  expect(await targets("test-1")).toEqual(await targets("test"));
});

test("predictions stand beside functionals: same networks, same truth, pairs by seed", async () => {
  const { predicted, moved } = await byVariance();
  const trainings = [0, 1].map((seed) => ({ seed, predicted, moved }));
  await writeFile(join(folder, "variance.json"), JSON.stringify({ model: "variance", trainings }));
  const { code, stdout } = await run(
    ...experiment,
    ..."-o first --also variance.json --results results.json".split(" "),
  );
  expect(code).toBe(0);
  const { rows, comparisons, command } = JSON.parse(stdout) as {
    rows: { model: string; tauMean: number; tauStd: number; agreement: number }[];
    comparisons: { model: string; other: string; difference: number; seeds: number }[];
    command: string;
  };
  const targets = (await rowsOf("test")).map(([target]) => target);
  const tau = kendallTau(predicted, targets);
  const row = rows.find(({ model }) => model === "variance");
  expect(row).toMatchObject({ tauMean: tau, tauStd: 0 });
  expect(row?.agreement).toBeGreaterThan(0.97);
  const other = rows.find(({ model }) => model === "stat-nn");
  expect(comparisons).toHaveLength(1);
  expect(comparisons[0].seeds).toBe(2);
  expect(Math.abs(comparisons[0].difference)).toBeCloseTo(
    Math.abs(tau - (other?.tauMean ?? 0)),
    12,
  );
  expect(command).toContain("--also variance.json");
  const record = JSON.parse(
    gunzipSync(await readFile(join(folder, "results-predictions.json.gz"))).toString(),
  ) as PredictionRecord;
  for (const [i, target] of targets.entries()) expect(record.actual[i]).toBeCloseTo(target, 6); // the order is that of the tables
  const shuffled = kendallTau(predicted, targets.toReversed());
  expect(shuffled).not.toBeCloseTo(tau, 3);
});

test("the mean of a functional and predictions from elsewhere is a row of its own", async () => {
  const { predicted, moved } = await byVariance();
  const trainings = [0, 1].map((seed) => ({ seed, predicted, moved }));
  await writeFile(join(folder, "other.json"), JSON.stringify({ model: "other", trainings }));
  const args = "-o first --also other.json --together stat-nn+other --results mean.json".split(" ");
  const { code, stdout } = await run(...experiment, ...args);
  expect(code).toBe(0);
  const { rows, comparisons, command } = JSON.parse(stdout) as {
    rows: { model: string }[];
    comparisons: unknown[];
    command: string;
  };
  expect(rows.map(({ model }) => model)).toContain("stat-nn + other");
  expect(comparisons).toHaveLength(3);
  expect(command).toContain("--together stat-nn+other");
  const { trainings: kept } = JSON.parse(
    gunzipSync(await readFile(join(folder, "mean-predictions.json.gz"))).toString(),
  ) as PredictionRecord;
  const said = (name: string) => kept.find(({ model }) => model === name)?.predicted[0] ?? 0;
  const mean = (said("stat-nn") + said("other")) / 2;
  expect(said("stat-nn + other")).toBeCloseTo(mean, 4);
  expect(said("stat-nn")).not.toBeCloseTo(mean, 4); // control
  const refused = await run(...experiment, ..."-o refused --together stat-nn+othr".split(" "));
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/"othr"/) as string });
});

test("predictions that do not fit are refused before anything is trained", async () => {
  const { predicted, moved } = await byVariance();
  const files = {
    "short.json": { model: "short", trainings: [{ seed: 0, predicted: [1], moved }] },
    "named.json": { model: "stat-nn", trainings: [{ seed: 0, predicted, moved }] },
    "rows.json": { model: "x", rows: [] },
    "word.json": { model: "x", trainings: [{ seed: 0, predicted: ["0.5"], moved }] },
  };
  for (const [name, value] of Object.entries(files))
    await writeFile(join(folder, name), JSON.stringify(value));
  const cases = [
    ["short.json", /"short" has 1 numbers in predicted of seed 0, expected one for each of 14/],
    ["named.json", /are called "stat-nn", as one of --models is/],
    ["rows.json", /rows\.json expected \{"model": name, "trainings": /],
    ["word.json", /trainings\.0\.predicted\.0: .*number/],
    ["missing.json", /missing\.json/],
  ] as const;
  for (const [file, message] of cases) {
    const refused = await run(...experiment, "-o", "refused", "--also", file);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(message);
  }
  await expect(readdir(join(folder, "refused/runs"))).rejects.toThrow();
});
