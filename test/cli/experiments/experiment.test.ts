// The headline experiment at a small size, on the command line: population, models, results, report, predictions; aborted
// on the way, it ends with the same numbers.

import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { weightspace } from "../../support/command-line.ts";
import type { PredictionRecord, TrainingRecord } from "../../../src/experiment/predictions.ts";
import { collectResults } from "../../../src/experiment/results.ts";
import { checkResultFile } from "../../../src/report/result-file.ts";
import { checkpointFiles, cnnZooFiles } from "../../support/files/published-zoos.ts";

const bin = fileURLToPath(new URL("../../../bin/weightspace.js", import.meta.url));
let folder: string;
const run = (...args: string[]) => weightspace(args, folder);
const experiment = (out: string, ...more: string[]): string[] =>
  [
    "experiment generalization --zoo zoo --models unf,stat-nn --seeds 2 --epochs 4 --tune 2",
    "--batch-size 8 --split 0.5,0.2,0.3 --workers 2 --tune-epochs 2 --options options.json",
    `-o ${out} --json`,
    ...more,
  ]
    .join(" ")
    .split(" ");

interface Row {
  model: string;
  population: string;
  tauMean: number;
  tauStd: number;
  tauMovedMean: number;
  parameters: number;
  seeds: number;
}
interface Result {
  rows: Row[];
  comparisons: object[];
  tuning: { model: string; chosen: boolean }[];
  command: string;
  commit: string;
  files: Record<string, string>;
}
const withoutTimes = (text: string): unknown => {
  const { files: _, ...rest } = JSON.parse(text) as Result;
  return JSON.parse(JSON.stringify(rest, (key, value: unknown) => (key === "seconds" ? 0 : value)));
};

let whole: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weightspace-"));
  await writeFile(join(folder, "options.json"), `{"unf": {"channels": [1, 4], "head": [8, 1]}}`);
  expect(await run(..."zoo build --networks 48 --workers 1 -o zoo".split(" "))).toMatchObject({
    code: 0,
  });
  const published = { published: checkpointFiles(), cnns: cnnZooFiles(16) };
  for (const [name, files] of Object.entries(published)) {
    await mkdir(join(folder, name));
    for (const [file, bytes] of Object.entries(files))
      await writeFile(join(folder, name, file), bytes);
  }
  const { code, stdout, stderr } = await run(...experiment("whole", "--results", "results.json"));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  whole = stdout;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("its results have a row for every model, their differences, and how to repeat them", async () => {
  const { rows, comparisons, tuning, command, commit } = JSON.parse(whole) as Result;
  expect(rows.map(({ model }) => model).toSorted()).toEqual(["stat-nn", "unf"]);
  for (const row of rows) {
    expect(row).toMatchObject({ population: "zoo", seeds: 2 });
    expect(row.parameters).toBeGreaterThan(20);
    expect(row.tauMovedMean).toBeCloseTo(row.tauMean, 1); // both ignore the order of neurons
  }
  expect(comparisons).toHaveLength(1);
  expect(tuning.filter(({ chosen }) => chosen)).toHaveLength(2);
  expect(command).toBe(
    "npx weightspace experiment generalization --zoo zoo --checkpoints last --models unf,stat-nn --options options.json --seeds 2 --seed 0 --split 0.5,0.2,0.3 --epochs 4 --batch-size 8 --rate 0.003 --schedule cosine --tune 2 --tune-epochs 2",
  );
  expect(commit).toMatch(/^([0-9a-f]{40}(-dirty)?|\d+\.\d+\.\d+)$/);
  const committed = checkResultFile(
    JSON.parse(await readFile(join(folder, "results.json"), "utf8")),
    "results.json",
  );
  expect(committed).toMatchObject({ command, commit, about: { population: { name: "zoo" } } });
  expect(committed.rows.map(({ model, tauMean, tauStd }) => [model, tauMean, tauStd])).toEqual(
    rows.map(({ model, tauMean, tauStd }) => [model, tauMean, tauStd]),
  );
  const lengths = Object.entries(committed.tables ?? {}).map(([name, list]) => [name, list.length]);
  expect(lengths).toEqual([
    ["runs", 4],
    ["oneNumber", expect.any(Number)],
    ["comparisons", 1],
    ["tuning", 4],
  ]);
});

test("what is kept beside its results gives tau and intervals again", async () => {
  const { rows, comparisons } = JSON.parse(whole) as {
    rows: { model: string; taus: number[]; tauInterval: [number, number] }[];
    comparisons: { adjustedP: number }[];
  };
  const bytes = await readFile(join(folder, "results-predictions.json.gz"));
  const kept = JSON.parse(gunzipSync(bytes).toString()) as PredictionRecord;
  const { split, actual, trainings } = kept;
  const positions = [...split.train, ...split.validation, ...split.test];
  expect(positions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 48 }, (_, i) => i));
  const jobOf = (training: TrainingRecord) => {
    const { predicted } = training;
    return { ...training, parameters: 0, history: [], moved: predicted, seconds: 0 };
  };
  const jobs = trainings.map(jobOf);
  const again = collectResults(jobs, { actual }, { seed: 0 });
  for (const { model, taus, tauInterval } of rows) {
    const row = again.rows.find((each) => each.model === model);
    for (const [i, tau] of taus.entries()) expect(row?.taus?.[i]).toBeCloseTo(tau, 3);
    for (const end of [0, 1]) expect(row?.tauInterval?.[end]).toBeCloseTo(tauInterval[end], 3);
  }
  expect(again.comparisons[0].adjustedP).toBeCloseTo(comparisons[0].adjustedP, 3);
  const shuffled = trainings.map((training) =>
    jobOf({ ...training, predicted: training.predicted.toReversed() }),
  );
  const control = collectResults(shuffled, { actual }, { seed: 0 }).rows[0];
  expect(control.taus).not.toEqual(again.rows[0].taus);
  for (const { bestEpoch, validTau, trainLoss, passes } of trainings) {
    for (const values of Object.values(passes)) expect(values).toHaveLength(4);
    expect(passes.trainLoss[bestEpoch - 1]).toBe(trainLoss);
    expect(Math.max(...passes.validTau.map(Number))).toBe(validTau);
    expect(passes.trainLoss[0]).not.toBe(passes.trainLoss[3]); // control: passes differ
  }
});

test("aborted and continued, it ends with the same numbers; then nothing is trained again", async () => {
  const child = spawn(
    process.execPath,
    [bin, ...experiment("parts").filter((a) => a !== "--json")],
    {
      cwd: folder,
      stdio: "ignore",
    },
  );
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const first = join(folder, "parts/runs/tune-unf-1.json");
  while (!existsSync(first) && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill("SIGINT");
  expect(await ended).toBe(130);
  expect(existsSync(join(folder, "parts/experiment.json"))).toBe(false);
  const { code, stdout } = await run(...experiment("parts"));
  expect(code).toBe(0);
  expect(withoutTimes(stdout)).toEqual(withoutTimes(whole));
  const again = await run(...experiment("parts").filter((argument) => argument !== "--json"));
  expect(again).toMatchObject({ code: 0, stderr: "8 of 8 training runs are there already\n" });
});

test("the report has the first functional before the last one ends, and says what is missing", async () => {
  const line = `experiment generalization --zoo zoo --models linear,unf --seeds 1 --epochs 400 --batch-size 8 --split 0.5,0.2,0.3 --workers 1 --options options.json -o early`;
  const child = spawn(process.execPath, [bin, ...line.split(" ")], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (text.includes("first results")) child.kill("SIGINT");
  });
  expect(await new Promise((resolve) => child.on("close", resolve))).toBe(130);
  expect(said).toContain("first results, of 1 of 2 functionals: early/report.html");
  const page = await readFile(join(folder, "early/report.html"), "utf8");
  expect(page).toMatch(/Not finished: 1 of 2\s+models has all training\s+runs/);
  expect(page).toContain("linear");
  expect(page).not.toContain(">unf<");
  expect(existsSync(join(folder, "early/experiment.json"))).toBe(false);
  expect(await readFile(join(folder, "whole/report.html"), "utf8")).not.toContain("Not finished");
});

test("the report reads both files, with and without single predictions", async () => {
  for (const [file, parts] of [
    ["whole/experiment.json", ["Predicted and true", "Learning", "Tuning", "Model against model"]],
    ["results.json", ["Tuning", "Model against model", "How to reproduce"]],
  ] as const) {
    expect(await run("report", file, "-o", "page.html", "--force")).toMatchObject({ code: 0 });
    const page = await readFile(join(folder, "page.html"), "utf8");
    for (const part of parts) expect(page).toContain(part);
    expect(page).not.toMatch(/NaN|undefined|\[object/);
  }
});

test("a run's checkpoint predicts the networks of the population", async () => {
  const predicted = await run("predict", "whole/runs/unf-0.safetensors", "--zoo", "zoo", "--json");
  expect(predicted).toMatchObject({ code: 0, stderr: "" });
  const values = JSON.parse(predicted.stdout) as { predicted: number; actual: number }[];
  expect(values).toHaveLength(48);
  for (const { predicted: value } of values) expect(value > 0 && value < 1).toBe(true);
});

test("misuse is refused before anything is trained", async () => {
  const cases = [
    ["--models unf,gcn", 2, /there is no model "gcn", expected one of unf, /],
    ["--split 0.5,0.5", 2, /--split expected three fractions/],
    ["--tune-epochs 3", 2, /--tune-epochs needs --tune/],
    ["--tune 10", 2, /Expected a whole number, 1 to 9/],
    ["--models linear --options options.json", 1, /options are given for "unf"/],
  ] as const;
  for (const [args, code, message] of cases) {
    const refused = await run(
      ..."experiment generalization --zoo zoo -o refused".split(" "),
      ...args.split(" "),
    );
    expect(refused).toMatchObject({ code, stdout: "" });
    expect(refused.stderr).toMatch(message);
  }
  expect(existsSync(join(folder, "refused"))).toBe(false);
});

test("a functional names the first difference of networks that it does not fit", async () => {
  const functional = "whole/runs/unf-0.safetensors";
  const refused = await run("predict", functional, "--zoo", "published");
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(
    /tensor "fc1.weight" is missing, but the functional reads \[32, 64\] \(.*\); it only fits networks of the architecture it was trained on/,
  );
});

test("a threshold leaves out networks that did not learn, and says how many; one that nobody reaches is refused", async () => {
  const from = (threshold: string, out: string) =>
    run(
      ..."experiment generalization --zoo zoo --models linear --seeds 1 --epochs 1".split(" "),
      ..."--batch-size 4 --split 0.5,0.25,0.25 --workers 1 --threshold".split(" "),
      threshold,
      "-o",
      out,
    );
  const accuraciesOf = async (path: string) => {
    const text = await readFile(join(folder, path, "experiment.json"), "utf8");
    const { population, command } = JSON.parse(text) as {
      population: { networks: number; accuracies: number[] };
      command: string;
    };
    return { ...population, command };
  };
  expect(await from("0.001", "reach-all")).toMatchObject({ code: 0 });
  const all = await accuraciesOf("reach-all");
  const median = all.accuracies.toSorted((a, b) => a - b)[all.networks / 2];
  const some = await from(String(median), "reach-some");
  const { networks, accuracies, command } = await accuraciesOf("reach-some");
  expect(networks).toBeLessThan(all.networks);
  expect(some.stderr).toContain(
    `${networks} of ${all.networks} networks have a target of at least`,
  );
  expect(accuracies).toEqual(all.accuracies.filter((each) => each >= median));
  expect(command).toContain(`--threshold ${median}`);
  const none = await from("1.5", "reach-none");
  expect(none.code).toBe(1);
  expect(none.stderr).toMatch(/no network has a target of at least 1\.5; the largest is 0\.\d+/);
});

describe("populations published by others", () => {
  const compare = (zoo: string, ...more: string[]) =>
    run(
      ..."experiment generalization --models linear --seeds 1 --epochs 1 --batch-size 4".split(" "),
      ..."--split 0.5,0.25,0.25 --workers 1 --json --zoo".split(" "),
      zoo,
      "-o",
      `of-${zoo}`,
      ...more,
    );

  test("are known by their files: checkpoints by run, and rows of a matrix", async () => {
    const checkpoints = await compare("published", "--checkpoints", "all");
    expect(checkpoints).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(checkpoints.stdout)).toMatchObject({
      population: { name: "published", networks: 24, runs: 8, train: 12, validation: 6, test: 6 },
    });
    const rows = await compare("cnns", "--where", "config.activation=relu", "--where", "step=86");
    expect(rows).toMatchObject({ code: 0, stderr: "" });
    const result = JSON.parse(rows.stdout) as Result;
    expect(result).toMatchObject({ population: { networks: 8, runs: 8 } });
    expect(result.command).toContain("--where 'config.activation=relu' --where 'step=86'");
    const predicted = await run("predict", "of-cnns/runs/linear-0.safetensors", "--zoo", "cnns");
    expect(predicted).toMatchObject({ code: 0 });
    expect(predicted.stdout).toMatch(/row 1 +0\.\d+ +0\.\d+/);
  });

  test("tables beside a folder of checkpoints are read; copies are said", async () => {
    const place = join(folder, "mnist-transformers");
    await mkdir(join(place, "mnist"), { recursive: true });
    await mkdir(join(place, "metadata"));
    const files = checkpointFiles();
    const copied = {
      ...files,
      "99_75_9000.pt": files["170_75_4010.pt"],
      "embedding.pt": files["170_50_4000.pt"],
    };
    for (const [name, bytes] of Object.entries(copied))
      await writeFile(join(place, "mnist", name), bytes);
    const rows = Object.keys(copied).map((name) => `${name},${name.startsWith("99") ? 2 : 1}`);
    await writeFile(join(place, "metadata/mnist.csv"), `file,sweep\n${rows.join("\n")}\n`);
    const both = await compare("mnist-transformers/mnist", "-o", "of-mnist");
    expect(JSON.parse(both.stdout)).toMatchObject({ population: { networks: 9, runs: 8 } });
    const said = await run(
      ..."experiment generalization --models linear --seeds 1 --epochs 1 --batch-size 4".split(" "),
      ..."--split 0.5,0.25,0.25 --zoo mnist-transformers/mnist -o of-mnist".split(" "),
    );
    expect(said.stderr).toContain("1 of 9 networks are copies of another one, bit for bit");
    const one = await compare("mnist-transformers/mnist", "--where", "sweep=1", "-o", "of-one");
    expect(one).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(one.stdout)).toMatchObject({ population: { networks: 8, runs: 8 } });
  });

  test("conditions are for them alone; a folder of something else is refused", async () => {
    expect((await compare("zoo", "--where", "step=1")).stderr).toMatch(
      /zoo is a zoo of this project.*leave --where and --spec out/,
    );
    expect((await compare("whole")).stderr).toMatch(/whole holds no population: expected zoo.json/);
    expect(await compare("cnns", "--where", "step")).toMatchObject({ code: 2 });
  });
});
