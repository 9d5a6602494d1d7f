// Work handed out on the command line to worker processes: populations, experiments and optimizers, the same bytes as at one place.

import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { weightspace } from "../support/command-line.ts";
import { startCommand, type WorkerProcess } from "../support/queue-workers.ts";
import { sharedServer } from "../support/servers/servers.ts";

const needRedis = sharedServer("redis");
let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "weightspace-cli-queue-"));
});
afterAll(() => rm(place, { recursive: true, force: true }));

/** Files of a folder with the digest of each. */
async function digestsIn(folder: string, pattern = /./): Promise<Record<string, string>> {
  const names = (await readdir(join(place, folder))).filter((name) => pattern.test(name));
  const digests = names.sort().map(async (name) => {
    const bytes = await readFile(join(place, folder, name));
    return [name, createHash("sha256").update(bytes).digest("hex")] as const;
  });
  return Object.fromEntries(await Promise.all(digests));
}

async function done(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await weightspace(["--json", ...args], place);
  expect(code, stderr).toBe(0);
  return stdout.trim() === "" ? {} : (JSON.parse(stdout) as Record<string, unknown>);
}

/** Runs a body beside worker processes, which are stopped after it. */
async function withWorkers(
  count: number,
  url: string,
  body: (workers: readonly WorkerProcess[]) => Promise<void>,
): Promise<void> {
  const args = ["--json", "worker", "--queue", url, "--workers", "1"];
  const workers = Array.from({ length: count }, () => startCommand(args, { cwd: place }));
  try {
    await body(workers);
  } finally {
    for (const { child } of workers) child.kill("SIGINT");
    await Promise.all(workers.map(({ ended }) => ended));
  }
}

const zoo = [
  "--arithmetic",
  "plain",
  "zoo",
  "build",
  "--networks",
  "6",
  "--shard-size",
  "2",
  "--seed",
  "3",
];

describe("handed out on the command line", () => {
  test(
    "a population, by two coordinators at once and two workers",
    { timeout: 120_000 },
    async ({ skip }) => {
      const { url } = await needRedis({ skip });
      await done(...zoo, "--workers", "1", "-o", "alone");
      await withWorkers(2, url, async (workers) => {
        const both = await Promise.all(
          [1, 2].map(() => done(...zoo, "--queue", url, "-o", "shared")),
        );
        for (const result of both) expect(result).toMatchObject({ zoo: join(place, "shared") });
        expect(await digestsIn("shared")).toEqual(await digestsIn("alone"));
        const said = workers.map(({ output }) => output()).join("");
        expect(said.match(/"type":"unit"/g)).toHaveLength(3);
        expect(said).not.toMatch(/"type":"(refused|failed)"/);
        expect(await done("queue", "status", "--queue", url)).toEqual({ lists: [] });
      });
    },
  );

  test(
    "an experiment with a search, to the digit; and in two parts of a job array",
    { timeout: 120_000 },
    async ({ skip }) => {
      const { url } = await needRedis({ skip });
      const fixture = new URL("../fixtures/version-0.1/zoo", import.meta.url).pathname;
      const split = ["--split", "0.5,0.25,0.25"];
      const train = ["--models", "flat-mlp,stat-nn", "--seeds", "2", "--epochs", "2", ...split];
      const search = ["--tune", "2", "--tune-epochs", "1"];
      const experiment = ["experiment", "generalization", "--zoo", fixture, ...train, ...search];
      const rowsOf = (result: Record<string, unknown>) =>
        (result["rows"] as object[]).map((row) => ({ ...row, seconds: 0 }));
      const alone = await done(...experiment, "--workers", "1", "-o", "one");
      const results = /^(?!.*seconds).*-\d\.json$/;
      const expected = await digestsIn("one/runs", results);
      expect(Object.keys(expected)).toHaveLength(8);
      await withWorkers(2, url, async () => {
        const queued = await done(...experiment, "--queue", url, "-o", "queued");
        expect(rowsOf(queued)).toEqual(rowsOf(alone));
        expect(await digestsIn("queued/runs", results)).toEqual(expected);
      });
      const parted = [...experiment, "--store", join(place, "both"), "--workers", "1"];
      const part = (shard: string) => done(...parted, "--shard", shard, "-o", `part-${shard[0]}`);
      expect(await part("1/2")).toEqual({ finished: 2, runs: 8 }); // its half of the search
      expect(await part("2/2")).toEqual({ finished: 6, runs: 8 }); // the rest of it, and its half of the runs
      expect(rowsOf(await part("1/2"))).toEqual(rowsOf(alone));
      expect(await digestsIn("both", results)).toEqual(expected);
      await withWorkers(2, url, async () => {
        const halving = ["--tune-seconds", "1", "--tune-epochs", "3"]; // a list of work for every round
        const command = ["experiment", "generalization", "--zoo", fixture, ...train, ...halving];
        const { tuning } = await done(...command, "--queue", url, "-o", "halving");
        const ofStats = (tuning as { model: string; passes: number; chosen: boolean }[]).filter(
          ({ model }) => model === "stat-nn",
        );
        expect(new Set(ofStats.map(({ passes }) => passes))).toEqual(new Set([1, 3]));
        expect(ofStats.filter(({ chosen }) => chosen)).toMatchObject([{ passes: 3 }]);
      });
    },
  );

  test("optimizers beside tuned Adam, and in two parts", { timeout: 120_000 }, async ({ skip }) => {
    const { url } = await needRedis({ skip });
    const small = [
      "--truncation",
      "5",
      "--pairs",
      "2",
      "--horizon",
      "10..40",
      "--outer-steps",
      "1",
    ];
    const sgdm = ["--kind", "sgdm", "--task", "digits-mlp", "--workers", "1"];
    await done("optimizer", "train", ...sgdm, ...small, "-o", "run");
    const measured = ["run", "--against", "adam,sgdm"];
    const short = ["--seeds", "1", "--steps", "4", "--points", "2"];
    const evaluate = ["optimizer", "evaluate", ...measured, ...short];
    const rowsOf = (result: Record<string, unknown>) =>
      (result["rows"] as object[]).map((row) => ({
        ...row,
        speedupInSeconds: 0,
        secondsPerStep: 0,
      }));
    const alone = await done(...evaluate, "-o", "evaluated/figures.json");
    const results = /^(?!.*(seconds|settings|work|theta)).*\.json$/;
    const expected = await digestsIn("evaluated/units", results);
    expect(Object.keys(expected)).toHaveLength(3);
    await withWorkers(1, url, async () => {
      const queued = await done(...evaluate, "--queue", url, "-o", "handed/figures.json");
      expect(rowsOf(queued)).toEqual(rowsOf(alone));
      expect(await digestsIn("handed/units", results)).toEqual(expected);
    });
    const part = (shard: string) =>
      done(...evaluate, "--store", "measured", "--shard", shard, "-o", `figures-${shard[0]}.json`);
    expect(await part("1/2")).toEqual({ finished: 2, runs: 3 });
    expect(rowsOf(await part("2/2"))).toEqual(rowsOf(alone));
    expect(await digestsIn("measured", results)).toEqual(expected);
  });
});
