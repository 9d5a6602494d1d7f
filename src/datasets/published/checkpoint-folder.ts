// A folder of PyTorch checkpoints named `<run>_<epoch>_<accuracy * 10000>.pt`, as the Small Transformer Zoo is published;
// the best of a run has `best` for its epoch, or `_best` at the end. What the tables in `metadata/` say of a file can be
// chosen by. A file `embedding.pt` is no network of the population and is left out.

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { equalShapes, formatShape, sizeOf } from "../../core/shapes.ts";
import { openTensorSource } from "../../formats/open.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import { inferSpecFromNames } from "../../infer/names/infer-names.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { ZooStore } from "../../core/store.ts";
import { addMetadata } from "./metadata.ts";
import {
  type Candidate,
  chooseCandidates,
  publishedDataset,
  type PublishedOptions,
  type PublishedPopulation,
} from "./population.ts";
import { isTransformerZooNetwork, transformerZooSpec } from "./transformer-zoo-spec.ts";

const fileName =
  /^(?<run>.+)_(?<epoch>\d+|best\d*)_(?<accuracy>\d+(?:\.\d+)?)(?<best>_best\d*)?\.pt$/;

/** Whether a folder with these files is such a population. */
export const isCheckpointFolder = (names: readonly string[]): boolean =>
  names.some((name) => fileName.test(name));

/** The embedding that networks on text share; published beside them. */
const sharedEmbedding = "embedding.pt";

/** What a file's name says. @throws {FormatError} when it says nothing */
function readName(name: string, location: string): Candidate {
  const { run, epoch, accuracy, best } = fileName.exec(name)?.groups ?? {};
  const value = Number(accuracy) / 10_000;
  if (run === undefined || !(value <= 1)) {
    throw new FormatError(
      `${name} in ${location}: expected a name <run>_<epoch>_<accuracy times 10000>.pt with an accuracy of at most 10000${run === undefined ? "" : `, got ${accuracy}`}; rename it or move it elsewhere`,
    );
  }
  const isBest = best !== undefined || epoch.startsWith("best");
  const columns = { run, epoch: isBest ? "best" : epoch };
  return { name, run, step: isBest ? undefined : Number(epoch), accuracy: value, columns };
}

async function open(store: ZooStore, name: string): Promise<TensorSource> {
  const bytes = await store.read(name);
  if (bytes === undefined)
    throw new FormatError(`${name} in ${store.location} is gone; fetch it again`);
  try {
    return await openTensorSource(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(`${name} in ${store.location}: ${error.message}`, { cause: error });
  }
}

/** The spec of networks with these tensors: the published ones, else any family that names tell. */
function specOf({ entries }: TensorSource, where: string): SymmetrySpec {
  const tensors = [...entries].map(([name, { shape }]) => ({ name, shape }));
  if (isTransformerZooNetwork(entries.keys())) return transformerZooSpec(tensors);
  try {
    return inferSpecFromNames(tensors).spec;
  } catch (error) {
    throw new UnsupportedError(
      `the names in ${where} do not tell the symmetries of its network; give them with --spec (${(error as Error).message})`,
      { cause: error },
    );
  }
}

/** The weights of one network into row `at` of the stacks; false when one is not finite. */
async function readNetwork(
  source: TensorSource,
  spec: SymmetrySpec,
  stacks: ReadonlyMap<string, Float32Array>,
  at: number,
  where: string,
): Promise<boolean> {
  let finite = true;
  for (const [name, { shape }] of Object.entries(spec.tensors)) {
    const entry = source.entries.get(name);
    if (entry === undefined || !equalShapes(entry.shape, shape)) {
      throw new FormatError(
        `${where}: tensor "${name}" expected shape ${formatShape(shape)} as in the other networks, got ${entry === undefined ? "no such tensor" : formatShape(entry.shape)}; move networks of another architecture elsewhere`,
      );
    }
    const { data } = await source.read(name);
    finite &&= data.every(Number.isFinite);
    stacks.get(name)?.set(data, at * sizeOf(shape));
  }
  return finite;
}

/**
 * Reads the checkpoints that are asked for.
 * @throws {FormatError} {UnsupportedError} {OptionError} naming the file and the tensor
 */
export async function readCheckpointFolder(
  store: ZooStore,
  options: PublishedOptions = {},
): Promise<PublishedPopulation> {
  const files = (await store.list())
    .filter((name) => name.endsWith(".pt") && name !== sharedEmbedding)
    .toSorted();
  const named = files.map((name) => readName(name, store.location));
  const { candidates, notes } = addMetadata(named, options.metadata ?? []);
  const chosen = chooseCandidates(candidates, options);
  const first = await open(store, chosen[0].name);
  const spec = options.spec ?? specOf(first, `${chosen[0].name} in ${store.location}`);
  const stacks = new Map(
    Object.entries(spec.tensors).map(([name, { shape }]) => [
      name,
      new Float32Array(chosen.length * sizeOf(shape)),
    ]),
  );
  const finite: Candidate[] = [];
  const skipped: string[] = [];
  for (const candidate of chosen) {
    const source = await open(store, candidate.name);
    const where = `${candidate.name} in ${store.location}`;
    const sound = await readNetwork(source, spec, stacks, finite.length, where);
    if (sound) finite.push(candidate);
    else skipped.push(candidate.name);
  }
  const filled = [...stacks].map(([name, data]) => ({
    name,
    shape: spec.tensors[name].shape,
    data,
  }));
  const { dataset, copies } = publishedDataset(spec, finite, filled);
  return {
    dataset,
    copies,
    notes,
    names: finite.map(({ name }) => name),
    skipped,
    description: `networks of ${Object.keys(spec.tensors).length} tensors from PyTorch checkpoints`,
  };
}
