// From a population to predictions on the command line, and everything a file can have wrong with it: one clear error each.

import { readFile, truncate, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { actOn } from "../../../src/symmetry/act.ts";
import { sampleElement } from "../../../src/symmetry/element.ts";
import type { Tensor, Weights } from "../../../src/core/tensors.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { digitsSpec } from "../../support/digits-spec.ts";
import { randomWeights } from "../../../src/testing/random.ts";
import { weightspace } from "../../support/command-line.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weightspace-"));
  const built = await weightspace(
    ["zoo", "build", "--networks", "40", "--workers", "1", "-o", "zoo", "--json"],
    folder,
  );
  expect(built).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(built.stdout)).toMatchObject({ networks: 40, built: 40 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...args: string[]) => weightspace(args, folder);
/** Weights of about the size that training leaves. */
const plausible = (seed: number): Weights =>
  Object.fromEntries(
    Object.entries(randomWeights(digitsSpec, seed)).map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((value) => 0.2 * value) },
    ]),
  );
const weights = plausible(1);

async function network(
  name: string,
  change: Record<string, Tensor | undefined> = {},
): Promise<string> {
  const tensors = Object.entries({ ...weights, ...change }).filter(
    ([, tensor]) => tensor !== undefined,
  );
  await writeFile(
    join(folder, name),
    writeSafetensors(Object.fromEntries(tensors) as Record<string, Tensor>),
  );
  return name;
}

describe("a trained functional", () => {
  beforeAll(async () => {
    const trained = await run(
      "train",
      "--zoo",
      "zoo",
      "--model",
      "stat-nn",
      "--epochs",
      "3",
      "-o",
      "f.safetensors",
      "--json",
    );
    expect(trained).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(trained.stdout)).toMatchObject({
      model: "stat-nn",
      reason: "finished",
      networks: { train: 28 },
    });
  });

  test("predicts every network of a population, beside its true accuracy", async () => {
    const { code, stdout } = await run("predict", "f.safetensors", "--zoo", "zoo", "--json");
    expect(code).toBe(0);
    const rows = JSON.parse(stdout) as { predicted: number; actual: number }[];
    expect(rows).toHaveLength(40);
    for (const { predicted, actual } of rows) {
      expect(predicted).toBeGreaterThan(0);
      expect(predicted).toBeLessThan(1);
      expect(actual).toBeLessThanOrEqual(1);
    }
  });

  test("predicts the same for a network and its reordering, and not for another network", async () => {
    const element = sampleElement(digitsSpec, 4, { scales: false });
    const files = [
      await network("a.safetensors"),
      await network("b.safetensors", actOn(digitsSpec, element, weights)),
      await network("c.safetensors", plausible(2)),
    ];
    const { stdout } = await run("predict", "f.safetensors", ...files, "--json");
    const [a, b, c] = (JSON.parse(stdout) as { predicted: number }[]).map(
      ({ predicted }) => predicted,
    );
    expect(Math.abs(a - b)).toBeLessThan(1e-5);
    expect(Math.abs(a - c)).toBeGreaterThan(1e-5);
  });

  test("with another one, predicts the mean of both, and says what each of them does", async () => {
    const train = "train --zoo zoo --epochs 2 --json";
    for (const more of [
      "--model linear -o l.safetensors",
      "--model linear --target testLoss -o loss.safetensors",
    ])
      expect(await run(...`${train} ${more}`.split(" "))).toMatchObject({ code: 0 });
    const file = await network("d.safetensors");
    const predicted = async (...functionals: string[]) => {
      const { code, stdout, stderr } = await run("predict", ...functionals, file, "--json");
      return code === 0
        ? (JSON.parse(stdout) as { predicted: number; each?: number[] }[])[0]
        : stderr;
    };
    const [f, l] = [await predicted("f.safetensors"), await predicted("l.safetensors")] as {
      predicted: number;
    }[];
    expect(f).not.toHaveProperty("each");
    expect(f.predicted).not.toBeCloseTo(l.predicted, 4); // control: they say different things
    expect(await predicted("f.safetensors", "--with", "l.safetensors")).toMatchObject({
      predicted: (f.predicted + l.predicted) / 2,
      each: [f.predicted, l.predicted],
    });
    const { stdout } = await run(
      "predict",
      "f.safetensors",
      "--with",
      "l.safetensors",
      "--zoo",
      "zoo",
    );
    expect(stdout.split("\n")[0]).toMatch(
      /network +mean predicted +f\.safetensors +l\.safetensors +actual/,
    );
    expect(await predicted("f.safetensors", "--with", "loss.safetensors")).toMatch(
      /loss\.safetensors predicts testLoss \(nats\), f\.safetensors testAccuracy; only predictions of one thing/,
    );
    expect(await predicted("f.safetensors", "--with", "f.safetensors")).toMatch(
      /f\.safetensors is given twice/,
    );
    expect(await predicted("f.safetensors", "--with", "none.safetensors")).toMatch(
      /none\.safetensors/,
    );
  });

  const shape = (size: number[]) => ({
    shape: size,
    data: new Float32Array(size.reduce((a, b) => a * b, 1)),
  });
  test.each([
    [
      "a missing tensor",
      { "fc2.bias": undefined },
      /"fc2\.bias" is missing, expected shape \[10\]/,
    ],
    ["an unknown tensor", { "fc9.weight": shape([2]) }, /"fc9\.weight" is not in the spec/],
    ["a wrong shape", { "fc1.bias": shape([31]) }, /"fc1\.bias" has shape \[31\], expected \[32\]/],
    [
      "NaN weights",
      { "fc1.bias": { shape: [32], data: new Float32Array(32).fill(Number.NaN) } },
      /"fc1\.bias" holds NaN at entry 0/,
    ],
    [
      "a name like __proto__",
      JSON.parse('{"__proto__": {"shape": [1], "data": {"0": 0}}}'),
      /"__proto__" is not in the spec|expected/,
    ],
  ])("refuses %s by name", async (_, change, message) => {
    const own = Object.hasOwn(change, "__proto__");
    const name = own
      ? "odd.safetensors"
      : await network("bad.safetensors", change as Record<string, Tensor | undefined>);
    if (own) {
      const entries = [...Object.entries(weights), ["__proto__", shape([1])] as const];
      await writeFile(join(folder, name), writeSafetensors(entries));
    }
    const { code, stdout, stderr } = await run("predict", "f.safetensors", name);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(message);
  });

  test("all problems of a file are listed at once", async () => {
    const name = await network("bad.safetensors", {
      "fc2.bias": undefined,
      "fc1.bias": shape([31]),
    });
    const { stderr } = await run("predict", "f.safetensors", name);
    expect(stderr).toContain("2 problems");
  });

  test("truncated files and lying headers are format errors", async () => {
    const name = await network("cut.safetensors");
    const bytes = await readFile(join(folder, name));
    await truncate(join(folder, name), bytes.length - 5);
    expect(await run("predict", "f.safetensors", name)).toMatchObject({ code: 1, stdout: "" });
    const lying = Uint8Array.from(bytes);
    lying[7] = 0x7f;
    await writeFile(join(folder, name), lying);
    const { code, stderr } = await run("predict", "f.safetensors", name);
    expect(code).toBe(1);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("a population of another kind, a file that is no functional, and contradicting arguments", async () => {
    const notOne = await network("plain.safetensors");
    expect((await run("predict", notOne, notOne)).stderr).toMatch(
      /expected "weightspace\/checkpoint@1"|checkpoint/,
    );
    expect(await run("predict", "f.safetensors")).toMatchObject({ code: 2 });
    expect(await run("predict", "f.safetensors", notOne, "--zoo", "zoo")).toMatchObject({
      code: 2,
    });
    expect(await run("predict", "missing.safetensors", notOne)).toMatchObject({ code: 1 });
  });

  test("training does not overwrite, resumes on request, and refuses unknown models", async () => {
    expect(await run("train", "--zoo", "zoo", "-o", "f.safetensors")).toMatchObject({ code: 2 });
    const resumed = await run(
      "train",
      "--zoo",
      "zoo",
      "--model",
      "stat-nn",
      "--epochs",
      "3",
      "-o",
      "f.safetensors",
      "--resume",
      "--json",
    );
    expect(resumed).toMatchObject({ code: 0 });
    expect(
      await run("train", "--zoo", "zoo", "--functional", "unff", "-o", "g.safetensors"),
    ).toMatchObject({ code: 2 });
    expect((await run("train", "--zoo", "nowhere", "-o", "g.safetensors")).stderr).toContain(
      "no zoo.json",
    );
  });
});

describe("places that cannot be written", () => {
  test.each([
    ["zoo build", ["zoo", "build", "--networks", "4", "--workers", "1", "-o", "blocked/zoo"]],
    ["demo", ["demo", "--networks", "20", "-o", "blocked/demo"]],
    [
      "train",
      [
        "train",
        "--zoo",
        "zoo",
        "--model",
        "linear",
        "--epochs",
        "1",
        "-o",
        "blocked/f.safetensors",
      ],
    ],
  ])("%s says so in one line", async (_, args) => {
    await writeFile(join(folder, "blocked"), "a file where a folder should be");
    const { code, stderr } = await run(...args);
    expect(code).toBe(1);
    expect(stderr).toContain("blocked");
    expect(stderr.split("\n").filter((line) => line.startsWith("error:"))).toHaveLength(1);
  });
});

test.runIf(existsSync("/proc/self"))(
  "a folder in /proc is refused instead of hanging",
  async () => {
    for (const args of [
      ["zoo", "build", "--networks", "4", "--workers", "1", "-o", "/proc/foo/bar"],
      ["demo", "--networks", "20", "--workers", "1", "-o", "/proc/xx"],
    ]) {
      const { code, stderr } = await run(...args);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^error: cannot .*\/proc\//);
    }
  },
);

test("zoo info prints what is there, and names a damaged shard while the rest stays usable", async () => {
  const { code, stdout } = await run("zoo", "info", "zoo", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ networks: 40, readable: 40, problems: [] });
  await truncate(join(folder, "zoo", "shard-00000.safetensors"), 1000);
  const damaged = await run("zoo", "info", "zoo", "--json");
  const value = JSON.parse(damaged.stdout) as { readable: number; problems: string[] };
  expect(value.readable).toBeLessThan(40);
  expect(value.problems.join()).toContain("shard-00000");
});
