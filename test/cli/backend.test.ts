// The backend on the command line: the same numbers from all of them, and only names that there are.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { backendNames } from "../../src/kernels/backend.ts";
import { weightspace } from "../support/command-line.ts";

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), "weightspace-"))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const model = resolve("test/fixtures/models/mlp.onnx");
const run = (...args: string[]) => weightspace(args, folder);

test("embed gives the same vector on every backend, and another for another seed", async () => {
  const vectors: number[][] = [];
  for (const backend of [...backendNames, undefined]) {
    const chosen = backend === undefined ? [] : ["--backend", backend];
    const options = ["--channels", "3", "--size", "4", "--json", ...chosen];
    const { code, stdout } = await run("embed", model, ...options);
    expect(code).toBe(0);
    vectors.push((JSON.parse(stdout) as { vector: number[] }).vector);
  }
  const [first, ...others] = vectors;
  for (const other of others) {
    expect(other).toHaveLength(4);
    for (const [i, value] of other.entries()) expect(value).toBeCloseTo(first[i], 4);
  }
  const seeded = await run(
    "embed",
    model,
    "--channels",
    "3",
    "--size",
    "4",
    "--seed",
    "1",
    "--json",
  );
  expect((JSON.parse(seeded.stdout) as { vector: number[] }).vector).not.toEqual(first);
});

test("a functional trained on one backend predicts on another", async () => {
  const built = await run(
    "zoo",
    "build",
    "--networks",
    "20",
    "--workers",
    "1",
    "-o",
    "zoo",
    "--json",
  );
  expect(built).toMatchObject({ code: 0 });
  const training = ["--zoo", "zoo", "--model", "unf", "--epochs", "1", "-o", "f.safetensors"];
  const trained = await run("train", ...training, "--backend", "engine", "--json");
  expect(trained).toMatchObject({ code: 0, stderr: "" });
  const predictions: number[][] = [];
  for (const backend of ["engine", "kernels"]) {
    const chosen = ["--zoo", "zoo", "--backend", backend, "--json"];
    const { code, stdout } = await run("predict", "f.safetensors", ...chosen);
    expect(code).toBe(0);
    predictions.push((JSON.parse(stdout) as { predicted: number }[]).map((row) => row.predicted));
  }
  const [engine, kernels] = predictions;
  for (const [i, value] of kernels.entries())
    expect(Math.abs(value - engine[i])).toBeLessThan(1e-5);
  expect(new Set(engine).size).toBeGreaterThan(1); // control: networks differ
});

test("an unknown backend is misuse", async () => {
  const { code, stderr } = await run("embed", model, "--backend", "abacus");
  expect(code).toBe(2);
  expect(stderr).toContain("kernels");
});
