import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";

interface Row {
  readonly setting: string;
  readonly model: string;
  readonly agreement: number;
  readonly accuracyMean: number;
  readonly signsMean?: number;
}

test("images told from weights: one table of both starts, the same when run again, classes refused elsewhere; and found without labels", async () => {
  await inTemporaryFolder(async (folder) => {
    const zoo = (name: string) => join(folder, name);
    for (const name of ["pictures-digits", "pictures-digits-shared"])
      await weightspace([
        ..."zoo build --networks 40 --seed 1 --recipe".split(" "),
        name,
        "-o",
        zoo(name),
      ]);
    const args = [
      ..."experiment inr --models stat-nn,flat-mlp --seeds 1 --epochs 4 --zoo".split(" "),
      zoo("pictures-digits"),
      "--zoo",
      zoo("pictures-digits-shared"),
      "-o",
      join(folder, "out"),
    ];
    const first = await weightspace(args);
    expect(first.stdout).toMatch(/stat-nn +digits +shared/);
    const file = join(folder, "out", "inr.json");
    const { rows } = JSON.parse(await readFile(file, "utf8")) as { rows: Row[] };
    expect(rows.map(({ setting, model }) => `${setting} ${model}`).toSorted()).toEqual([
      "random flat-mlp",
      "random stat-nn",
      "shared flat-mlp",
      "shared stat-nn",
    ]);
    for (const { model, agreement } of rows)
      if (model === "stat-nn") expect(agreement).toBe(1);
      else expect(agreement).toBeLessThan(1);
    const phased = await weightspace([
      ..."experiment inr --phases 30 --models unf-products --seeds 1 --epochs 2 --zoo".split(" "),
      zoo("pictures-digits"),
      "-o",
      join(folder, "phased"),
    ]);
    expect(phased.code).toBe(0);
    const withPhases = JSON.parse(await readFile(join(folder, "phased", "inr.json"), "utf8")) as {
      command: string;
      rows: Row[];
    };
    expect(withPhases.command).toContain("--phases 30");
    const [{ accuracyMean, signsMean }] = withPhases.rows;
    expect(signsMean).toBe(accuracyMean);
    const again = await weightspace(args);
    expect(again.stderr).toContain("2 of 2 training runs are there already");
    const twice = await weightspace([
      "experiment",
      "inr",
      "--zoo",
      zoo("pictures-digits"),
      "--zoo",
      zoo("pictures-digits"),
    ]);
    expect(twice.code).toBe(2);
    expect(twice.stderr).toMatch(/give each kind once/);
    const asNumber = [
      ..."experiment generalization --target label --zoo".split(" "),
      zoo("pictures-digits"),
    ];
    const refused = await weightspace([...asNumber, "-o", join(folder, "g")]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/one of 10 classes, expected a number; `experiment inr`/);
    const find = "experiment inr-retrieval --models stat-nn,flat-mlp --seeds 1 --epochs 2".split(
      " ",
    );
    const from = ["--zoo", zoo("pictures-digits"), "--parts", join(folder, "parts")];
    const found = await weightspace([...find, ...from, "-o", join(folder, "found")]);
    expect(found.stdout).toMatch(/stat-nn +digits +random/);
    expect(found.stdout).toMatch(/\(chance\) +digits +random/);
    const table = (text: string) => text.slice(text.indexOf("functional"));
    const fromParts = await weightspace([...find, ...from, "-o", join(folder, "again")]);
    expect(fromParts.stderr).toContain("2 of 2 training runs are there already");
    expect(table(fromParts.stdout)).toBe(table(found.stdout));
  });
});
