// Thetas of Celo2 as its authors and others publish them: `theta.state` of flax (MessagePack), and safetensors of PyTorch modules with the same
// layers. Nothing else is read: other optimizers of the same family have features that are not built here.

import { UnsupportedError } from "../core/errors.ts";
import { formatShape } from "../core/shapes.ts";
import type { HostRecord } from "../engine/arrays.ts";
import { toFloat32 } from "../formats/safetensors/safetensors-dtypes.ts";
import type { SafetensorsFile } from "../formats/safetensors/safetensors.ts";
import { readFlaxArrays } from "./flax-msgpack.ts";
import { celo2Widths as widths } from "./kinds/celo2.ts";
import { optimizerKind } from "./registry.ts";
import type { ThetaFile } from "./theta-file.ts";

type Arrays = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: Float32Array }
>;

/** Whether bytes that are not safetensors may be a state of flax, which begins with a map. */
export const isFlaxState = (bytes: Uint8Array): boolean =>
  (bytes[0] & 0xf0) === 0x80 || bytes[0] === 0xde || bytes[0] === 0xdf;

const describe = (arrays: Arrays): string =>
  [...arrays]
    .slice(0, 8)
    .map(([name, { shape }]) => `${name} ${formatShape(shape)}`)
    .join(", ");

function refuse(arrays: Arrays): never {
  throw new UnsupportedError(
    `readPublishedTheta: expected Celo2's layers ${widths.join("-")}, got ${describe(arrays)}${arrays.size > 8 ? `, and ${arrays.size - 8} more` : ""}; Celo, VeLO, muLO and ELO have parts that are not built here`,
  );
}

/** The last part of a name such as `params/mlp/w0__3`. */
const leaf = (name: string): string =>
  name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf(".")) + 1);

/** The first layer of flax: one array a group of inputs, `w0__0`, `w0__1`, ..., in the order of the groups. */
function joinedGroups(arrays: Arrays): { shape: number[]; data: Float32Array } | undefined {
  const groups = [...arrays]
    .filter(([name]) => /^w0__\d+$/.test(leaf(name)))
    .map(([name, array]) => ({ at: Number(leaf(name).slice(4)), ...array }))
    .toSorted((a, b) => a.at - b.at);
  if (groups.length === 0) return undefined;
  if (groups.some(({ shape }) => shape.length !== 2 || shape[1] !== widths[1])) return undefined;
  return {
    shape: [groups.reduce((sum, { shape }) => sum + shape[0], 0), widths[1]],
    data: Float32Array.from(groups.flatMap(({ data }) => [...data])),
  };
}

/** Arrays of flax by their leaves: weights [inputs, outputs]. */
function fromFlax(arrays: Arrays): HostRecord {
  const byLeaf = new Map([...arrays].map(([name, array]) => [leaf(name), array]));
  const first = joinedGroups(arrays) ?? byLeaf.get("w0");
  const known = [...byLeaf.keys()].filter((name) => !name.startsWith("w0"));
  const expected = ["b0", "w1", "b1", "w2", "b2"];
  if (first === undefined || known.length !== expected.length) return refuse(arrays);
  const weights = [first, byLeaf.get("w1"), byLeaf.get("w2")];
  const biases = [0, 1, 2].map((at) => byLeaf.get(`b${at}`));
  return layersOf(arrays, weights, biases);
}

/** Layers of PyTorch in the order of their names: weights [outputs, inputs]. */
function fromTorch(arrays: Arrays): HostRecord {
  const named = (ending: string) =>
    [...arrays].filter(([name]) => leaf(name) === ending).map(([, array]) => array);
  const [weights, biases] = [named("weight"), named("bias")];
  if (weights.length !== 3 || biases.length !== 3 || arrays.size !== 6) return refuse(arrays);
  const turned = weights.map(({ shape, data }) => {
    const [rows, columns] = shape;
    const values = Float32Array.from(
      data,
      (_, i) => data[(i % rows) * columns + Math.floor(i / rows)],
    );
    return { shape: [columns, rows], data: values };
  });
  return layersOf(arrays, turned, biases);
}

type Found = { readonly shape: readonly number[]; readonly data: Float32Array } | undefined;

function layersOf(arrays: Arrays, weights: readonly Found[], biases: readonly Found[]): HostRecord {
  const entries = weights.flatMap((weight, at) => [
    [`dense${at}.weight`, weight, [widths[at], widths[at + 1]]] as const,
    [`dense${at}.bias`, biases[at], [widths[at + 1]]] as const,
  ]);
  return Object.fromEntries(
    entries.map(([name, found, shape]) => {
      if (found === undefined || formatShape(found.shape) !== formatShape(shape))
        return refuse(arrays);
      return [name, { shape, data: found.data }];
    }),
  );
}

/**
 * Celo2's theta from the bytes of `theta.state`, or from safetensors.
 * @throws {FormatError} when the bytes are damaged; {UnsupportedError} naming the arrays when they are another optimizer's
 */
export function readPublishedTheta(source: Uint8Array | SafetensorsFile): ThetaFile {
  if (source instanceof Uint8Array)
    return celo2File(fromFlax(readFlaxArrays(source)), "a state of flax");
  const arrays: Arrays = new Map(
    [...source.tensors].map(([name, tensor]) => [
      name,
      { shape: [...tensor.shape], data: toFloat32(tensor) },
    ]),
  );
  return celo2File(fromTorch(arrays), "safetensors of another package");
}

const celo2File = (theta: HostRecord, source: string): ThetaFile => ({
  kind: "celo2",
  features: optimizerKind("celo2").features,
  tensors: null,
  training: { source },
  theta,
});
