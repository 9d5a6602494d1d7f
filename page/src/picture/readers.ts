// The file of trained readers: functionals that tell a digit from the weights of a network, one that edits these weights, the start
// that networks learn from, and digits that no reader has seen. `npm run page:readers` writes it.

import { specFromJSON, type SymmetrySpec, type Weights } from "weightspace";
import { arraysFromHost } from "weightspace/engine";
import { readSafetensors, toFloat32 } from "weightspace/formats";
import { buildModel, type Model, type ModelOptions } from "weightspace/models";
import { type Normalization, normalize } from "weightspace/train";

/** What is said of a reader on the page. */
export interface ReaderNote {
  readonly name: string;
  readonly parameters: number;
  /** Share of test networks whose digit it tells rightly: mean and standard deviation over trainings. */
  readonly accuracy: number;
  readonly spread: number;
  /** The same after the units of each network were reordered and its signs flipped. */
  readonly moved: number;
  /** The same reader, trained and tested on networks that start from random weights of their own. */
  readonly apart: number;
}

/** How readers were trained. */
export interface ReadersNote {
  readonly readers: readonly ReaderNote[];
  /** Trainings of each reader; the first one is in the file. */
  readonly trainings: number;
  /** Networks in training, validation and test. */
  readonly networks: readonly number[];
  /** Mean squared error of edited test pictures, and of those that are not edited, brightness from 0 to 1. */
  readonly edited: { readonly error: number; readonly unedited: number };
}

/** A digit that no reader and no start has seen. */
export interface Sample {
  /** [8, 8], 0 to 1. */
  readonly pixels: Float32Array<ArrayBuffer>;
  readonly label: number;
}

/** A functional with its parameters. */
interface Trained {
  readonly model: Model;
  readonly options: ModelOptions;
  readonly inputs: "asinh" | "linear" | "raw";
  readonly params: Weights;
}

export interface ReadersFile {
  readonly spec: SymmetrySpec;
  readonly note: ReadersNote;
  readonly start: Weights;
  readonly samples: readonly Sample[];
  /** What every reader says of every network: by reader, [networks, outputs]. */
  readonly read: (networks: readonly Weights[]) => Promise<readonly Float32Array[]>;
  /** What an edited network draws: [28, 28], 0 to 1. */
  readonly edit: (network: Weights) => Promise<Float32Array>;
}

/** What the metadata of the file tells of a functional. */
interface FunctionalNote {
  readonly model: string;
  readonly options: ModelOptions;
  readonly inputs: Trained["inputs"];
}

/** Opens the file. @throws {FormatError} when it is damaged */
export function openReaders(bytes: Uint8Array): ReadersFile {
  const { tensors, metadata } = readSafetensors(bytes);
  const parsed = (key: string): unknown => JSON.parse(metadata[key]);
  const spec = specFromJSON(parsed("spec"));
  const under = (prefix: string): Weights =>
    Object.fromEntries(
      [...tensors].flatMap(([name, tensor]) =>
        name.startsWith(`${prefix}/`)
          ? [[name.slice(prefix.length + 1), { shape: tensor.shape, data: toFloat32(tensor) }]]
          : [],
      ),
    );
  const normalization = parsed("normalization") as Normalization;
  const functionals = parsed("functionals") as Readonly<Record<string, FunctionalNote>>;
  const trained = (name: string): Trained => {
    const { model, options, inputs } = functionals[name];
    return { model: buildModel(model, spec, options), options, inputs, params: under(name) };
  };
  const note = parsed("note") as ReadersNote;
  const readers = note.readers.map(({ name }) => trained(name));
  const editor = trained("editor");
  const apply = (functional: Trained, networks: readonly Weights[]) =>
    run(functional, spec, normalization, networks);
  return {
    spec,
    note,
    start: under("start"),
    samples: samplesOf(under("samples")),
    read: async (networks) => {
      const said: Float32Array[] = [];
      for (const reader of readers) said.push(await apply(reader, networks));
      return said;
    },
    edit: (network) => apply(editor, [network]),
  };
}

function samplesOf({ pixels, labels }: Weights): Sample[] {
  const size = pixels.data.length / labels.data.length;
  return Array.from(labels.data, (label, i) => ({
    pixels: Float32Array.from(pixels.data.slice(i * size, (i + 1) * size)),
    label,
  }));
}

/** The raw outputs of a functional for some networks, [networks, outputs]. */
async function run(
  { model, inputs, params }: Trained,
  spec: SymmetrySpec,
  normalization: Normalization,
  networks: readonly Weights[],
): Promise<Float32Array> {
  const size = networks.length;
  const tensors = Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => {
      const entries = shape.reduce((product, n) => product * n, 1);
      const data = new Float32Array(size * entries);
      for (const [at, network] of networks.entries()) data.set(network[name].data, at * entries);
      return [name, { shape, data }];
    }),
  );
  const dataset = { spec, size, tensors, targets: new Float32Array(size) };
  const read = normalize(dataset, normalization, inputs);
  const batch = Object.fromEntries(
    Object.entries(read.tensors).map(([name, { shape, data }]) => [
      name,
      { shape: [size, ...shape], data },
    ]),
  );
  const outputs = await model.apply(arraysFromHost(params), arraysFromHost(batch)).data();
  return Float32Array.from(outputs);
}
