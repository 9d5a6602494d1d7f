import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { recipeNamed } from "../../../src/zoo/recipes.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";
import { writeImageFolder } from "../../support/files/idx-files.ts";
import { startCommand } from "../../support/queue-workers.ts";
import { sharedServer } from "../../support/servers/servers.ts";

const needRedis = sharedServer("redis");

test("a queue gives the results of one place, to the digit; workers need no images", async ({
  skip,
}) => {
  const { url } = await needRedis({ skip });
  await inTemporaryFolder(async (folder) => {
    await writeImageFolder(join(folder, "images"));
    const run = async (text: string) => {
      const { code, stderr } = await weightspace(text.split(" "), folder);
      expect(code, stderr).toBe(0);
    };
    const steps = { fullChance: 1, range: [15, 15] };
    const short = { ...recipeNamed("pictures-fashion-mnist-shared"), batch: 18, steps };
    await writeFile(join(folder, "recipe.json"), JSON.stringify(short));
    await run("zoo build --recipe ./recipe.json --networks 20 --data images -o zoo");
    const edit =
      "experiment inr-editing --zoo zoo --data images --edits dilate --maps unf --outputs 1 --hidden 8 --seeds 1 --epochs 1";
    await run(`${edit} -o here`);
    const worker = startCommand(["--json", "worker", "--queue", url], { cwd: folder });
    await run(`${edit} --queue ${url} --store ${join(folder, "runs")} -o there`);
    worker.child.kill("SIGINT");
    await worker.ended;
    const rowsIn = async (name: string) =>
      JSON.parse(await readFile(join(folder, name, "inr-editing.json"), "utf8")).rows.map(
        (row: object) => ({ ...row, seconds: 0 }),
      );
    const rows = await rowsIn("here");
    expect(rows).toHaveLength(1);
    expect(await rowsIn("there")).toEqual(rows);
    expect(worker.output().split('"type":"unit"')).toHaveLength(1 + 1);
  });
});

test("images edited by weights: a table, a page with pictures, the same from parts, refusals", async () => {
  await inTemporaryFolder(async (folder) => {
    const at = (name: string) => join(folder, name);
    const data = await writeImageFolder(at("images"));
    const run = (text: string) => weightspace(text.split(" "), folder);
    const steps = { fullChance: 1, range: [15, 15] };
    const short = { ...recipeNamed("pictures-fashion-mnist-shared"), batch: 18, steps };
    await writeFile(at("recipe.json"), JSON.stringify(short));
    const recipe = "--recipe ./recipe.json";
    expect(await run(`zoo build ${recipe} --networks 20 -o zoo`)).toMatchObject({ code: 2 });
    const digits = await run(`zoo build --recipe pictures-digits --data images --networks 2 -o no`);
    expect(digits.stderr).toMatch(/learn data of the package; leave --data out/);
    const built = await run(
      `zoo build ${recipe} --networks 20 --data images --shard-size 20 -o zoo`,
    );
    expect(built).toMatchObject({ code: 0 });
    const edit =
      "experiment inr-editing --zoo zoo --edits dilate --maps unf --outputs 1,2 --hidden 8 --seeds 1 --epochs 2";
    const unknown = await run(`${edit} -o out`);
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      expect.stringMatching(/and --data where it was/),
    ]);
    const wrong = await run(`${edit.replace("dilate", "blur")} --data ${data} -o out`);
    expect(wrong.stderr).toMatch(/--edits expected names of dilate, contrast.*got "blur"/);
    const first = await run(`${edit} --data ${data} --parts parts -o out`);
    expect(first.stdout).toMatch(/unf +2 +dilate/);
    const results = async () => JSON.parse(await readFile(at("out/inr-editing.json"), "utf8"));
    const { rows, about } = await results();
    expect(rows).toMatchObject([
      { set: "fashion-mnist", edit: "dilate", model: "unf", outputs: 1, seeds: 1 },
      { outputs: 2 },
    ]);
    for (const { mseMean, movedMean } of rows) {
      expect(mseMean).toBeGreaterThan(0);
      expect(Math.abs(mseMean - movedMean)).toBeLessThan(1e-3);
    }
    expect(about.unedited.dilate).toBeGreaterThan(0);
    const page = await readFile(at("out/report.html"), "utf8");
    expect(page).toMatch(/unf-1, unf-2, the edited images that were asked for/);
    expect(page.match(/data:image\/png/g)).toHaveLength(1);
    await rm(at("out"), { recursive: true });
    const again = await run(`${edit} --data ${data} --parts parts -o out`);
    expect(again.stderr).toContain("2 of 2 training runs are there already");
    expect((await results()).rows).toEqual(rows);
    expect(await readdir(at("parts"))).toEqual(["fashion-mnist-shared-dilate"]);
  });
});
