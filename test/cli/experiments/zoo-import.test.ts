// `weightspace zoo import`: networks of one's own and a table of numbers become a population.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { expect, test } from "vitest";
import { mlpSpec } from "../../../src/symmetry/presets/mlp.ts";
import { specToJSON } from "../../../src/symmetry/json.ts";
import { randomWeights } from "../../../src/testing/random.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";

const spec = mlpSpec([3, 5, 2]);
const files = Array.from(
  { length: 12 },
  (_, i) => `weights/net${String(i).padStart(2, "0")}.safetensors`,
);

/** Twelve networks, their spec, and a table whose loss is unlike a share. */
async function makeFiles(folder: string): Promise<void> {
  await mkdir(join(folder, "weights"));
  for (const [i, file] of files.entries())
    await writeFile(join(folder, file), writeSafetensors(randomWeights(spec, i)));
  await writeFile(join(folder, "spec.json"), JSON.stringify(specToJSON(spec)));
  const lines = files.map(
    (file, i) => `${file},${(10 + 3 * i).toFixed(2)},${i % 2 === 0 ? "a" : "b"},${i}`,
  );
  await writeFile(join(folder, "targets.csv"), ["file,loss,note,epochs", ...lines].join("\n"));
}

const line = (more = "") =>
  `zoo import ${files.join(" ")} --table targets.csv --target loss --unit nats --lower-is-better --spec spec.json -o mine${more}`;
const run = (text: string, folder: string) => weightspace(text.trim().split(/\s+/), folder);

test("a table in CSV and one in Parquet give the same population, which train and predict read", async () => {
  await inTemporaryFolder(async (folder) => {
    await makeFiles(folder);
    expect(await run(line(), folder)).toMatchObject({ code: 0, stderr: "" });
    const info = JSON.parse((await run("--json zoo info mine", folder)).stdout);
    expect(info).toMatchObject({ networks: 12, target: "loss" });
    expect(info.metrics).toEqual([
      { name: "loss", unit: "nats", summary: "loss", better: "lower" },
      { name: "epochs", unit: "", summary: "epochs", better: "higher" },
    ]);
    const columnData = [
      { name: "file", data: files.map((file) => file.split("/")[1]), type: "STRING" as const },
      { name: "loss", data: files.map((_, i) => 10 + 3 * i), type: "DOUBLE" as const },
      { name: "epochs", data: files.map((_, i) => i), type: "INT32" as const },
    ];
    await writeFile(
      join(folder, "targets.parquet"),
      new Uint8Array(parquetWriteBuffer({ columnData })),
    );
    const parquet = line().replace("targets.csv", "targets.parquet").replace("-o mine", "-o other");
    expect(await run(parquet, folder)).toMatchObject({ code: 0, stderr: "" });
    for (const name of ["population.json", "weights.safetensors"])
      expect(await readFile(join(folder, "other", name))).toEqual(
        await readFile(join(folder, "mine", name)),
      );
    const trained = await run(
      "--json train --zoo mine --model linear --epochs 1 -o f.safetensors",
      folder,
    );
    expect(JSON.parse(trained.stdout).target).toBe("loss");
    const rows = JSON.parse((await run("--json predict f.safetensors --zoo mine", folder)).stdout);
    expect(rows[3]).toMatchObject({ network: files[3], actual: 19 });
    expect(rows[3].predicted).toBeGreaterThan(5); // in nats, not in [0, 1]
  });
});

test("files that do not fit, and those without a row, are refused by name", async () => {
  await inTemporaryFolder(async (folder) => {
    await makeFiles(folder);
    await writeFile(join(folder, files[4]), writeSafetensors(randomWeights(mlpSpec([3, 6, 2]), 1)));
    await writeFile(join(folder, files[7]), "nothing of the kind");
    const unfit = await run(line(), folder);
    expect(unfit.code).toBe(1);
    expect(unfit.stderr).toMatch(/2 of 12 files.*net04\.safetensors.*net07\.safetensors/);
    const table = await readFile(join(folder, "targets.csv"), "utf8");
    const twice = table.split("\n").filter((row) => !row.includes("net02"));
    await writeFile(join(folder, "targets.csv"), [...twice, twice[1]].join("\n"));
    const rows = await run(line(), folder);
    expect(rows.stderr).toMatch(
      /net00\.safetensors: targets\.csv has 2 rows.*net02\.safetensors: targets\.csv has no row/,
    );
    expect((await run(line().replace("--target loss", "--target note"), folder)).stderr).toContain(
      '"note"',
    );
    expect((await run(line().replace("--target loss", "--target psnr"), folder)).stderr).toContain(
      'no column "psnr"',
    );
    expect((await run("zoo info mine", folder)).code).toBe(1); // nothing was written
  });
});

test("a target out of its bounds is refused, and a population with a changed byte is not read", async () => {
  await inTemporaryFolder(async (folder) => {
    await makeFiles(folder);
    const outside = await run(line(" --range 0,1"), folder);
    expect(outside.stderr).toMatch(
      /loss of weights\/net00\.safetensors is 10, expected a number from 0 to 1/,
    );
    await run(line(), folder);
    const path = join(folder, "mine/weights.safetensors");
    const bytes = await readFile(path);
    bytes[bytes.length - 2] ^= 1;
    await writeFile(path, bytes);
    const damaged = await run(
      "train --zoo mine --model linear --epochs 1 -o f.safetensors",
      folder,
    );
    expect(damaged.code).toBe(1);
    expect(damaged.stderr).toContain("weights.safetensors is not the file that was written");
  });
});
