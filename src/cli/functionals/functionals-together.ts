// One functional or several from their checkpoints; of several, the mean of what they predict.

import { OptionError } from "../../core/errors.ts";
import type { Backend } from "../../kernels/backend.ts";
import { readBytes } from "../../node/files.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { WeightDataset } from "../../train/dataset.ts";
import { predictsScores, type Target } from "../../train/target.ts";
import { type Functional, loadFunctional, uncheckedNote } from "./functional-file.ts";

/** What a network is predicted to be. */
export interface PredictedTogether {
  readonly mean: number;
  /** What each functional says, in their order. */
  readonly each: readonly number[];
}

/** Functionals that learned one thing. */
export interface FunctionalsTogether {
  readonly spec: SymmetrySpec;
  readonly target: Target | undefined;
  /** In the unit of the target, one per network. @throws {SpecError} when the networks are of another architecture */
  predict(dataset: WeightDataset): Promise<PredictedTogether[]>;
  dispose(): void;
}

/** @throws {OptionError} when one learned something else than the first, or the order of networks only, which has no mean */
function checkTargets(paths: readonly string[], functionals: readonly Functional[]): void {
  const said = functionals.map(({ target }) =>
    target === undefined ? "test accuracy" : `${target.name}${target.unit && ` (${target.unit})`}`,
  );
  const other = said.findIndex((each) => each !== said[0]);
  if (other !== -1)
    throw new OptionError(
      `predict: ${paths[other]} predicts ${said[other]}, ${paths[0]} ${said[0]}; only predictions of one thing have a mean`,
    );
  const scores = functionals.findIndex(({ target }) => target && predictsScores(target));
  if (functionals.length > 1 && scores !== -1)
    throw new OptionError(
      `predict: ${paths[scores]} has learned the order of networks only, and its scores have no unit in which a mean could be taken; predict with it alone`,
    );
}

/**
 * Loads all of them; `note` is told what is to be known of a file.
 * @throws {FormatError} {OptionError} when a file is damaged or no functional, or they cannot be averaged
 */
export async function loadTogether(
  paths: readonly string[],
  backend: Backend | undefined,
  note: (text: string) => void,
): Promise<FunctionalsTogether> {
  const functionals: Functional[] = [];
  const dispose = () => {
    for (const functional of functionals) functional.dispose();
  };
  try {
    for (const path of paths) {
      const functional = await loadFunctional(await readBytes(path), path, backend);
      functionals.push(functional);
      if (!functional.checked) note(uncheckedNote(path));
      for (const text of functional.pluginNotes) note(`note: ${text}`);
    }
    checkTargets(paths, functionals);
  } catch (error) {
    dispose();
    throw error;
  }
  const [{ model, target }] = functionals;
  return {
    spec: model.spec,
    target,
    async predict(dataset) {
      const said: Float32Array[] = [];
      for (const functional of functionals) said.push(await functional.predict(dataset));
      return Array.from(said[0], (_, i) => {
        const each = said.map((values) => values[i]);
        return { mean: each.reduce((sum, value) => sum + value, 0) / each.length, each };
      });
    },
    dispose,
  };
}
