// What `convert` writes: every tensor of the second file, made of the first one's numbers.

import { SpecError, UnsupportedError } from "../../core/errors.ts";
import { equalShapes, formatShape, sizeOf } from "../../core/shapes.ts";
import type { Tensor } from "../../core/tensors.ts";
import { narrow } from "../../formats/narrow.ts";
import {
  makeTensorSource,
  type TensorEntry,
  type TensorSource,
} from "../../formats/tensor-source.ts";
import { widen } from "../../formats/widen.ts";
import { isCounter } from "../compare-structure.ts";
import type { BlockOrders } from "./block-orders.ts";
import { groupsOf } from "./composed.ts";
import { isPlain } from "./conversion.ts";
import { makeTensor } from "./make-tensor.ts";
import type { PlannedConversion } from "./plan-conversion.ts";

export interface WritableOptions {
  /** Take the second file's numbers where the first has none. @default false */
  readonly fill?: boolean;
  /** The order of the second file's blocks. @default that of the first */
  readonly orders?: Pick<BlockOrders, "inOrder" | "moved">;
}

interface Written {
  readonly dtype: TensorEntry["dtype"];
  readonly shape: readonly number[];
  readonly load: () => Promise<Uint8Array>;
}

/**
 * The first file in the form of the second, `second`, tensor by tensor; `filled` names what was taken of the second.
 * @throws {SpecError} naming the tensors that the first file has no numbers for
 */
export function writableSource(
  plan: PlannedConversion,
  second: TensorSource,
  { fill = false, orders }: WritableOptions = {},
): { readonly source: TensorSource; readonly filled: readonly string[] } {
  const written = new Map<string, Written>();
  const filled: string[] = [];
  const problems: string[] = [];
  const fromSecond = (name: string) => {
    const entry = second.entries.get(name) as TensorEntry;
    written.set(name, { ...entry, load: async () => (await second.readStored(name)).data });
  };
  for (const name of second.entries.keys()) {
    const made = madeOf(plan, second, name, fill);
    const isFilled = fill && isShorter(plan, second, name);
    if (isFilled) filled.push(name);
    if (typeof made !== "string")
      written.set(name, orders?.moved.has(name) === true ? inBlockOrder(name, made, orders) : made);
    else if (fill || isCounter(name)) {
      fromSecond(name);
      if (!isCounter(name)) filled.push(name);
    } else problems.push(made);
  }
  if (plan.unsure.length > 0)
    throw new SpecError(
      "convert: some matrices are square, and nothing says whether they are transposed as others are; give a second file of the same numbers",
      plan.unsure.map((tensor) => ({ severity: "error", tensor, message: `"${tensor}"` })),
    );
  const quantised = [...plan.b.composites].filter(([, { kind }]) => kind === "quantise");
  if (problems.length > 0 && quantised.length > 0)
    throw new UnsupportedError(
      `convert: "${quantised[0][0]}"${quantised.length > 1 ? ` and ${quantised.length - 1} more tensors are` : " is"} quantised in the second file: quantised forms are read, not written; give a second file with plain numbers (F32, F16 or BF16), and quantise what is written with the tool that made it`,
    );
  if (problems.length > 0)
    throw new SpecError(
      "convert: the first file has no numbers for some tensors of the second (take those with --fill-from-b)",
      problems.map((message) => ({ severity: "error", message })),
    );
  const source = makeTensorSource({
    file: { location: plan.a.location },
    format: plan.a.format,
    entries: written,
    load: async (name) => (written.get(name) as Written).load(),
  });
  return { source, filled };
}

/** A tensor with its blocks in the order of the second file. */
function inBlockOrder(
  name: string,
  { dtype, shape, load }: Written,
  { inOrder }: Pick<BlockOrders, "inOrder">,
): Written {
  const read = inOrder(async () => widen({ dtype, shape, data: await load() }, name));
  return { dtype, shape, load: async () => narrow(await read(name), dtype, name).data };
}

/** Whether the first file has fewer rows of a vocabulary. */
const isShorter = ({ commonRows }: PlannedConversion, { entries }: TensorSource, name: string) =>
  (commonRows.get(name) ?? Infinity) < (entries.get(name)?.shape[0] ?? 0);

/** How a tensor is written; the reason when it cannot be. */
function madeOf(
  plan: PlannedConversion,
  second: TensorSource,
  name: string,
  fill: boolean,
): Written | string {
  const { a, b, recipes, commonRows } = plan;
  const shape = second.entries.get(name)?.shape ?? [];
  const recipe = recipes.get(name);
  if (recipe !== undefined && b.composites.has(name))
    return `"${name}" is quantised in the second file`;
  if (recipe !== undefined && !commonRows.has(name)) {
    const { tensor } = recipe.pieces[0];
    const dtype = a.entries.get(tensor)?.dtype ?? "F32";
    const load = async () =>
      isPlain(recipe) && equalShapes(recipe.shape, a.entries.get(tensor)?.shape ?? [])
        ? (await a.readStored(tensor)).data
        : narrow(await makeTensor(recipe, a.read), dtype, name).data;
    return { dtype, shape, load };
  }
  if (recipe !== undefined) return rowsOf(plan, second, name, fill);
  return partOf(plan, name, shape) ?? `"${name}" ${formatShape(shape)} is only in the second file`;
}

/** A vocabulary of other length: the first file's rows, cut or, where it may be, filled. */
function rowsOf(
  { a, recipes }: PlannedConversion,
  second: TensorSource,
  name: string,
  fill: boolean,
): Written | string {
  const tensor = recipes.get(name)?.pieces[0].tensor ?? name;
  const [shapeOfA, shape] = [
    a.entries.get(tensor)?.shape ?? [],
    second.entries.get(name)?.shape ?? [],
  ];
  const dtype = a.entries.get(tensor)?.dtype ?? "F32";
  if (shapeOfA[0] < shape[0] && !fill)
    return `"${name}" has ${shape[0]} rows, and the first file has numbers for ${shapeOfA[0]}`;
  const load = async () => {
    const data = (
      shapeOfA[0] < shape[0] ? await second.read(name) : await a.read(tensor)
    ).data.slice(0, sizeOf(shape));
    if (shapeOfA[0] < shape[0]) data.set((await a.read(tensor)).data);
    return narrow({ shape, data }, dtype, name).data;
  };
  return { dtype, shape, load };
}

/** Length or direction of a weight that the first file has whole. */
function partOf(
  { a, b, recipes }: PlannedConversion,
  name: string,
  shape: readonly number[],
): Written | undefined {
  const found = [...b.composites].find(
    ([, { kind, parts }]) => kind === "decompose" && parts.includes(name),
  );
  const recipe = found && recipes.get(found[0]);
  if (found === undefined || recipe === undefined) return undefined;
  const isLength = found[1].parts[0] === name;
  const load = async () => {
    const made = await makeTensor(recipe, a.read);
    return narrow(isLength ? lengthsOf(made, shape) : made, "F32", name).data;
  };
  return { dtype: "F32", shape, load };
}

/** Norms of a weight along the dimensions in which the lengths have size 1. */
function lengthsOf({ shape, data }: Tensor, lengths: readonly number[]): Tensor {
  const group = groupsOf(shape, lengths.length === shape.length ? lengths : shape.map(() => 1));
  const result = new Float64Array(sizeOf(lengths));
  for (const [i, x] of data.entries()) result[group(i)] += x * x;
  return { shape: lengths, data: result.map(Math.sqrt) };
}
