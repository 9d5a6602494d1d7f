// The arithmetic on the command line: functionals round products once where the machine can, populations as it does by
// itself, and everything twice on request.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { weightspace } from "../support/command-line.ts";

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), "weightspace-"))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...args: string[]) => weightspace(args, folder);

async function vectorOf(...options: string[]): Promise<number[]> {
  const model = resolve("test/fixtures/models/mlp.onnx");
  const { code, stdout, stderr } = await run("embed", model, "--json", ...options);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return (JSON.parse(stdout) as { vector: number[] }).vector;
}

test("a functional rounds products once by default, twice on request, and as it always did on the engine", async () => {
  const [usual, fused, plain] = [
    await vectorOf(),
    await vectorOf("--arithmetic", "fma"),
    await vectorOf("--arithmetic", "plain"),
  ];
  expect(usual).toEqual(fused);
  expect(plain).not.toEqual(fused);
  for (const [i, value] of plain.entries()) expect(value).toBeCloseTo(fused[i], 5);
  // On a Node without the instruction, the engine is left as it is.
  if (process.versions.node.startsWith("20."))
    expect(await vectorOf("--backend", "engine")).toEqual(
      await vectorOf("--backend", "engine", "--arithmetic", "plain"),
    );
});

test("plain populations have the same bytes on every Node version", async () => {
  const build = async (out: string, ...options: string[]) => {
    const args = ["--networks", "8", "--workers", "2", "--seed", "1", "-o", out, ...options];
    expect(await run("zoo", "build", ...args)).toMatchObject({ code: 0 });
    return readFile(join(folder, out, "shard-00000.safetensors"));
  };
  const plain = await build("plain", "--arithmetic", "plain");
  const usual = await build("usual");
  const fused = await build("fused", "--arithmetic", "fma");
  expect(fused.equals(plain)).toBe(false);
  const own = process.versions.node.startsWith("20.") ? plain : fused;
  expect(usual.equals(own)).toBe(true);
});

test("any other arithmetic is refused", async () => {
  const { code, stderr } = await run("zoo", "recipes", "--arithmetic", "exact");
  expect(code).toBe(2);
  expect(stderr).toMatch(/Allowed choices are fma, plain/);
});
