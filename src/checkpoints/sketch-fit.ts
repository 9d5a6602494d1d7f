// How a checkpoint is read under the spec of another network whose vocabulary has other rows, and which matrices are stored
// twice. Vocabulary rows are those of the fixed axis that families of language models call `vocabulary`: tokens are added
// behind the others, so that the rows both networks have are the first ones.

import { equalShapes } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { formatAxisExpression } from "../symmetry/expression.ts";
import type { AxesAndTensors } from "../symmetry/types.ts";

const vocabulary = "vocabulary";

/** Rows of the vocabulary; undefined when the spec has no fixed axis of that name. */
export function vocabularyRows({ axes }: AxesAndTensors): number | undefined {
  if (!Object.hasOwn(axes, vocabulary)) return undefined;
  const { group, size } = axes[vocabulary];
  return group === "fixed" ? size : undefined;
}

/** Names of the tensors whose first dimension is the vocabulary and whose others are not. */
function vocabularyTensors(spec: AxesAndTensors): string[] {
  if (vocabularyRows(spec) === undefined) return [];
  return Object.entries(spec.tensors).flatMap(([name, { axes }]) => {
    const [first, ...rest] = axes.map(formatAxisExpression);
    return first === vocabulary && !rest.some((text) => text.includes(vocabulary)) ? [name] : [];
  });
}

/** Vocabulary rows that a file itself has. */
export function rowsIn(
  spec: AxesAndTensors,
  { entries }: Pick<TensorSource, "entries">,
): number | undefined {
  const [name] = vocabularyTensors(spec);
  return name === undefined ? undefined : entries.get(name)?.shape[0];
}

/** The spec of the network's first vocabulary rows. */
export function withRows(spec: AxesAndTensors, rows: number): AxesAndTensors {
  const grown = new Set(vocabularyTensors(spec));
  return {
    axes: { ...spec.axes, [vocabulary]: { ...spec.axes[vocabulary], size: rows } },
    tensors: Object.fromEntries(
      Object.entries(spec.tensors).map(([name, tensor]) => [
        name,
        grown.has(name) ? { ...tensor, shape: [rows, ...tensor.shape.slice(1)] } : tensor,
      ]),
    ),
  };
}

/** A spec, and the entries of a file as far as they are read under it. */
export interface Fitted {
  readonly spec: AxesAndTensors;
  readonly entries: TensorSource["entries"];
}

/**
 * The spec, or that of the vocabulary rows which it and a file both have: when all vocabulary tensors of the file have one
 * other number of rows, and equal shapes otherwise. Any other misfit leaves spec and entries as they are.
 */
export function fitVocabulary(
  spec: AxesAndTensors,
  { entries }: Pick<TensorSource, "entries">,
): Fitted {
  const rowsOfSpec = vocabularyRows(spec);
  const names = vocabularyTensors(spec);
  const counts = new Set(names.map((name) => entries.get(name)?.shape[0]));
  const [rows] = counts;
  if (rowsOfSpec === undefined || counts.size !== 1 || rows === undefined || rows === rowsOfSpec)
    return { spec, entries };
  const isSameBehind = names.every((name) =>
    equalShapes(entries.get(name)?.shape.slice(1) ?? [], spec.tensors[name].shape.slice(1)),
  );
  if (!isSameBehind) return { spec, entries };
  const common = withRows(spec, Math.min(rows, rowsOfSpec));
  const cut = new Map(entries);
  for (const name of names) {
    const entry = entries.get(name);
    if (entry !== undefined) cut.set(name, { ...entry, shape: common.tensors[name].shape });
  }
  return { spec: common, entries: cut };
}

/** The first rows of a tensor: as many as the shape says. */
export function firstRows(tensor: Tensor, shape: readonly number[]): Tensor {
  const { data } = tensor;
  if (equalShapes(tensor.shape, shape) || shape[0] > tensor.shape[0]) return tensor;
  const size = shape.reduce((product, n) => product * n, 1);
  return { shape, data: data.subarray(0, size) };
}

/** Names of output matrices. */
const headName = /(^|\.)(lm_head|output|decoder)\.weight$/;

/**
 * The spec without an output matrix that is a copy of the token embedding, number by number: many files store the one
 * matrix of a tied model twice, others once. `copy` names it.
 */
export async function withoutTiedCopy(
  spec: AxesAndTensors,
  source: Pick<TensorSource, "read">,
): Promise<{ readonly spec: AxesAndTensors; readonly copy?: string; readonly of?: string }> {
  const names = vocabularyTensors(spec).filter((name) => spec.tensors[name].shape.length === 2);
  const head = names.find((name) => headName.test(name));
  const table = names.find((name) => !headName.test(name));
  if (head === undefined || table === undefined) return { spec };
  const axesOf = (name: string) => spec.tensors[name].axes.map(formatAxisExpression).join();
  if (axesOf(head) !== axesOf(table)) return { spec };
  const [a, b] = [await source.read(head), await source.read(table)];
  if (!equalShapes(a.shape, b.shape) || !a.data.every((value, i) => value === b.data[i]))
    return { spec };
  const tensors = Object.fromEntries(
    Object.entries(spec.tensors).filter(([name]) => name !== head),
  );
  return { spec: { axes: spec.axes, tensors }, copy: head, of: table };
}

/** The same with the file: an output matrix that is a copy of the token embedding is in neither. */
export async function withoutCopy(
  spec: AxesAndTensors,
  source: TensorSource,
): Promise<{
  readonly spec: AxesAndTensors;
  readonly source: TensorSource;
  readonly copy?: string;
  readonly of?: string;
}> {
  const once = await withoutTiedCopy(spec, source);
  if (once.copy === undefined) return { ...once, source };
  const entries = new Map([...source.entries].filter(([name]) => name !== once.copy));
  return { ...once, source: { ...source, entries } };
}
