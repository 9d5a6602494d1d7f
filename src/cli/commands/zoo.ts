// `weightspace zoo build` and `weightspace zoo info`: populations of trained networks.

import { availableParallelism } from "node:os";
import { seedNumber, wholeNumber } from "../arguments.ts";
import { mostNetworks } from "../../zoo/limits.ts";
import type { RegisterCommand } from "../context.ts";
import { readJson } from "../files.ts";
import { counted, textTable } from "../output.ts";

interface BuildFlags {
  readonly recipe: string;
  readonly networks: number;
  readonly seed: number;
  readonly out: string;
  readonly workers: number;
}

const quantile = (sorted: readonly number[], q: number) =>
  sorted[Math.round(q * (sorted.length - 1))];

export const zooCommand: RegisterCommand = (program, cli) => {
  const zoo = program
    .command("zoo")
    .helpGroup("Populations:")
    .description("Builds and inspects populations of trained networks.");

  zoo
    .command("build")
    .summary("train a population")
    .description(
      "Trains a population of small networks. Interrupted or killed, the same command goes on where it was.",
    )
    .option("--recipe <name or file>", "digits-mlp, or a recipe as JSON", "digits-mlp")
    .option("--networks <n>", "networks to train", wholeNumber(1, mostNetworks), 1000)
    .option("--seed <n>", "fixes everything", seedNumber, 0)
    .option("--workers <n>", "threads", wholeNumber(1), availableParallelism())
    .requiredOption("-o, --out <folder>", "the zoo's folder")
    .addHelpText("after", "\nExample:\n  weightspace zoo build --networks 2000 --out zoos/digits")
    .action(async ({ recipe, networks, seed, out, workers }: BuildFlags) => {
      const { digitsRecipe, parseRecipe } = await import("../../zoo/recipe.ts");
      const { folderStore } = await import("../fs-store.ts");
      const { buildWithProgress } = await import("../zoo-progress.ts");
      const chosen = recipe === "digits-mlp" ? digitsRecipe : parseRecipe(await readJson(recipe));
      const result = await buildWithProgress(cli, {
        recipe: chosen,
        networks,
        seed,
        workers,
        store: folderStore(out),
      });
      const rate = result.built / Math.max(result.seconds, 1e-9);
      cli.output.result({ zoo: out, networks, ...result, networksPerSecond: rate }, () =>
        result.built === 0
          ? `${out} already holds its ${counted(networks, "network")}`
          : `${out}: ${counted(networks, "network")}, ${result.built} trained in ${result.seconds.toFixed(1)} s (${rate.toFixed(0)} networks/s)`,
      );
    });

  zoo
    .command("info")
    .summary("what a population holds")
    .description(
      "Prints what a population holds: recipe, spec, spread of accuracies, damaged shards.",
    )
    .argument("<folder>", "the zoo's folder")
    .action(async (folder: string) => {
      const { openZoo } = await import("../../zoo/open.ts");
      const { folderStore } = await import("../fs-store.ts");
      const { specToJSON } = await import("../../spec/json.ts");
      const { printSpec } = await import("../../spec/print.ts");
      const { manifest, rows, problems } = await openZoo(folderStore(folder));
      const finite = rows.filter((row) => row.finite);
      const accuracies = finite.map(({ testAccuracy }) => testAccuracy).sort((a, b) => a - b);
      const quantiles =
        accuracies.length === 0 ? [] : [0, 0.25, 0.5, 0.75, 1].map((q) => quantile(accuracies, q));
      const { recipe, seed, networks, spec } = manifest;
      const value = {
        networks,
        readable: rows.length,
        finite: finite.length,
        seed,
        recipe,
        testAccuracyQuantiles: quantiles,
        problems: problems.map(({ message }) => message),
        spec: specToJSON(spec),
      };
      cli.output.result(value, () =>
        [
          `${folder}: ${rows.length} of ${networks} networks, ${finite.length} with finite weights, seed ${seed}`,
          textTable(
            ["test accuracy", "min", "25 %", "median", "75 %", "max"],
            [["", ...quantiles.map((q) => q.toFixed(3))]],
          ),
          printSpec(spec),
          ...problems.map(({ message }) => `warning: ${message}`),
        ].join("\n\n"),
      );
      if (problems.length > 0) {
        const [are, them] = problems.length === 1 ? ["is", "it"] : ["are", "them"];
        cli.output.note(
          `${counted(problems.length, "shard")} ${are} damaged; build again to train ${them} anew`,
        );
      }
    });
};
