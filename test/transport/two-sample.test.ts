// Permutation tests: honest p-values under the null, power where populations differ, and the whole way from zoos on disk.

import { readdir, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderStore } from "../../src/node/folder-store.ts";
import { OptionError, SpecError } from "../../src/core/errors.ts";
import { randomStream } from "../../src/core/random.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { randomWeights } from "../../src/testing/random.ts";
import {
  comparePopulations,
  energyDistance,
  invariantFeatures,
  type PermutationBlock,
  type PermutationBlocks,
  permutationTest,
  sampleTrees,
  slicedFeatures,
  slicedWasserstein,
  treeSlicedWasserstein,
} from "../../src/transport/index.ts";
import { principalComponents } from "../../src/transport/networks/population-features.ts";
import {
  twoSampleStatistics,
  type TwoSampleStatistic,
} from "../../src/transport/networks/two-sample.ts";
import { normalCloud, type Rows } from "../support/transport/clouds.ts";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";
import { build } from "../zoo/small-zoo.ts";

const statistics = Object.keys(twoSampleStatistics) as TwoSampleStatistic[];
/** Points at the corners of a square, and the same square on its corner: equal means, covariances and radii. */
function square(size: number, seed: number, turned: boolean): Rows {
  const random = randomStream(seed);
  return Array.from({ length: size }, () => {
    const angle = (Math.PI / 2) * random.integer(4) + (turned ? Math.PI / 4 : 0);
    return [Math.cos(angle) + 0.15 * random.normal(), Math.sin(angle) + 0.15 * random.normal()];
  });
}

describe("statistics prepared on the pooled sample", () => {
  const [x, y] = [normalCloud(7, 3, 1), normalCloud(9, 3, 2)];
  const pooled = { size: 16, dimension: 3, data: Float64Array.from([...x, ...y].flat()) };
  const signed = Float64Array.from({ length: 16 }, (_, i) => (i < 7 ? 1 / 7 : -1 / 9));
  test("are the distances of the samples", () => {
    expect(twoSampleStatistics.energy(pooled)(signed)).toBeCloseTo(energyDistance(x, y), 12);
    const trees = sampleTrees({
      trees: 3,
      lines: 4,
      dimension: 3,
      around: [[...x, ...y]],
      seed: 5,
    });
    const options = { lines: 12, linesPerTree: 4, delta: 0, seed: 5 };
    const byTree = twoSampleStatistics["db-tsw"](pooled, options)(signed);
    expect(byTree).toBeCloseTo(treeSlicedWasserstein(x, y, { trees }), 12);
    const sliced = twoSampleStatistics.sw1(pooled, { lines: 10, seed: 3 })(signed);
    expect(sliced).toBeCloseTo(slicedWasserstein(x, y, { p: 1, nProjections: 10, seed: 3 }), 12);
    expect(sliced).not.toBeCloseTo(slicedWasserstein(x, y, { p: 1, nProjections: 10, seed: 4 }), 6);
  });
});

describe.each(statistics)("permutation test, %s", (statistic) => {
  test("p-values under the null are spread evenly: at most 5 % below .05, within chance", async () => {
    let below = 0;
    const all: number[] = [];
    for (let trial = 0; trial < 120; trial++) {
      const [x, y] = [normalCloud(12, 2, 1000 + trial), normalCloud(9, 2, 5000 + trial)];
      const { pValue } = await permutationTest(x, y, {
        statistic,
        permutations: 39,
        lines: 16,
        seed: trial,
      });
      all.push(pValue);
      if (pValue <= 0.05) below++;
    }
    expect(below).toBeLessThanOrEqual(13); // 6 expected; more than 13 has a chance of 0.4 %
    const mean = all.reduce((a, b) => a + b, 0) / all.length;
    expect(mean).toBeGreaterThan(0.42);
    expect(mean).toBeLessThan(0.6);
  });
  test("sees a shift by one standard deviation", async () => {
    const x = normalCloud(40, 2, 1);
    const y = normalCloud(40, 2, 2).map(([c, d]) => [c + 1, d]);
    expect((await permutationTest(x, y, { statistic, permutations: 99 })).pValue).toBeLessThan(
      0.03,
    );
  });
  test("the same seed gives the same p-value; weights and labels may be exchanged", async () => {
    const [x, y] = [square(20, 1, false), square(25, 2, true)];
    const run = (seed: number) => permutationTest(x, y, { statistic, permutations: 49, seed });
    expect(await run(3)).toEqual(await run(3));
  });
});

test.each(statistics)("%s of equal points: every labelling is as large", async (statistic) => {
  const equal = (size: number) => Array.from({ length: size }, () => [1, 2]);
  for (let seed = 0; seed < 10; seed++) {
    const options = { statistic, permutations: 39, lines: 16, seed };
    expect((await permutationTest(equal(3), equal(4), options)).pValue).toBe(1);
  }
  const other = await permutationTest(equal(9), normalCloud(9, 2, 1), { statistic });
  expect(other.pValue).toBeLessThan(0.5);
});

test("Db-TSW sees modes where sliced W1 does not", async () => {
  const [x, y] = [square(50, 11, false), square(50, 12, true)];
  const p = async (statistic: TwoSampleStatistic) =>
    (await permutationTest(x, y, { statistic, permutations: 199 })).pValue;
  expect(await p("db-tsw")).toBeLessThan(0.01);
  expect(await p("sw1")).toBeGreaterThan(0.05);
});

describe("blocks of relabellings", () => {
  const [x, y] = [normalCloud(9, 2, 1), normalCloud(12, 2, 2)];
  /** Blocks kept in a list; the test is cut after so many. */
  const keptBlocks = (kept: PermutationBlock[], cutAfter = Infinity): PermutationBlocks => ({
    size: 8,
    read: async (from) => kept.find((block) => block.from === from),
    keep: async (block) => {
      if (kept.length >= cutAfter) throw new Error("cut");
      kept.push(block);
    },
  });
  test.each(statistics)(
    "%s, cut anywhere, goes on to the p-value of one in one piece",
    async (statistic) => {
      const options = { statistic, permutations: 39, lines: 8, seed: 4 };
      const alone = await permutationTest(x, y, options);
      for (const cutAfter of [0, 1, 3]) {
        const kept: PermutationBlock[] = [];
        const cut = permutationTest(x, y, { ...options, blocks: keptBlocks(kept, cutAfter) });
        await expect(cut).rejects.toThrow("cut");
        expect(kept.length).toBe(cutAfter);
        const rest = await permutationTest(x, y, { ...options, blocks: keptBlocks(kept) });
        expect(rest).toEqual(alone);
        expect(kept.map(({ from, to }) => [from, to])).toEqual([
          [0, 8],
          [8, 16],
          [16, 24],
          [24, 32],
          [32, 39],
        ]);
      }
    },
  );
  test("finished ones are taken as they are", async () => {
    const kept: PermutationBlock[] = [];
    const options = { permutations: 39, blocks: keptBlocks(kept) };
    const { pValue } = await permutationTest(x, y, options);
    kept[2] = { ...kept[2], asLarge: kept[2].asLarge + 4 }; // control: it is not drawn again
    expect((await permutationTest(x, y, options)).pValue).toBeCloseTo(pValue + 0.1, 12);
    const none = permutationTest(x, y, { blocks: { ...keptBlocks([]), size: 0 } });
    await expect(none).rejects.toThrow(/blocks.size is 0/);
  });
});

test("bad options and samples are refused; an abort ends it", async () => {
  const x = normalCloud(5, 2, 1);
  await expect(permutationTest(x, normalCloud(5, 3, 1))).rejects.toThrow(/dimension/);
  await expect(permutationTest(x, x, { statistic: "t" as never })).rejects.toThrow(
    /statistic is "t"/,
  );
  await expect(permutationTest(x, x, { permutations: 0 })).rejects.toThrow(OptionError);
  await expect(permutationTest(x, x, { delta: Number.NaN })).rejects.toThrow(/delta/);
  const signal = AbortSignal.abort(new Error("stopped"));
  await expect(permutationTest(x, x, { signal })).rejects.toThrow("stopped");
});

describe("populations of networks", () => {
  const spec = mlpSpec([3, 6, 2], { scale: "sign" });
  const population = (seed: number, factor = 1) => ({
    spec,
    networks: Array.from({ length: 20 }, (_, i) => {
      const weights = randomWeights(spec, seed + i);
      const grown = {
        ...weights["fc1.weight"],
        data: weights["fc1.weight"].data.map((v) => factor * v),
      };
      return actOn(spec, sampleElement(spec, 7 * seed + i), { ...weights, "fc1.weight": grown });
    }),
  });
  test("features do not change along an orbit; they do between networks", () => {
    const weights = randomWeights(spec, 1);
    const moved = actOn(spec, sampleElement(spec, 2), weights);
    for (const features of [invariantFeatures, slicedFeatures]) {
      const [own, same] = [features(spec, weights), features(spec, moved)];
      own.forEach((v, i) => expect(same[i]).toBeCloseTo(v, 5));
      const other = features(spec, randomWeights(spec, 3));
      expect(Math.max(...[...other].map((v, i) => Math.abs(v - own[i])))).toBeGreaterThan(0.05);
    }
  });
  test("two draws of one population agree, another population differs", async () => {
    const options = { permutations: 199 };
    const same = await comparePopulations(population(100), population(300), options);
    expect(same.pValue).toBeGreaterThan(0.05);
    const other = await comparePopulations(population(100), population(500, 1.6), options);
    expect(other.pValue).toBeLessThan(0.05);
    expect(other.tests.map(({ statistic }) => statistic)).toEqual([
      "sw1",
      "db-tsw",
      "energy",
      "mmd",
      "cloud-mmd",
    ]);
  });
  test("other architectures and lone networks are refused", async () => {
    const wide = mlpSpec([3, 7, 2]);
    const other = { spec: wide, networks: [randomWeights(wide, 1), randomWeights(wide, 2)] };
    await expect(comparePopulations(population(1), other)).rejects.toThrow(SpecError);
    const lone = { spec, networks: [randomWeights(spec, 1)] };
    await expect(comparePopulations(lone, population(1))).rejects.toThrow(/has 1 networks/);
  });
  test("principal components keep distances when all are kept, and leave out what does not vary", () => {
    const rows = normalCloud(6, 3, 1).map((row) => [...row, 5]);
    const all = principalComponents(rows, 10);
    expect(all[0].length).toBe(3);
    expect(() =>
      principalComponents(
        [
          [1, 2],
          [1, 2],
        ],
        1,
      ),
    ).toThrow(/no feature differs/);
  });
});

test("weightspace zoo differ: exit codes, kept results", async () => {
  await inTemporaryFolder(async (folder) => {
    const zoo = (name: string) => join(folder, name);
    await build(folderStore(zoo("a")), { networks: 24, seed: 1 });
    await build(folderStore(zoo("b")), { networks: 24, seed: 2 });
    const kept = join(folder, "tests.json");
    const args = [
      "zoo",
      "differ",
      zoo("a"),
      zoo("b"),
      "--permutations",
      "99",
      "--level",
      ".05",
      "--out",
      kept,
    ];
    const first = await weightspace([...args, "--json"]);
    expect(first.code).toBe(0);
    const { pValue, tests } = JSON.parse(first.stdout) as { pValue: number; tests: unknown[] };
    expect(pValue).toBeGreaterThan(0.05);
    const inWords = await weightspace(args);
    expect(inWords.stderr).toMatch(/never below 0.05; give --permutations 100 or more/);
    expect(tests.length).toBe(5);
    expect((await weightspace([...args, "--json"])).stdout).toBe(first.stdout);
    const self = await weightspace(["zoo", "differ", zoo("a"), zoo("a"), "--permutations", "99"]);
    expect(self.stdout).toMatch(/p-value 1/);
    const one = [...args.slice(0, 8), "--statistic", "energy"];
    expect((await weightspace(one)).stderr).not.toMatch(/never below/); // 1 in 100 is below .05
    await writeFile(kept, "{}");
    const refused = await weightspace(args);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/is not a file of results/);
    expect((await weightspace(["zoo", "differ", zoo("a"), zoo("b"), "--level", "2"])).code).toBe(2);
    const parts = join(folder, "parts");
    const small = [...args.slice(0, 8), "--parts", parts, "--json"];
    expect((await weightspace(small)).stdout).toBe(first.stdout);
    const names = (await readdir(parts)).toSorted();
    expect(names.map((name) => name.replace(/-[0-9a-f]{16}\.json$/, ""))).toEqual([
      "cloud-mmd-0-98",
      "db-tsw-0-98",
      "energy-0-98",
      "mmd-0-98",
      "sw1-0-98",
      "zoo-differ-settings.json",
    ]);
    for (const name of names) expect((await stat(join(parts, name))).size).toBeLessThan(2000);
    await unlink(join(parts, names[0])); // as if cut before it
    await writeFile(join(parts, names[1]), "{}");
    const untouched = (await stat(join(parts, names[2]))).mtimeMs;
    const rest = await weightspace(small.slice(0, -1));
    expect([rest.code, rest.stderr]).toEqual([
      0,
      expect.stringContaining(`warning: ${names[1]} in ${parts} is damaged; it is made anew`),
    ]);
    expect((await weightspace(small)).stdout).toBe(first.stdout);
    expect((await stat(join(parts, names[2]))).mtimeMs).toBe(untouched);
    const other = await weightspace([...small, "--seed", "3"]);
    expect([other.code, other.stderr]).not.toEqual([0, ""]);
    expect(other.stderr).toMatch(/holds parts with seed 0, got 3/);
  });
});
