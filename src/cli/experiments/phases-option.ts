// `--phases` of experiments: networks of sines are read with their phases, which the specs of populations leave out.

import { Option } from "commander";
import type { WeightDataset } from "../../train/dataset.ts";
import { positiveNumber } from "../app/arguments.ts";

/** The option itself. */
export const phasesOption = (): Option =>
  new Option(
    "--phases <omega>",
    "read sine layers with their phases: units with signs are sin(omega (W x + b))",
  ).argParser(positiveNumber);

/** The same networks, with phases when a frequency is given. @throws {OptionError} where no axis can have them */
export async function phasedDataset(
  dataset: WeightDataset,
  omega: number | undefined,
): Promise<WeightDataset> {
  if (omega === undefined) return dataset;
  const { withPhases } = await import("../../symmetry/phases.ts");
  return { ...dataset, spec: withPhases(dataset.spec, { omega }) };
}

/** What tells runs with phases from runs without: part of their fingerprint. */
export const phasesText = (omega: number | undefined): string =>
  omega === undefined ? "" : ` with phases of ${omega}`;
