// A trained functional from its checkpoint: the model, its parameters and the normalisation of its inputs.

import { FormatError, SpecError } from "../../core/errors.ts";
import type { Backend } from "../../kernels/backend.ts";
import { pluginDifferences, pluginHint } from "../../core/plugins.ts";
import { buildModel, modelEntry, withBackend } from "../../models/registry.ts";
import type { Model } from "../../models/model.ts";
import { formatAxisExpression } from "../../symmetry/expression.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { arraysFromHost, disposeArrays } from "../../engine/arrays.ts";
import { readCheckpoint, type ReadCheckpoint } from "../../train/checkpoint.ts";
import type { WeightDataset } from "../../train/dataset.ts";
import { normalize } from "../../train/normalization.ts";
import { objectiveNamed } from "../../train/measures/objectives.ts";
import { fitTarget, predictionsOf, type Target } from "../../train/target.ts";
import { startEngine } from "../../node/threads/start-engine.ts";
import { predict } from "../../train/predict.ts";
import { functionalNotes } from "./functional-notes.ts";

export interface Functional {
  readonly model: Model;
  /** Whether a checksum vouches for the file; older files carry none. */
  readonly checked: boolean;
  /** Plug-ins it was made with that are not loaded, or have changed, one sentence each. */
  readonly pluginNotes: readonly string[];
  /** What it predicts; undefined in files of version 0.1, which predict accuracies. */
  readonly target: Target | undefined;
  /** Predictions in the unit of the target, one per network. @throws {SpecError} when the networks are of another architecture. */
  predict(dataset: WeightDataset): Promise<Float32Array>;
  dispose(): void;
}

/** What is said of a file that carries no checksum. */
export const uncheckedNote = (path: string): string =>
  `${path}: written before digests: not checked`;

/** The checkpoint in a file. @throws {FormatError} naming the file */
export async function readCheckpointFile(bytes: Uint8Array, path: string): Promise<ReadCheckpoint> {
  try {
    return await readCheckpoint(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(`${path}: ${error.message}`, { cause: error });
  }
}

/** `backend` runs it in place of the one it was trained with. @throws {FormatError} when the file is damaged or no checkpoint of a functional. */
export async function loadFunctional(
  bytes: Uint8Array,
  path: string,
  backend?: Backend,
): Promise<Functional> {
  const { spec, notes, params, best, checked } = await readCheckpointFile(bytes, path);
  const about = functionalNotes(notes, Object.keys(spec.tensors), path);
  const { model: name, options, normalization, inputs, target, plugins } = about;
  modelEntry(name, pluginHint(plugins));
  const model = buildModel(name, spec, withBackend(name, options, backend));
  const learned = target ?? fitTarget({ targets: new Float32Array(1) });
  objectiveNamed(learned.loss, pluginHint(plugins));
  let arrays: ReturnType<typeof arraysFromHost> | undefined;
  return {
    model,
    checked,
    target,
    pluginNotes: pluginDifferences(plugins).map((text) => `${path} was ${text}`),
    async predict(dataset) {
      checkSameArchitecture(spec, dataset.spec);
      await startEngine();
      arrays ??= arraysFromHost(best ?? params);
      const read = normalize({ ...dataset, spec }, normalization, inputs);
      const outputs = await predict(model, arrays, read);
      return predictionsOf(outputs, model.outputs, learned);
    },
    dispose: () => disposeArrays(arrays),
  };
}

/** Names the first difference between the spec a functional reads and that of the networks it is given. */
function checkSameArchitecture(expected: SymmetrySpec, given: SymmetrySpec): void {
  const describe = (spec: SymmetrySpec, name: string) =>
    Object.hasOwn(spec.tensors, name)
      ? `[${spec.tensors[name].shape.join(", ")}] (${spec.tensors[name].axes.map(formatAxisExpression).join(", ")})`
      : "missing";
  const names = [...new Set([...Object.keys(expected.tensors), ...Object.keys(given.tensors)])];
  const differing = names.find((name) => describe(expected, name) !== describe(given, name));
  if (differing === undefined) return;
  const message = `tensor "${differing}" is ${describe(given, differing)}, but the functional reads ${describe(expected, differing)}; it only fits networks of the architecture it was trained on`;
  throw new SpecError("predict", [{ severity: "error", tensor: differing, message }]);
}
