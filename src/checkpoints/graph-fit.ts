// Whether a graph belongs to a checkpoint, and what it says about its tensors then.
//
// A graph acts on a checkpoint only where its tensors are the checkpoint's, all of them. Every stored tensor that its
// spec moves must be in the checkpoint, and the checkpoint must hold no other float tensor: one that is left over was
// folded into others when the graph was written (a norm into a convolution), or belongs to another model, and then moving
// the rest makes another network. Running the graph cannot show that, because it never reads what is left over. Values
// may differ: two trainings share one graph.

import { SpecError } from "../core/errors.ts";
import { equalShapes, formatShape, sizeOf } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";
import { isFloatType } from "../formats/onnx/onnx-element-types.ts";
import { decodeTensor } from "../formats/onnx/onnx-tensor.ts";
import { modelWriter } from "../formats/onnx/onnx-write.ts";
import { readOnnx } from "../formats/onnx/onnx.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { type Inference, inferSpec } from "../infer/infer.ts";
import { readersOf } from "../infer/walk/readers.ts";
import { isElementwiseTable, orientationOf, sameEverywhere } from "../infer/passes/tables.ts";
import { axesOfExpression } from "../symmetry/expression.ts";
import { specDifference } from "../symmetry/same-spec.ts";
import { type TensorPlaces, placesByName, placesByNumbers, specInPlaces } from "./fit-names.ts";
import { exportUnfolded, type FittedGraph } from "./found-spec.ts";
import { listed } from "./name-lists.ts";
import { floatTensors, type Network, type OnnxModel } from "./network.ts";

export interface GraphFile {
  readonly path: string;
  readonly onnx: OnnxModel;
  readonly ignores: (name: string) => boolean;
}

/**
 * Fits a graph to a checkpoint of it. Tensors under other names are found by numbers, in the checkpoint or, where that is
 * another training, in one of the `others`.
 * @throws {SpecError} naming the tensors on both sides when they do not belong together
 */
export async function fitGraph(
  { path, onnx: { modelBytes, graph }, ignores }: GraphFile,
  first: Network,
  others: readonly TensorSource[],
): Promise<FittedGraph> {
  const inferred = inferSpec(graph);
  const places = await findPlaces(inferred, [first.source, ...others]);
  const lacking = Object.keys(inferred.spec.tensors).filter((name) => !places.has(name));
  const lost = lacking.filter((name) => !ignores(name) && !isTable(inferred, name, places));
  const draft = { path, modelBytes, inference: inferred, places, tables: lacking, ignores };
  const extra = await leftOver(draft, first);
  if (lost.length + extra.length > 0) throw apartError(draft, first, extra, lost);
  const graphConstants = await constantsOf(draft, first);
  const isAsInferred = lacking.length === 0 && graphConstants.changed.length === 0;
  const written =
    graphConstants.changed.length === 0
      ? undefined
      : modelWriter(modelBytes())(graphConstants.numbers);
  const inference = isAsInferred
    ? inferred
    : inferSpec(written === undefined ? graph : readOnnx(written), {
        constants: new Set(lacking),
      });
  const all = new Map([...placesByName(inference.spec, first.source), ...places]);
  const unknown = Object.keys(inference.spec.tensors).filter((name) => !all.has(name));
  if (unknown.length > 0) throw apartError(draft, first, [], unknown);
  return Object.freeze({
    ...draft,
    ...(written !== undefined && { modelBytes: () => written }),
    inference,
    places: new Map([...all, ...graphConstants.places]),
    renamed: [...places].some(([name, place]) => name !== place.name),
    spec: specInPlaces(inference.spec, all),
  });
}

/** A graph with its own numbers: everything in it belongs to it. */
export function ownGraph({
  path,
  onnx: { modelBytes, graph: stored },
  ignores,
}: GraphFile): FittedGraph {
  const inference = inferSpec(stored);
  const { graph, spec } = inference;
  const floats = [...graph.initializers].filter(([, { type }]) => isFloatType(type));
  const places = new Map(floats.map(([name]) => [name, { name, transposed: false }]));
  return Object.freeze({
    path,
    modelBytes,
    inference,
    places,
    renamed: false,
    spec,
    tables: [],
    ignores,
  });
}

/**
 * Whether a graph that belongs to one checkpoint belongs to another that has the same tensors of its spec.
 * @throws {SpecError} naming the tensors on both sides when it does not
 */
export async function checkBelongs(fitted: FittedGraph, other: Network): Promise<void> {
  const { entries } = other.source;
  const lost = Object.entries(fitted.spec.tensors).flatMap(([name, { shape }]) => {
    const entry = entries.get(name);
    return entry !== undefined && equalShapes(entry.shape, shape) ? [] : [name];
  });
  const extra = await leftOver(fitted, other);
  if (lost.length + extra.length > 0) throw apartError(fitted, other, extra, lost);
  const { changed, numbers } = await constantsOf(fitted, other);
  if (changed.length === 0) return;
  const { spec } = inferSpec(readOnnx(modelWriter(fitted.modelBytes())(numbers)), {
    constants: new Set(fitted.tables),
  });
  const difference = specDifference(spec, fitted.inference.spec);
  if (difference === null) return;
  throw new SpecError(`${other.path} and the graph ${fitted.path} do not belong together`, [
    {
      severity: "error",
      message: `${listed(changed)} hold other numbers than the graph was read with, and with these its symmetries are others (${difference}); export the graph of this checkpoint`,
    },
  ]);
}

type Draft = Pick<FittedGraph, "path" | "inference" | "places" | "tables" | "ignores">;

const numbersIn =
  ({ graph }: Inference) =>
  (name: string): Tensor => {
    const tensor = graph.initializers.get(name);
    if (tensor === undefined) throw new SpecError(`the graph has no tensor "${name}"`, []);
    return { shape: tensor.shape, data: decodeTensor(tensor) };
  };

/** The places of the first source that tells all of them; else those that most tensors have. */
async function findPlaces(
  inference: Inference,
  sources: readonly TensorSource[],
): Promise<TensorPlaces> {
  const { spec } = inference;
  let best = placesByName(spec, sources[0]);
  for (const source of sources) {
    if (best.size === Object.keys(spec.tensors).length) break;
    const places = await placesByNumbers(spec, numbersIn(inference), source);
    if (places.size > best.size) best = places;
  }
  return best;
}

/** Whether a tensor that the checkpoint lacks is a table, and no weight in another form. */
function isTable(inference: Inference, name: string, places: TensorPlaces): boolean {
  const { spec, graph } = inference;
  const read = numbersIn(inference);
  const tensor = read(name);
  if (sameEverywhere(tensor)) return true; // every order and every instance of it is the same
  const isCopy = [...places.keys()].some((other) => {
    const { shape } = spec.tensors[other];
    return (
      sizeOf(shape) === tensor.data.length && orientationOf(tensor, read(other), true) !== undefined
    );
  });
  if (isCopy) return false; // a tied weight, transposed or times a factor
  const moves = spec.tensors[name].axes.some((expression) =>
    axesOfExpression(expression).some((axis) => spec.axes[axis].group !== "fixed"),
  );
  return !moves || isElementwiseTable(graph, name);
}

/** Float tensors of a checkpoint that the graph knows nothing of. */
async function leftOver(draft: Draft, network: Network): Promise<string[]> {
  const { inference, places, tables, ignores } = draft;
  const { source } = network;
  const taken = new Set([...places.values()].map(({ name }) => name));
  const constants = readConstants(draft);
  const known = storedTables(inference, tables);
  const left: string[] = [];
  for (const name of floatTensors(network)) {
    const shape = source.entries.get(name)?.shape ?? [];
    if (taken.has(name) || ignores(name) || sizeOf(shape) === 0) continue;
    const constant = constants.get(name);
    if (constant !== undefined && equalShapes(constant.shape, shape)) continue;
    if (await isKnown(source, name, known)) continue;
    left.push(name);
  }
  return left;
}

/** Whether the graph holds the very numbers of a tensor as a table. */
async function isKnown(
  source: TensorSource,
  name: string,
  known: readonly Tensor[],
): Promise<boolean> {
  const size = sizeOf(source.entries.get(name)?.shape ?? []);
  const alike = known.filter(({ data }) => data.length === size);
  if (alike.length === 0) return false;
  const { data } = await source.read(name);
  return alike.some((table) => table.data.every((x, i) => x === data[i]));
}

/** Tables in the graph that say something: those that the checkpoint lacks by name, and those in Constant nodes. */
function storedTables(inference: Inference, tables: readonly string[]): Tensor[] {
  const inNodes = inference.graph.nodes.flatMap(({ op, attributes }) => {
    const value = op === "Constant" ? attributes.get("value") : undefined;
    return value?.kind === "tensor" && value.value.type !== "string"
      ? [{ shape: value.value.shape, data: decodeTensor(value.value) }]
      : [];
  });
  const arrays = [...inference.graph.initializers.values()].filter(({ inline }) => inline === true);
  const inArrays = arrays.map((tensor) => ({ shape: tensor.shape, data: decodeTensor(tensor) }));
  return [...tables.map(numbersIn(inference)), ...inNodes, ...inArrays].filter(
    (table) => !sameEverywhere(table),
  );
}

/** Stored tensors that the graph reads as constants: indices, single numbers, uniform tensors with several readers. */
function readConstants({ inference, places, tables }: Draft): Map<string, Tensor> {
  const { graph, spec } = inference;
  const readers = readersOf(graph);
  const names = [...graph.initializers.keys()].filter(
    (name) =>
      readers.has(name) &&
      graph.initializers.get(name)?.type !== "string" &&
      !Object.hasOwn(spec.tensors, name) &&
      !tables.includes(name) &&
      places.get(name)?.transposed !== true,
  );
  return new Map(names.map((name) => [name, numbersIn(inference)(name)]));
}

/** Constants of the graph that a checkpoint holds by name, those of other numbers apart. @throws {SpecError} for indices */
async function constantsOf(draft: Draft, { path, source }: Network) {
  const numbers: Record<string, Tensor> = {};
  const changed: string[] = [];
  const places = new Map<string, { readonly name: string; readonly transposed: boolean }>();
  for (const [name, constant] of readConstants(draft)) {
    const entry = source.entries.get(name);
    if (entry === undefined || !equalShapes(entry.shape, constant.shape)) continue;
    const tensor = await source.read(name);
    const isFloat = isFloatType(draft.inference.graph.initializers.get(name)?.type ?? "string");
    const isEqual = tensor.data.every((x, i) => x === constant.data[i]);
    if (!isFloat && !isEqual)
      throw new SpecError(`${path} and the graph ${draft.path} do not belong together`, [
        {
          severity: "error",
          tensor: name,
          message: `the whole numbers of tensor "${name}" ${formatShape(entry.shape)} are others in the graph; export the graph of this checkpoint`,
        },
      ]);
    if (!isFloat) continue;
    places.set(name, { name, transposed: false });
    if (!isEqual) {
      numbers[name] = tensor;
      changed.push(name);
    }
  }
  return { numbers, changed, places };
}

const remedy = `${exportUnfolded}; if the network does not compute with the tensors that are left over, leave them out with --ignore <pattern>`;

function apartError(
  { path, inference }: Pick<Draft, "path" | "inference">,
  network: Network,
  extra: readonly string[],
  lost: readonly string[],
): SpecError {
  const { entries } = network.source;
  const shapeIn = (name: string) => formatShape(entries.get(name)?.shape ?? []);
  const initializers = inference.graph.initializers;
  const shapeOf = (name: string) => formatShape(initializers.get(name)?.shape ?? []);
  const isInBoth = (name: string) => entries.has(name) && initializers.has(name);
  const reshaped = [...new Set([...lost, ...extra])].filter(isInBoth);
  const sides = (names: readonly string[], shape: (name: string) => string) =>
    listed(names.filter((name) => !isInBoth(name)).map((name) => `"${name}" ${shape(name)}`));
  const list = [
    `only in the checkpoint: ${sides(extra, shapeIn)}`,
    `only in the graph: ${sides(lost, shapeOf)}`,
  ];
  const unread = reshaped.filter((name) => shapeIn(name) === shapeOf(name));
  const others = reshaped.filter((name) => shapeIn(name) !== shapeOf(name));
  if (unread.length > 0)
    list.push(`in the graph too, which does not compute with them: ${listed(unread)}`);
  if (others.length > 0)
    list.push(
      `of another shape: ${listed(others.map((name) => `"${name}" ${shapeIn(name)} in the checkpoint, ${shapeOf(name)} in the graph`))}`,
    );
  return new SpecError(`${network.path} and the graph ${path} do not belong together; ${remedy}`, [
    { severity: "error", message: list.join("; ") },
  ]);
}
