// Files that version 0.1 wrote are read by every later version: a zoo, a functional, a sketch, an experiment. The files in
// test/fixtures/version-0.1 were made by that version's own commands and are never written again.

import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { folderStore } from "../../src/node/folder-store.ts";
import { openZoo } from "../../src/zoo/open.ts";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";

const old = fileURLToPath(new URL("../fixtures/version-0.1/", import.meta.url));
const oldJson = async (name: string) => JSON.parse(await readFile(join(old, name), "utf8"));

test("a zoo of version 0.1 is read, and one with a bit changed is not", async () => {
  const zoo = await openZoo(folderStore(join(old, "zoo")));
  expect(zoo.problems).toEqual([]);
  const info = await oldJson("info.json");
  expect(zoo.rows).toHaveLength(info.readable);
  const weights = await zoo.readWeights([0, 7]);
  expect(weights["fc1.weight"].shape).toEqual([2, 32, 64]);
  await inTemporaryFolder(async (folder) => {
    await cp(join(old, "zoo"), folder, { recursive: true });
    const shard = await readFile(join(folder, "shard-00001.safetensors"));
    shard[shard.length - 5] ^= 1;
    await folderStore(folder).write("shard-00001.safetensors", shard);
    expect((await openZoo(folderStore(folder))).problems).toHaveLength(1);
  });
});

test("a functional of version 0.1 gives the predictions that it gave then", async () => {
  const { code, stdout, stderr } = await weightspace(
    ["--json", "predict", "linear.safetensors", "--zoo", "zoo"],
    old,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const rows = JSON.parse(stdout) as { predicted: number }[];
  const then = (await oldJson("predictions.json")) as typeof rows;
  const places = ({ predicted, ...row }: (typeof rows)[0]) => ({
    ...row,
    predicted: predicted.toFixed(4), // the last digits depend on the machine
  });
  expect(rows.map(places)).toEqual(then.map(places));
});

test("a sketch of version 0.1 ranks its own network first", async () => {
  const model = fileURLToPath(new URL("../fixtures/models/mlp.onnx", import.meta.url));
  const { code, stdout, stderr } = await weightspace(
    ["--json", "rank", "mlp.sketch.json", model],
    old,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("mlp.onnx");
});

test("results of an experiment of version 0.1 are drawn, and its finished runs are taken as they are", async () => {
  await inTemporaryFolder(async (folder) => {
    const drawn = await weightspace(
      ["report", join(old, "experiment/experiment.json"), "-o", "page.html"],
      folder,
    );
    expect(drawn).toMatchObject({ code: 0, stderr: "" });
    await cp(join(old, "zoo"), join(folder, "zoo"), { recursive: true });
    await cp(join(old, "experiment/finished"), join(folder, "out/runs"), { recursive: true });
    const args =
      "--json experiment generalization --zoo zoo --models linear --seeds 1 --epochs 2 --batch-size 4 --split 0.5,0.25,0.25 --workers 1 --out out";
    const again = await weightspace(args.split(" "), folder);
    expect(again).toMatchObject({ code: 0, stderr: "" });
    const { rows } = JSON.parse(again.stdout);
    const named = (await oldJson("results.json")).rows.map((row: object) =>
      Object.fromEntries(
        Object.entries(row).map(([key, value]) => [key.replace(/Spread$/, "Std"), value]),
      ),
    );
    expect(rows).toEqual(named); // standard deviations have another name since
  });
});
