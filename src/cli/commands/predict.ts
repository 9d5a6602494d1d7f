// `weightspace predict`: a trained functional on networks it has not seen, from a zoo or from files of weights.

import { basename } from "node:path";
import { backendOption } from "../app/backend-option.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import type { Backend } from "../../kernels/backend.ts";
import { addKeyOption } from "../networks/name-symmetries.ts";
import { withKey } from "../networks/with-key.ts";
import {
  allowDamagedOption,
  type OpenedPopulation,
  warnOfProblems,
} from "../experiments/open-population.ts";
import { textTable } from "../app/output.ts";
import { tellTaken, type TakenOfFile } from "../networks/taken.ts";
import type { Target } from "../../train/target.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import type { PredictedTogether } from "../functionals/functionals-together.ts";
import { UsageError } from "../app/usage-error.ts";

interface PredictFlags {
  readonly with?: readonly string[];
  readonly zoo?: string;
  readonly allowDamaged?: boolean;
  readonly key?: string;
  readonly backend?: Backend;
}

/** One network: its prediction, or why there is none. */
interface Row {
  readonly network: string;
  readonly predicted: number | null;
  /** What each of several functionals says; `predicted` is the mean. */
  readonly each?: readonly number[];
  readonly actual?: number;
  readonly reason?: string;
  readonly taken?: TakenOfFile;
}

export const predictCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("predict")
    .helpGroup("Functionals:")
    .summary("predict accuracy from weights")
    .description(
      "Predicts the test accuracy of networks, or what else the functional has learned, from their weights alone.",
    )
    .argument("<functional.safetensors>", "a checkpoint written by `weightspace train`")
    .argument(
      "[weights...]",
      "networks to read, one file each: .safetensors, .pt, .npz, .gguf, .h5 or .onnx",
    )
    .option(
      "--with <functional.safetensors>",
      "also another functional, which learned the same; predictions are the mean; may repeat",
      (path: string, before: readonly string[] | undefined) => [...(before ?? []), path],
    )
    .option("--zoo <folder>", "read the networks of a population instead")
    .option(...allowDamagedOption)
    .addOption(backendOption())
    .addHelpText("after", "\nExample:\n  weightspace predict unf.safetensors network.safetensors");
  addKeyOption(command).action((source: string, files: string[], flags: PredictFlags) =>
    predictNetworks(source, files, flags, cli),
  );
};

async function predictNetworks(
  source: string,
  given: readonly string[],
  { with: others = [], zoo, allowDamaged, key, backend }: PredictFlags,
  { output }: Cli,
): Promise<void> {
  if ((zoo === undefined) === (given.length === 0)) {
    throw new UsageError("predict: give either weight files or --zoo, and not both");
  }
  if (zoo === undefined && allowDamaged === true) {
    throw new UsageError("predict: --allow-damaged is for --zoo");
  }
  if (zoo !== undefined && key !== undefined)
    throw new UsageError("predict: --key is for weight files; a population has none");
  const paths = [source, ...others];
  const twice = paths.find((path, i) => paths.indexOf(path) < i);
  if (twice !== undefined) throw new UsageError(`predict: ${twice} is given twice`);
  const files = await withKey(given, key);
  const { loadTogether } = await import("../functionals/functionals-together.ts");
  const { weightsDataset } = await import("../experiments/weight-files.ts");
  const { openPopulation } = await import("../experiments/open-population.ts");
  const functional = await loadTogether(paths, backend, (text) => output.note(text));
  try {
    const taken = new Map<string, TakenOfFile>();
    const tell = (path: string, opened: TensorSource) => {
      for (const one of tellTaken(output, [{ source: opened }])) taken.set(path, one);
    };
    const population =
      zoo === undefined
        ? undefined
        : await openPopulation(zoo, {
            allowDamaged,
            target: functional.target?.name,
          });
    if (population !== undefined) warnOfProblems(population, output);
    const dataset =
      population?.dataset ?? (await weightsDataset([...files], functional.spec, tell));
    const rows = rowsOf(await functional.predict(dataset), files, population).map((row) => {
      const one = taken.get(row.network);
      return one === undefined ? row : { ...row, taken: one };
    });
    const unit = await unitOf(functional.target, source, output);
    output.result(rows, () => tableOf(rows, unit, paths, population !== undefined));
  } finally {
    functional.dispose();
  }
}

/** A line a network; what each functional says beside the mean where there are several. */
function tableOf(
  rows: readonly Row[],
  unit: string,
  paths: readonly string[],
  isPopulation: boolean,
): string {
  const single = paths.length > 1 ? paths : [];
  const decimals = (value: number | undefined) => value?.toFixed(4) ?? "";
  return textTable(
    [
      "network",
      `${single.length > 0 ? "mean " : ""}${unit === "" ? "predicted" : `predicted (${unit})`}`,
      ...single.map((path) => basename(path)),
      ...(isPopulation ? ["actual"] : []),
    ],
    rows.map(({ network, predicted, each, actual }) => [
      network,
      predicted?.toFixed(4) ?? "left out",
      ...single.map((_, i) => decimals(each?.[i])),
      ...(isPopulation ? [decimals(actual)] : []),
    ]),
  );
}

/** The unit of predictions, empty without one; says it when they are scores. */
async function unitOf(
  target: Target | undefined,
  source: string,
  output: Cli["output"],
): Promise<string> {
  const { predictsScores } = await import("../../train/target.ts");
  if (target === undefined || !predictsScores(target)) return target?.unit ?? "";
  output.note(
    `note: ${source} has learned the order of networks only; its predictions are scores without a unit, larger for a larger ${target.name}`,
  );
  return "score";
}

const saidOf = ({ mean, each }: PredictedTogether): Pick<Row, "predicted" | "each"> => ({
  predicted: mean,
  ...(each.length > 1 && { each }),
});

/** A row for every network, those that are left out at the end. */
function rowsOf(
  predicted: readonly PredictedTogether[],
  files: readonly string[],
  population: OpenedPopulation | undefined,
): Row[] {
  if (population === undefined)
    return files.map((network, i) => ({ network, ...saidOf(predicted[i]) }));
  const { names, dataset, leftOut } = population;
  return [
    ...names.map((network, i) => ({
      network,
      ...saidOf(predicted[i]),
      actual: dataset.targets[i],
    })),
    ...leftOut.map(({ network, reason }) => ({ network, predicted: null, reason })),
  ];
}
