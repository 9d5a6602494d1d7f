// The symmetries of the Small Transformer Zoo's networks (Transformer-NFN, Tran et al. 2025), from the names of their
// tensors. Blocks have no residual connections and their normalisations no weights, so every block has its own axes: the
// output of attention, the hidden layer, the output. Left out: scales of ReLU units and maps of query and value spaces.

import { UnsupportedError } from "../../core/errors.ts";
import { formatShape } from "../../core/shapes.ts";
import type { NamedShape } from "../../infer/names/template.ts";
import { defineSpec } from "../../symmetry/spec.ts";
import type { Axis, SymmetrySpec } from "../../symmetry/types.ts";

/** Attention heads of every published network; names and shapes do not tell. */
export const publishedHeads = 2;

/** The table of positions is the same in all networks and never trained. */
export const isUntrained = (name: string): boolean => name === "embedding.pos_embedding";

const isBlock = /^encoder\.(\d+)\./;

/** Whether tensors of these names are such a network's. */
export const isTransformerZooNetwork = (names: Iterable<string>): boolean =>
  [...names].includes("encoder.0.attention.queries.weight");

/** Says why these are not the published networks. */
const fail = (what: string): never => {
  throw new UnsupportedError(
    `transformerZooSpec: ${what}; these are not the published networks, give their symmetries with --spec`,
  );
};

/** Shapes by name, of a rank that is known. @throws {UnsupportedError} naming a tensor that is missing or of another rank */
type ShapeOf = (name: string, rank: number) => readonly number[];

/** Axes, and the expressions of tensors. */
interface SpecParts {
  readonly axes: Record<string, Axis>;
  readonly tensors: Record<string, string[]>;
}

/**
 * The spec of the trained tensors. What the first block reads stays in its order: fixed positions are added to it.
 * @throws {UnsupportedError} naming a tensor that is missing, unknown or of another shape.
 */
export function transformerZooSpec(
  tensors: readonly NamedShape[],
  heads: number = publishedHeads,
): SymmetrySpec {
  const trained = tensors.filter(({ name }) => !isUntrained(name));
  const shapes = new Map(trained.map(({ name, shape }) => [name, shape]));
  const shapeOf: ShapeOf = (name, rank) => {
    const shape = shapes.get(name) ?? fail(`there is no tensor "${name}"`);
    return shape.length === rank
      ? shape
      : fail(`tensor "${name}" expected ${rank} dimensions, got shape ${formatShape(shape)}`);
  };
  const blocks = blockCount(trained);
  const parts = [
    ...(shapes.has("embedding.conv1.weight") ? [embeddingParts(shapeOf)] : []),
    inputParts(shapeOf),
    ...Array.from({ length: blocks }, (_, block) => blockParts(block, heads, shapeOf)),
    classifierParts(blocks, shapeOf),
  ];
  const axes: SpecParts["axes"] = Object.assign({}, ...parts.map((part) => part.axes));
  const axesOf: SpecParts["tensors"] = Object.assign({}, ...parts.map((part) => part.tensors));
  const unknown = trained.find(({ name }) => !Object.hasOwn(axesOf, name));
  if (unknown !== undefined) return fail(`tensor "${unknown.name}" is not known`);
  const missing = Object.keys(axesOf).find((name) => !shapes.has(name));
  if (missing !== undefined) return fail(`there is no tensor "${missing}"`);
  const spec = defineSpec({ axes, tensors: axesOf });
  for (const [name, { shape }] of Object.entries(spec.tensors)) {
    const got = shapeOf(name, shape.length);
    if (shape.some((size, dim) => size !== got[dim]))
      return fail(`tensor "${name}" expected shape ${formatShape(shape)}, got ${formatShape(got)}`);
  }
  return spec;
}

/** The convolution that makes patches. */
function embeddingParts(shapeOf: ShapeOf): SpecParts {
  const [, channels, height, width] = shapeOf("embedding.conv1.weight", 4);
  return {
    axes: { pixel: fixed(channels) },
    tensors: {
      "embedding.conv1.weight": ["d0", "pixel", String(height), String(width)],
      "embedding.conv1.bias": ["d0"],
    },
  };
}

/** What the first block reads. */
const inputParts = (shapeOf: ShapeOf): SpecParts => ({
  axes: { d0: fixed(shapeOf("encoder.0.attention.queries.weight", 2)[1]) },
  tensors: {},
});

function blockParts(block: number, heads: number, shapeOf: ShapeOf): SpecParts {
  const size = (name: string) => shapeOf(`encoder.${block}.${name}.weight`, 2)[0];
  const [inner, values] = [size("attention.queries"), size("attention.values")];
  if (inner % heads !== 0 || values % heads !== 0)
    return fail(
      `${inner} query and ${values} value rows of block ${block} are no multiple of ${heads} heads`,
    );
  const within = `head${block}`;
  return {
    axes: {
      [within]: permuted(heads),
      [`qk${block}`]: { ...permuted(inner / heads), within },
      [`v${block}`]: { ...permuted(values / heads), within },
      [`o${block}`]: permuted(size("attention.out_projection")),
      [`ff${block}`]: permuted(size("fc1")),
      [`d${block + 1}`]: permuted(size("fc2")),
    },
    tensors: blockTensors(block),
  };
}

/** The two layers after the last block. */
function classifierParts(blocks: number, shapeOf: ShapeOf): SpecParts {
  return {
    axes: {
      c: permuted(shapeOf("classifier.fc1.weight", 2)[0]),
      out: fixed(shapeOf("classifier.fc2.weight", 2)[0]),
    },
    tensors: {
      "classifier.fc1.weight": ["c", `d${blocks}`],
      "classifier.fc1.bias": ["c"],
      "classifier.fc2.weight": ["out", "c"],
      "classifier.fc2.bias": ["out"],
    },
  };
}

/** One more than the largest number of a block. */
function blockCount(trained: readonly NamedShape[]): number {
  const numbers = trained.flatMap(({ name }) => {
    const match = isBlock.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
  return Math.max(-1, ...numbers) + 1;
}

const fixed = (size: number): Axis => ({ size, group: "fixed" });
const permuted = (size: number): Axis => ({ size, group: "permutation" });

/** The axes of the tensors of one block. */
function blockTensors(block: number): Record<string, string[]> {
  const at = `encoder.${block}`;
  const [queries, values] = [`head${block} * qk${block}`, `head${block} * v${block}`];
  return {
    [`${at}.attention.queries.weight`]: [queries, `d${block}`],
    [`${at}.attention.keys.weight`]: [queries, `d${block}`],
    [`${at}.attention.values.weight`]: [values, `d${block}`],
    [`${at}.attention.out_projection.weight`]: [`o${block}`, values],
    [`${at}.fc1.weight`]: [`ff${block}`, `o${block}`],
    [`${at}.fc1.bias`]: [`ff${block}`],
    [`${at}.fc2.weight`]: [`d${block + 1}`, `ff${block}`],
    [`${at}.fc2.bias`]: [`d${block + 1}`],
  };
}
