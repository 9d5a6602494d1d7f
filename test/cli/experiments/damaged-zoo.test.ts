// A zoo with a damaged shard on the command line: refused with the remedy, or used without its networks, which are counted.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { weightspace } from "../../support/command-line.ts";

let folder: string;
const run = (...args: string[]) => weightspace(args, folder);
const zoo = [
  "zoo",
  "build",
  "--networks",
  "40",
  "--shard-size",
  "20",
  "--workers",
  "1",
  "-o",
  "zoo",
];
const train = (...args: string[]) =>
  run("train", "--zoo", "zoo", "--functional", "linear", "--epochs", "1", ...args);
const quick = ["--models", "linear", "--seeds", "1", "--epochs", "1", "--workers", "1", "--json"];
const experiment = (...args: string[]) =>
  run("experiment", "generalization", "--zoo", "zoo", ...quick, ...args);
const shard = () => join(folder, "zoo", "shard-00001.safetensors");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weightspace-"));
  expect(await run(...zoo)).toMatchObject({ code: 0 });
  const whole = await train("-o", "whole.safetensors", "--json");
  expect(whole).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(whole.stdout)).toMatchObject({
    networks: { train: 28 },
    leftOut: { damaged: 0, notFinite: 0, missing: 0 },
  });
  const bytes = await readFile(shard());
  bytes[bytes.length - 100] ^= 1;
  await writeFile(shard(), bytes);
}, 240_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const refusal =
  /^error: 1 shard is damaged, so 20 of 40 networks cannot be read; build the zoo again .*--allow-damaged.*\(shard-00001\.safetensors in zoo: its checksum does not fit/;

test("train, predict and experiment refuse it", async () => {
  for (const refused of [
    await train("-o", "a.safetensors"),
    await run("predict", "whole.safetensors", "--zoo", "zoo"),
    await experiment("-o", "e"),
  ]) {
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(refusal);
  }
});

test("--allow-damaged goes on without its networks and counts them", async () => {
  const told = await train("-o", "b.safetensors", "--allow-damaged");
  expect(told.code).toBe(0);
  expect(told.stderr).toMatch(
    /warning: shard-00001\.safetensors in zoo: its checksum does not fit/,
  );
  expect(told.stderr).toContain(
    "warning: 20 of 40 networks are left out: their shards are damaged",
  );
  const counted = await train("-o", "c.safetensors", "--allow-damaged", "--json");
  expect(JSON.parse(counted.stdout)).toMatchObject({
    networks: { train: 14 },
    leftOut: { damaged: 20, notFinite: 0, missing: 0 },
  });
  const predicted = await run(
    "predict",
    "whole.safetensors",
    "--zoo",
    "zoo",
    "--allow-damaged",
    "--json",
  );
  const rows = JSON.parse(predicted.stdout) as { predicted: number | null; reason?: string }[];
  expect(rows).toHaveLength(40);
  const left = rows.filter((row) => row.predicted === null);
  expect(left).toHaveLength(20);
  expect(left[0]).toEqual({
    network: "network 20",
    predicted: null,
    reason: "its shard is damaged",
  });
  const compared = await experiment("-o", "e", "--allow-damaged");
  expect(JSON.parse(compared.stdout)).toMatchObject({
    command: expect.stringContaining("--allow-damaged") as string,
    population: {
      networks: 20,
      description: "networks of the task digits, without the 20 of damaged shards",
      leftOut: { damaged: 20 },
    },
  });
});

test("zoo info tells of it, and building again mends it", async () => {
  const info = await run("zoo", "info", "zoo");
  expect(info.code).toBe(0);
  expect(info.stderr).toBe("1 shard is damaged; build again to train it anew\n");
  expect((await run(...zoo)).stderr).toMatch(/warning: shard-00001\.safetensors/);
  expect(await train("-o", "d.safetensors", "--json")).toMatchObject({ code: 0, stderr: "" });
});

test("a functional with one bit flipped is refused; one without a checksum is told of", async () => {
  const bytes = await readFile(join(folder, "whole.safetensors"));
  const size = Number(bytes.readBigUInt64LE(0));
  for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 6)) {
    bytes[at] ^= 4;
    await writeFile(join(folder, "flipped.safetensors"), bytes);
    bytes[at] ^= 4;
    const { code, stdout, stderr } = await run("predict", "flipped.safetensors", "--zoo", "zoo");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^error: flipped\.safetensors: /);
  }
  const text = bytes.toString("latin1", 8, 8 + size);
  const old = text
    .replace(/"checksum":"[0-9a-f]{64}",/, "")
    .replace("checkpoint@2", "checkpoint@1")
    .padEnd(size);
  bytes.write(old, 8, "latin1");
  await writeFile(join(folder, "old.safetensors"), bytes);
  const [now, before] = [
    await run("predict", "whole.safetensors", "--zoo", "zoo"),
    await run("predict", "old.safetensors", "--zoo", "zoo"),
  ];
  expect(now).toMatchObject({ code: 0, stderr: "" });
  expect(before).toEqual({
    ...now,
    stderr: "old.safetensors: written before digests: not checked\n",
  });
});

test("files of options that are too deep or too large are refused by their limits", async () => {
  await writeFile(join(folder, "deep.json"), "[".repeat(1e5) + "]".repeat(1e5));
  await writeFile(join(folder, "large.json"), `{"head": [${" ".repeat(2 ** 20)}4, 1]}`);
  await writeFile(join(folder, "list.json"), "[1]");
  for (const [name, message, code] of [
    ["deep.json", "deep.json is nested more than 100 deep", 1],
    ["large.json", "large.json is larger than 1 MiB", 1],
    ["list.json", "list.json expected an object of options", 2],
    ["/dev/zero", "/dev/zero: it is a device, pipe or socket", 1],
  ] as const) {
    const refused = await train("--options", name, "-o", "f.safetensors");
    expect([refused.code, refused.stdout]).toEqual([code, ""]);
    expect(refused.stderr).toContain(message);
    expect(refused.stderr).not.toContain("unexpected");
  }
});
