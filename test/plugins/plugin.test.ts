// A plug-in of a package of its own: test/fixtures/plugin, copied to a temporary folder in which `weightspace` is installed.

import { copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { weightspace } from "../support/command-line.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
let folder: string;

/** An empty project that has installed the package, and holds the plug-in as mine.js. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weightspace-plugin-"));
  await mkdir(join(folder, "node_modules"));
  await symlink(root, join(folder, "node_modules/weightspace"));
  await symlink(join(root, "node_modules/@jax-js"), join(folder, "node_modules/@jax-js"));
  await copyFile(join(root, "test/fixtures/plugin/plugin.js"), join(folder, "mine.js"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (line: string) => weightspace(line.split(" "), folder);
const json = async (line: string) => {
  const { code, stdout, stderr } = await run(`--json ${line}`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
};
const plugin = "--plugin ./mine.js";

describe("a population of a task of one's own", () => {
  beforeAll(async () => {
    const built = await json(
      `zoo build --recipe waves --networks 24 --shard-size 8 --workers 2 -o zoo ${plugin}`,
    );
    expect(built.built).toBe(24);
  });

  test("is built by worker threads, and records metrics, units, target and plug-in", async () => {
    const info = await json("zoo info zoo");
    expect(info).toMatchObject({ readable: 24, target: "psnr" });
    expect(
      info.metrics.map(({ name, unit }: { name: string; unit: string }) => [name, unit]),
    ).toEqual([
      ["psnr", "dB"],
      ["testLoss", ""],
    ]);
    expect(info.plugins).toEqual([
      { path: "./mine.js", version: "1.2.0", digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
    expect(info.psnrQuantiles[4]).toBeGreaterThan(info.psnrQuantiles[0] + 1);
    const shown = await run("zoo info zoo");
    expect(shown.stdout).toContain("peak signal-to-noise ratio (dB)");
    expect(shown.stdout).toContain("plug-in: ./mine.js (version 1.2.0, digest");
  });

  test("goes on only with the plug-in it was begun with", async () => {
    const line = "zoo build --recipe waves --networks 32 --shard-size 8 --workers 1 -o zoo";
    const without = await run(line);
    expect(without.code).toBe(2);
    expect(without.stderr).toContain('no recipe "waves"');
    await writeFile(
      join(folder, "other.js"),
      `${await readFile(join(folder, "mine.js"), "utf8")}\n// another\n`,
    );
    const other = await run(`${line} --plugin ./other.js`);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("made with the plug-in ./mine.js (version 1.2.0");
  });

  test("is learned from by a model of one's own, and the functional names the plug-in it needs", async () => {
    const trained = await json(
      `train --zoo zoo --model mine --metric top-half --epochs 2 --batch-size 8 -o f.safetensors ${plugin}`,
    );
    expect(trained).toMatchObject({ model: "mine", target: "psnr" });
    expect(trained.testScore["top-half"]).toBeGreaterThanOrEqual(0);
    const rows = await json(`predict f.safetensors --zoo zoo ${plugin}`);
    expect(rows).toHaveLength(24);
    const mean =
      rows.reduce((sum: number, row: { predicted: number }) => sum + row.predicted, 0) / 24;
    expect(Math.abs(mean)).toBeGreaterThan(1); // in dB, not in [0, 1]
    const without = await run("predict f.safetensors --zoo zoo");
    expect(without.code).toBe(1);
    expect(without.stderr).toMatch(
      /there is no model "mine".*plug-in \.\/mine\.js \(version 1\.2\.0.*--plugin \.\/mine\.js/,
    );
  });

  test("is learned by an objective of one's own, whose written gradient gives what the derived one gives", async () => {
    const line = (objective: string) =>
      `train --zoo zoo --model linear --objective ${objective} --epochs 2 --batch-size 8 -o ${objective}.safetensors ${plugin}`;
    const own = await json(line("squared-with-gradient"));
    expect(own).toMatchObject({ target: "psnr", objective: "squared-with-gradient" });
    const rows = async (objective: string) =>
      (await json(`predict ${objective}.safetensors --zoo zoo ${plugin}`)) as {
        predicted: number;
      }[];
    expect((await json(line("mean-squared-error"))).objective).toBe("mean-squared-error");
    const [written, derived] = [
      await rows("squared-with-gradient"),
      await rows("mean-squared-error"),
    ];
    for (const [i, { predicted }] of written.entries())
      expect(predicted).toBeCloseTo(derived[i].predicted, 3);
    const ranked = await json(line("pairwise-logistic"));
    expect(ranked.objective).toBe("pairwise-logistic");
    const shown = await run(`predict pairwise-logistic.safetensors --zoo zoo ${plugin}`);
    expect(shown.stderr).toContain("learned the order of networks only");
    expect(shown.stdout).toContain("predicted (score)");
    const unknown = await run(`train --zoo zoo --objective hinge -o h.safetensors ${plugin}`);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("squared-with-gradient");
    expect((await run("predict squared-with-gradient.safetensors --zoo zoo")).stderr).toContain(
      'no objective "squared-with-gradient"',
    );
  });

  test("has several targets; one it was not measured by is refused", async () => {
    const trained = await json(
      "train --zoo zoo --model linear --target testLoss --epochs 1 -o g.safetensors --plugin ./mine.js",
    );
    expect(trained.target).toBe("testLoss");
    const without = await run("predict g.safetensors --zoo zoo");
    expect(without.code).toBe(0);
    expect(without.stderr).toContain(
      "g.safetensors was made with the plug-in ./mine.js (version 1.2.0",
    );
    const wrong = await run(
      `train --zoo zoo --model linear --target accuracy -o h.safetensors ${plugin}`,
    );
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain("expected a target of psnr, testLoss");
  });

  test("is experimented on in worker threads; the result records the plug-in, and reports name it", async () => {
    const result = await json(
      `experiment generalization --zoo zoo --models mine,linear --seeds 1 --epochs 1 --batch-size 8 --split 0.5,0.25,0.25 --workers 2 --out exp ${plugin}`,
    );
    expect(result.rows.map(({ model }: { model: string }) => model).sort()).toEqual([
      "linear",
      "mine",
    ]);
    expect(result.plugins[0].path).toBe("./mine.js");
    expect(result.command).toContain(plugin);
    expect(result.population.target).toMatchObject({ name: "psnr", unit: "dB" });
    const changed = await run(
      `experiment generalization --zoo zoo --models mine,linear --seeds 1 --epochs 1 --batch-size 8 --split 0.5,0.25,0.25 --workers 2 --out exp --plugin ./other.js`,
    );
    expect(changed.code).toBe(1);
    expect(changed.stderr).toContain("holds runs with plugins"); // another file of the same names
    const report = await run("report exp/experiment.json -o page.html");
    expect(report.stderr).toContain("plug-in ./mine.js");
    expect(await readFile(join(folder, "page.html"), "utf8")).toContain(
      "peak signal-to-noise ratio",
    );
  });
});

test("a format and a family of names of one's own are read by symmetries; without the plug-in they are not", async () => {
  const rows = (n: number) => Array.from({ length: n }, (_, i) => i / n).join(" ");
  await writeFile(
    join(folder, "net.txt"),
    `weights\nin.kernel 3x5 ${rows(15)}\nout.kernel 5x2 ${rows(10)}\n`,
  );
  const { code, stdout } = await run(`symmetries net.txt ${plugin}`);
  expect(code).toBe(0);
  expect(stdout).toMatch(/unit +5 +S_5/);
  expect((await run("symmetries net.txt")).code).toBe(1);
});

test("a plug-in that takes a name that exists, throws, or is none is refused by its path", async () => {
  const refused = async (text: string) => {
    await writeFile(join(folder, "bad.mjs"), text);
    const { code, stderr } = await run("zoo recipes --plugin ./bad.mjs");
    expect(code).toBe(1);
    expect(stderr).toContain("./bad.mjs");
    return stderr;
  };
  expect(await refused('export default (r) => r.recipe({ name: "digits-cnn" });')).toMatch(
    /not a recipe/,
  );
  expect(await refused('export default (r) => r.model({ name: "unf", build() {} });')).toMatch(
    /there is a model "unf" already/,
  );
  expect(await refused('export default (r) => r.task({ name: "digits" });')).toMatch(
    /function "spec"/,
  );
  expect(await refused("export default 3;")).toMatch(/\(registry\) => void/);
  expect(await refused("export default (")).toMatch(/cannot be loaded/);
  expect((await run("zoo recipes --plugin ./absent.js")).stderr).toContain("absent.js");
});

test("help lists what a plug-in registers when it is given, and not without it", async () => {
  const given = [
    `train --help ${plugin}`,
    "train --help --plugin=./mine.js",
    `help train ${plugin}`,
  ];
  for (const line of given) {
    const { code, stdout } = await run(line);
    expect(code).toBe(0);
    expect(stdout).toMatch(/mine +a layer of one's own, then an equivariant one/);
    expect(stdout).toMatch(/top-half +/);
    expect(stdout).toMatch(/squared-with-gradient +mean squared error, its gradient written out/);
  }
  const without = await run("train --help");
  expect(without.stdout).not.toMatch(/a layer of one's own|top-half|squared-with-gradient/);
  expect(without.stdout).toMatch(/pairwise-logistic +logistic loss of pairs/);
  const absent = await run("train --help --plugin ./absent.js");
  expect(absent.code).toBe(1);
  expect(absent.stderr).toContain("absent.js");
});

describe("a kind of optimizer and an inner task of one's own", () => {
  test("are meta-trained in worker threads, and their theta is read with the plug-in", async () => {
    await writeFile(
      join(folder, "bowl.js"),
      `import { numpy as np } from "@jax-js/jax";
       import { defineSpec } from "weightspace";
       import { defineInnerTask, optimizerKind } from "weightspace/optimizers";
       const targets = { shape: [3], data: new Float32Array(3) };
       const create = () => defineInnerTask({
         name: "bowl",
         spec: defineSpec({ axes: { unit: { size: 3, group: "permutation" } }, tensors: { x: ["unit"] } }),
         chance: 10,
         loss: ({ x }, { targets }) => np.sum(np.square(np.subtract(x.ref, targets))),
         init: (random) => ({ x: { shape: [3], data: Float32Array.from([0, 1, 2], () => random.normal()) } }),
         batchShapes: { targets: [3] },
         writeBatch: ({ targets }, random) => targets.fill(0.01 * random.normal()),
         testBatches: [{ targets }],
       });
       export default (registry) => {
         registry.innerTask({ name: "bowl", summary: "a bowl", create });
         registry.optimizer({ ...optimizerKind("sgdm"), name: "my-momentum", summary: "mine" });
       };`,
    );
    const own = "--plugin ./bowl.js";
    const line =
      "optimizer train --kind my-momentum --task bowl --outer-steps 2 --pairs 2 --truncation 4 --horizon 8 --workers 2 -o own";
    expect(await json(`${line} ${own}`)).toMatchObject({ complete: true, outerSteps: 2 });
    const measured = await json(
      `optimizer evaluate own --against adam --seeds 2 --steps 8 --points 2 -o own/o.json ${own}`,
    );
    expect(measured.rows).toHaveLength(2);
    const without = await run(line);
    expect(without.stderr).toContain('there is no learned optimizer "my-momentum"');
  });
});
