// `experiment learning-curve` and the options of training on the command line, at a size of seconds.

import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkResultFile } from "../../../src/report/result-file.ts";
import { weightspace } from "../../support/command-line.ts";

let folder: string;
const run = (text: string) => weightspace(text.split(" "), folder);
const small = "--zoo zoo --seeds 1 --epochs 1 --batch-size 8 --split 0.5,0.25,0.25 --workers 1";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weightspace-"));
  expect(await run("zoo build --networks 24 --workers 1 -o zoo")).toMatchObject({ code: 0 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Curve {
  rows: { share: number; networks: number; taus: number[][] }[];
  population: { validation: number; test: number };
  command: string;
}

test("a learning curve has a row for every share, goes on where it was, and leaves its report", async () => {
  const command = `experiment learning-curve ${small} --models linear --shares 1,0.5 --splits 2 -o curve`;
  const whole = await run(`${command} --json`);
  expect(whole).toMatchObject({ code: 0, stderr: "" });
  const result = JSON.parse(whole.stdout) as Curve;
  expect(result.rows.map(({ share, networks }) => [share, networks])).toEqual([
    [0.5, 6],
    [1, 12],
  ]);
  for (const { taus } of result.rows) expect(taus.map(({ length }) => length)).toEqual([1, 1]);
  expect(result.population).toMatchObject({ validation: 6, test: 6 });
  expect(result.command).toContain("--shares 0.5,1 --splits 2");
  expect(await readFile(join(folder, "curve/report.html"), "utf8")).toContain("training networks");
  await rm(join(folder, "curve/runs/split-1-share-1"), { recursive: true });
  const again = await run(command);
  expect(again.code).toBe(0);
  expect(again.stderr.match(/1 of 1 training runs are there already/g)).toHaveLength(3);
  const kept = checkResultFile(
    JSON.parse(await readFile(join(folder, "curve/learning-curve.json"), "utf8")),
    "learning-curve.json",
  );
  expect(kept.rows.map(({ share, networks, seeds }) => [share, networks, seeds])).toEqual(
    result.rows.map(({ share, networks }) => [share, networks, 2]),
  );
  expect(kept.tables?.["runs"]?.map(({ tau }) => tau)).toEqual(
    result.rows.flatMap(({ taus }) => taus.flat()),
  );
  // The whole share is the experiment itself.
  const alone = await run(`experiment generalization ${small} --models linear --json -o alone`);
  const { rows } = JSON.parse(alone.stdout) as { rows: { taus: number[] }[] };
  expect(rows[0].taus).toEqual(result.rows[1].taus[0]);
  const half = await run(
    `experiment generalization ${small} --models linear --train-share 0.5 --json -o half`,
  );
  const other = JSON.parse(half.stdout) as { rows: { taus: number[] }[]; command: string };
  expect(other.rows[0].taus).toEqual(result.rows[0].taus[0]);
  expect(other.command).toContain("--train-share 0.5");
});

test("a learning curve names what is predicted", async () => {
  const line = `experiment learning-curve ${small} --models linear --shares 1 --splits 1`;
  const loss = await run(`${line} --target testLoss -o losses`);
  expect(loss.code).toBe(0);
  const {
    title,
    about: { population },
  } = JSON.parse(await readFile(join(folder, "losses/learning-curve.json"), "utf8"));
  expect(population.target.name).toBe("testLoss");
  expect(title).toContain(population.target.summary);
  expect(loss.stdout).toContain(`between predicted and true ${population.target.summary}`);
  const page = async (out: string) =>
    (await readFile(join(folder, out, "report.html"), "utf8")).replace(/\s+/g, " ");
  expect(await page("losses")).toContain(`predict the ${population.target.summary} of networks`);
  expect(await page("losses")).not.toContain("test accuracy");
  const accuracy = await run(`${line} -o accuracies`);
  expect(accuracy.stdout).toContain("between predicted and true accuracy");
  expect(await page("accuracies")).toContain("predict the test accuracy of networks");
});

test("published trainings are used when asked, for the models that have one", async () => {
  const models = "--models stat-nn-published,linear --published-training";
  const done = await run(`experiment generalization ${small} ${models} --json -o published`);
  expect(done).toMatchObject({ code: 0, stderr: "" });
  const { settings, rows } = JSON.parse(done.stdout) as {
    settings: { models: { name: string; training?: object }[] };
    rows: { model: string; rate: number }[];
  };
  expect(settings.models.map(({ training }) => training)).toEqual([
    { epochs: 100, batchSize: 10, rate: 0.001, schedule: "constant", patience: 10 },
    undefined,
  ]);
  const rateOf = (name: string) => rows.find(({ model }) => model === name)?.rate;
  expect([rateOf("stat-nn-published"), rateOf("linear")]).toEqual([0.001, 0.003]);
});

test("misuse is refused before anything is trained", async () => {
  for (const [args, message] of [
    ["generalization --models linear --train-share 1.5", /Expected a share above 0, at most 1/],
    ["generalization --models linear --train-share 0", /Expected a number above 0/],
    ["generalization --models linear --published-training", /needs a model with a published/],
    ["generalization --models unf-published --published-training --tune 2", /leave one out/],
    ["learning-curve --models linear --shares 0.5,2", /--shares expected numbers above 0/],
    ["learning-curve --models linear --shares 0.5,,1", /--shares expected numbers above 0/],
    ["learning-curve --models linear --splits 0", /Expected a whole number/],
    ["learning-curve --models gcn", /there is no model "gcn"/],
  ] as const) {
    const refused = await run(`experiment ${args} ${small} -o refused`);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toMatch(message);
  }
  expect(existsSync(join(folder, "refused"))).toBe(false);
});
