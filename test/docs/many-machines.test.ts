// What the page on many machines says of versions and costs is what package.json pins and what was measured.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const read = (path: string): Promise<string> =>
  readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");

test("the Docker file pins every version: those that the tests run with", async () => {
  const [docker, page] = [
    await read("docs/cluster/Dockerfile"),
    await read("docs/guide/many-machines.md"),
  ];
  const { version, devDependencies } = JSON.parse(await read("package.json"));
  const install = /RUN (npm install .*)/.exec(docker)?.[1] ?? "";
  const wanted = { weightspace: version, ...devDependencies };
  const pinned = [...install.matchAll(/(\w+)@(\S+)/g)].map(([, name, at]) => [name, at]);
  expect(pinned).toEqual(
    ["weightspace", "bullmq", "ioredis", "pg"].map((name) => [name, wanted[name]]),
  );
  expect(docker).toMatch(/^FROM node:\d+\.\d+\.\d+-/m);
  for (const line of docker.split("\n").filter((each) => /^(FROM|RUN)/.test(each)))
    expect(page).toContain(`| \`${line}\``);
});

test("the table of costs, and what bounds 1,000 workers, are the figures of the committed file", async () => {
  const page = await read("docs/guide/many-machines.md");
  const { rows } = JSON.parse(await read("docs/results/queue-overhead.json")) as {
    rows: { queue: string; work: string; units: number; seconds: number; coreSeconds: number }[];
  };
  const of = (queue: string, work: string) =>
    rows.find((row) => row.queue === queue && row.work === work)!;
  for (const [work, label] of [
    ["handed out", "10,000 units handed out"],
    ["handed out again", "the same again: still 10,000"],
    ["units that do nothing, one worker", "1,000 units that do nothing, one worker"],
  ]) {
    const cells = ["redis", "postgres"].map((queue) => of(queue, work));
    const text = cells.map(({ seconds, coreSeconds }) => `${seconds} s | ${coreSeconds} s`);
    expect(page).toContain(`| ${label} | ${text.join(" | ")} |`);
  }
  const each = (queue: string, work: string) =>
    (1000 * of(queue, work).seconds) / of(queue, work).units;
  const ends = (queue: string) => each(queue, "units that do nothing, one worker");
  expect(page).toContain(
    `${ends("redis").toFixed(2)} ms on Redis and ${ends("postgres").toFixed(2)} ms`,
  );
  const rate = (queue: string) => (100 * Math.floor(10 / ends(queue))).toLocaleString("en");
  expect(page).toContain(`${rate("redis")} a second (Redis), or ${rate("postgres")} (PostgreSQL)`);
  expect(page).toContain(
    `less than ${ends("redis").toFixed(1)} s would bring Redis to its bound (${ends("postgres").toFixed(1)} s`,
  );
  const micro = (queue: string) => (1000 * each(queue, "handed out")).toFixed(0);
  expect(page).toContain(`${micro("redis")} microseconds a unit`);
  expect(page).toContain(`(${micro("postgres")} microseconds on PostgreSQL)`);
});

test("the tables of faults and of ways are the committed figures, and every way has the digest of its population", async () => {
  const page = await read("docs/guide/many-machines.md");
  const results = async (name: string): Promise<unknown> =>
    JSON.parse(await read(`docs/results/${name}.json`));
  type Fault = { fault: string; runs: number; medianSeconds: number; longestSeconds: number };
  const faults = (await results("faults")) as { commit: string; rows: Fault[] };
  for (const { runs, medianSeconds, longestSeconds } of faults.rows)
    expect(page).toContain(`| ${runs} | ${medianSeconds}, ${longestSeconds} |`);
  expect(page).toContain(`commit ${faults.commit.slice(0, 7)}`);
  const runs = faults.rows.reduce((sum, row) => sum + row.runs, 0);
  expect(page).toContain(`In ${runs} runs`);
  type Way = { recipe: string; road: string; seconds: number; digest: string };
  const { rows: ways } = (await results("many-machines")) as { rows: Way[] };
  for (const road of new Set(ways.map((way) => way.road))) {
    const cells = ways
      .filter((way) => way.road === road)
      .map(({ seconds }) => (seconds < 100 ? `${seconds}` : seconds.toFixed(0)));
    expect(cells).toHaveLength(2);
    expect(page).toContain(`| ${road} | ${cells.join(" | ")} |`);
  }
  for (const recipe of ["digits-mlp", "gru-adders"]) {
    const digests = new Set(ways.filter((way) => way.recipe === recipe).map((way) => way.digest));
    expect(digests.size).toBe(1);
    expect(page).toContain(`\`${[...digests][0].slice(0, 12)}\`...`);
  }
});
