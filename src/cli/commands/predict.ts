// `weightspace predict`: a trained functional on networks it has not seen, from a zoo or from files of weights.

import type { Cli, RegisterCommand } from "../context.ts";
import { readBytes } from "../files.ts";
import { allowDamagedOption, type Population, warnOfProblems } from "../open-population.ts";
import { textTable } from "../output.ts";
import { UsageError } from "../usage-error.ts";

interface PredictFlags {
  readonly zoo?: string;
  readonly allowDamaged?: boolean;
}

/** One network: its prediction, or why there is none. */
interface Row {
  readonly network: string;
  readonly predicted: number | null;
  readonly actual?: number;
  readonly reason?: string;
}

export const predictCommand: RegisterCommand = (program, cli) => {
  program
    .command("predict")
    .helpGroup("Functionals:")
    .summary("predict accuracy from weights")
    .description("Predicts the test accuracy of networks from their weights alone.")
    .argument("<functional.safetensors>", "a checkpoint written by `weightspace train`")
    .argument("[weights...]", "networks to read, one file each: .safetensors, .pt, .npz or .onnx")
    .option("--zoo <folder>", "read the networks of a population instead")
    .option(...allowDamagedOption)
    .addHelpText("after", "\nExample:\n  weightspace predict unf.safetensors network.safetensors")
    .action((source: string, files: string[], flags: PredictFlags) =>
      predictNetworks(source, files, flags, cli),
    );
};

async function predictNetworks(
  source: string,
  files: readonly string[],
  { zoo, allowDamaged }: PredictFlags,
  { output }: Cli,
): Promise<void> {
  if ((zoo === undefined) === (files.length === 0)) {
    throw new UsageError("predict: give either weight files or --zoo, and not both");
  }
  if (zoo === undefined && allowDamaged === true) {
    throw new UsageError("predict: --allow-damaged is for --zoo");
  }
  const { loadFunctional, uncheckedNote } = await import("../functional-file.ts");
  const { weightsDataset } = await import("../weight-files.ts");
  const { openPopulation } = await import("../open-population.ts");
  const functional = await loadFunctional(await readBytes(source), source);
  if (!functional.checked) output.note(uncheckedNote(source));
  try {
    const population = zoo === undefined ? undefined : await openPopulation(zoo, { allowDamaged });
    if (population !== undefined) warnOfProblems(population, output);
    const dataset =
      population?.dataset ?? (await weightsDataset([...files], functional.model.spec));
    const rows = rowsOf(await functional.predict(dataset), files, population);
    output.result(rows, () =>
      textTable(
        ["network", "predicted", ...(population ? ["actual"] : [])],
        rows.map(({ network, predicted, actual }) => [
          network,
          predicted?.toFixed(4) ?? "left out",
          ...(population ? [actual?.toFixed(4) ?? ""] : []),
        ]),
      ),
    );
  } finally {
    functional.dispose();
  }
}

/** A row for every network, those that are left out at the end. */
function rowsOf(
  predicted: Float32Array,
  files: readonly string[],
  population: Population | undefined,
): Row[] {
  if (population === undefined)
    return files.map((network, i) => ({ network, predicted: predicted[i] }));
  const { names, dataset, leftOut } = population;
  return [
    ...names.map((network, i) => ({
      network,
      predicted: predicted[i],
      actual: dataset.targets[i],
    })),
    ...leftOut.map(({ network, reason }) => ({ network, predicted: null, reason })),
  ];
}
