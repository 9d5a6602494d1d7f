// `sketch` and `rank` on files: a network is found among others, whatever its format, and misuse is one clear line.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Weights } from "../../../src/core/tensors.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { actOn } from "../../../src/symmetry/act.ts";
import { sampleElement } from "../../../src/symmetry/element.ts";
import { specToJSON } from "../../../src/symmetry/json.ts";
import { randomWeights } from "../../../src/testing/random.ts";
import { weightspace } from "../../support/command-line.ts";
import { digitsSpec } from "../../support/digits-spec.ts";

let folder: string;
const run = (...args: string[]) => weightspace(args, folder);
const save = (name: string, weights: Weights) =>
  writeFile(join(folder, name), writeSafetensors(weights));
const widened = (weights: Weights): Weights =>
  Object.fromEntries(
    Object.entries(weights)
      .reverse()
      .map(([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }]),
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weightspace-"));
  await writeFile(join(folder, "spec.json"), JSON.stringify(specToJSON(digitsSpec)));
  const [a, b] = [randomWeights(digitsSpec, 1), randomWeights(digitsSpec, 2)];
  await save("a.safetensors", a);
  await save("b.safetensors", b);
  const moved = actOn(digitsSpec, sampleElement(digitsSpec, 3), a);
  await save("moved.safetensors", widened(moved));
  await save("other.safetensors", { "fc1.weight": { shape: [2], data: new Float32Array(2) } });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("sketch and rank", () => {
  test("a moved copy comes first, from a checkpoint and from a sketch", async () => {
    const made = await run("sketch", "b.safetensors", "--force", "--spec", "spec.json");
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(made.stdout).toContain("wrote b.sketch.json: 2304 numbers");
    const named = [
      "moved.safetensors",
      "--spec",
      "spec.json",
      "--force",
      "-o",
      "m.sketch.json",
      "--json",
    ];
    const moved = await run("sketch", ...named);
    expect(JSON.parse(moved.stdout)).toMatchObject({ sketch: "m.sketch.json", unidentifiable: [] });

    const candidates = ["b.sketch.json", "m.sketch.json", "moved.safetensors"];
    const byFile = await run("rank", "a.safetensors", ...candidates, "--spec", "spec.json");
    expect(byFile).toMatchObject({ code: 0, stderr: "" });
    expect(byFile.stdout).toMatch(
      /candidate +similarity\n+m\.sketch\.json +1\.0000\nmoved\.safetensors +1\.0000\nb\.sketch\.json +-?0\.\d{4}/,
    );
    const bySketch = await run("rank", "m.sketch.json", "a.safetensors", "b.safetensors", "--json");
    const { ranked } = JSON.parse(bySketch.stdout) as {
      ranked: { file: string; similarity: number }[];
    };
    expect(ranked.map(({ file }) => file)).toEqual(["a.safetensors", "b.safetensors"]);
    expect(ranked[0].similarity).toBeGreaterThan(0.9999);
    expect(ranked[1].similarity).toBeLessThan(0.3);
  });

  test("another architecture stands below the others with the reason; nothing to rank is a failure", async () => {
    await run("sketch", "b.safetensors", "--force", "--spec", "spec.json");
    const mixed = await run("rank", "b.sketch.json", "other.safetensors", "a.safetensors");
    expect(mixed.code).toBe(0);
    expect(mixed.stderr).toBe("");
    expect(mixed.stdout).toMatch(
      /\na\.safetensors +-?0\.\d{4}\n+not judged: other\.safetensors does not fit the spec/,
    );
    const none = await run("rank", "b.sketch.json", "other.safetensors", "--json");
    expect(none.code).toBe(1);
    expect(JSON.parse(none.stdout)).toMatchObject({
      ranked: [],
      refused: [{ file: "other.safetensors" }],
    });
    expect(none.stderr).toMatch(/^error: rank: none of 1 candidates can be compared/);
    const told = await run("rank", "b.sketch.json", "a.safetensors", "--spec", "spec.json");
    expect(told).toMatchObject({ code: 2, stdout: "" });
    expect(told.stderr).toMatch(/--spec is for checkpoints; the sketch b\.sketch\.json says it/);
  });

  test("a damaged sketch and a wrong ending are named", async () => {
    await run("sketch", "b.safetensors", "--force", "--spec", "spec.json");
    const text = await readFile(join(folder, "b.sketch.json"), "utf8");
    await writeFile(join(folder, "bad.sketch.json"), text.replace("sketch@1", "sketch@9"));
    const bad = await run("rank", "b.sketch.json", "bad.sketch.json");
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/^not judged: bad\.sketch\.json: not a sketch/);
    expect(bad.stderr).toMatch(/^error: rank: none of 1 candidates can be compared/);
    const ending = await run("sketch", "b.safetensors", "--spec", "spec.json", "-o", "b.json");
    expect(ending).toMatchObject({ code: 2, stdout: "" });
    const unknown = await run("rank", "b.safetensors", "a.safetensors");
    expect(unknown).toMatchObject({ code: 0, stdout: expect.stringMatching(/a\.safetensors/) });
    expect(unknown.stderr).toMatch(/warning: the symmetries of the model are not known/);
    expect(ending.stderr).toMatch(/must end in \.sketch\.json, got b\.json/);
  });
});
