// compare of more than two files, where two files differ, and tables of whole folders.

import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parquetReadObjects } from "hyparquet";
import { describe, expect, test } from "vitest";
import { clustersOf } from "../../../src/compare/clusters.ts";
import { layerOf } from "../../../src/compare/layer-differences.ts";
import { differenceGrid } from "../../../src/compare/difference-grid.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";

const rank = (name: string) =>
  fileURLToPath(new URL(`../../fixtures/rank/${name}`, import.meta.url));
const files = ["gqa-a", "gqa-kv-swapped", "gqa-finetuned", "gqa-stranger"].map((name) =>
  rank(`${name}.safetensors`),
);
const told = ["--heads", "4", "--key-value-heads", "2"];

const table = async (path: string) => {
  const bytes = await readFile(path);
  return parquetReadObjects({ file: Uint8Array.from(bytes).buffer });
};

describe("compare of many files", () => {
  test("a matrix, groups of one network and of near ones, a page; the worst verdict is the exit code", () =>
    inTemporaryFolder(async (folder) => {
      const page = join(folder, "page.html");
      const { code, stdout } = await weightspace([
        "compare",
        ...files,
        ...told,
        "--json",
        "--report",
        page,
      ]);
      const { pairs, clusters } = JSON.parse(stdout);
      expect(code).toBe(12);
      expect(pairs.length).toBe(6);
      expect(pairs[0]).toMatchObject({ a: 0, b: 1, verdict: "symmetric", difference: 0 });
      expect(clusters).toEqual({ equal: [[0, 1]], near: [[0, 1, 2]] });
      const html = await readFile(page, "utf8");
      expect(html).toContain("one network: 1 ");
      expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
      const two = await weightspace(["compare", ...files.slice(0, 2), files[0], ...told]);
      expect([two.code, two.stdout]).toEqual([10, expect.stringMatching(/^ +1 +2 +3\n/)]);
    }));

  test("groups join what is joined by others, and leave out what is alone", () => {
    const pair = (a: number, b: number, verdict: string, difference?: number) => ({
      a,
      b,
      verdict,
      ...(difference !== undefined && { difference }),
    });
    const pairs = [
      pair(0, 3, "identical", 0),
      pair(1, 2, "different", 0.2),
      pair(2, 3, "different", 0.1),
      pair(0, 4, "different", 1.3),
    ];
    expect(clustersOf(6, pairs)).toEqual({ equal: [[0, 3]], near: [[0, 1, 2, 3]] });
    expect(clustersOf(2, [pair(0, 1, "reordered")])).toEqual({ equal: [], near: [] });
  });
});

describe("where two files differ", () => {
  test("layer by layer, before and after alignment, as many as --top says, and as pictures", () =>
    inTemporaryFolder(async (folder) => {
      const page = join(folder, "page.html");
      const args = ["compare", files[0], files[2], ...told, "--top", "2", "--report", page];
      const { code, stdout } = await weightspace(args);
      expect(code).toBe(12);
      expect(stdout).toMatch(/^layer .*difference \/ norm\s+after aligning$/m);
      expect(stdout).toMatch(/\.\.\. and \d+ more/);
      expect(stdout).toMatch(/\.\.\. and 19 tensors more/);
      const html = await readFile(page, "utf8");
      expect(html.match(/<svg/g)?.length).toBe(4);
      const caption =
        /<b>[\w.]+<\/b> \[[\d, ]+\]: [\d.]+% of its norm\s+on the left, [\d.]+% after/;
      expect(caption.test(html)).toBe(true);
      expect((await weightspace(args)).code).toBe(2); // the page exists
      const { stdout: json } = await weightspace([...args.slice(0, -2), "--json"]);
      const { layers, alignment } = JSON.parse(json);
      const inner = layers.find(({ layer }: { layer: string }) => layer === "model.layers.0");
      expect(inner.tensors).toBe(9);
      expect(inner.aligned).toBeLessThan(inner.relative / 5);
      expect(alignment.element).toBeUndefined();
    }));

  test("layers are told by the last number of a name, pictures show where a tensor differs", () => {
    expect(
      ["a.0.b.12.weight", "net.0.linear.bias", "lm_head.weight", "scale"].map(layerOf),
    ).toEqual(["a.0.b.12", "net.0", "lm_head", "scale"]);
    const a = { shape: [96, 2], data: new Float32Array(192).fill(1) };
    const data = a.data.slice();
    data[190] = 3;
    const { rows, columns, cells } = differenceGrid(a, { shape: [96, 2], data });
    expect([rows, columns]).toEqual([48, 2]);
    expect(cells.findIndex((x) => x > 0)).toBe(94);
    expect(cells[94]).toBeCloseTo(1);
  });
});

describe("tables of a folder", () => {
  const inFolder = <T>(body: (folder: string, runs: string) => Promise<T>) =>
    inTemporaryFolder(async (folder) => {
      const runs = join(folder, "runs");
      await mkdir(runs);
      for (const [i, file] of files.entries()) await copyFile(file, join(runs, `${i}.safetensors`));
      return body(folder, runs);
    });

  test("fingerprints: equal for copies, one row a file; a bad file is named and left out", () =>
    inFolder(async (folder, runs) => {
      const out = join(folder, "f.parquet");
      await writeFile(join(runs, "bad.safetensors"), "no");
      const { code, stderr } = await weightspace(["fingerprint", runs, ...told, "-o", out]);
      expect([code, stderr]).toEqual([1, expect.stringContaining("bad.safetensors")]);
      const rows = await table(out);
      expect(rows.map(({ path }) => path)).toEqual(
        [0, 1, 2, 3].map((i) => join(runs, `${i}.safetensors`)),
      );
      expect(rows[0]["fingerprint"]).toBe(rows[1]["fingerprint"]);
      expect(rows[0]["fingerprint"]).not.toBe(rows[2]["fingerprint"]);
      const named = await weightspace(["fingerprint", runs, "-o", join(folder, "f.csv")]);
      expect([named.code, named.stderr]).toEqual([2, expect.stringContaining(".parquet")]);
    }));

  test("vectors: equal for reordered copies, under one spec", () =>
    inFolder(async (folder, runs) => {
      const out = join(folder, "e.parquet");
      const args = ["embed", runs, ...told, "--size", "3", "--channels", "4", "-o", out];
      expect((await weightspace(args)).code).toBe(0);
      const rows = await table(out);
      const vector = (i: number) => ["v0", "v1", "v2"].map((name) => Number(rows[i][name]));
      for (const [i, x] of vector(1).entries()) expect(x).toBeCloseTo(vector(0)[i], 4);
      expect(Math.abs(vector(3)[0] - vector(0)[0])).toBeGreaterThan(1e-3);
      expect(new Set(rows.map(({ spec }) => spec)).size).toBe(1);
    }));
});
