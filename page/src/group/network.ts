// A small network with its function: two inputs, two hidden layers of tanh, one number between 0 and 1.

import { type GroupElement, actOn, actOnTensor, mlpSpec, type Weights } from "weightspace";

/** Units of the layers, the first and the last fixed. */
export const sizes = [2, 6, 5, 1] as const;

/** Its symmetries: S_6 and S_5 act on the hidden layers. */
export const spec = mlpSpec(sizes);

/** Names of its layers, as its tensors have them. */
export const layers = sizes.slice(1).map((_, i) => `fc${i + 1}`);

/** Points of the plane that it tells apart, with their class. */
export interface Example {
  readonly x: number;
  readonly y: number;
  readonly inside: boolean;
}

/** The tensor that is moved alone when the tie is broken. */
export const tornTensor = "fc1.weight";

/** The weights after an element acted on them; on one tensor alone when the tie is broken. */
export function moved(weights: Weights, element: GroupElement, torn: boolean): Weights {
  if (!torn) return actOn(spec, element, weights);
  const tensor = weights[tornTensor];
  return { ...weights, [tornTensor]: actOnTensor(spec, element, tornTensor, tensor) };
}

/** The network as a function of the plane. */
export function functionOf(weights: Weights): (x: number, y: number) => number {
  const matrices = layers.map((layer) => ({
    weight: weights[`${layer}.weight`],
    bias: weights[`${layer}.bias`].data,
  }));
  return (x, y) => {
    let values = [x, y];
    for (const [at, { weight, bias }] of matrices.entries()) {
      const [rows, columns] = weight.shape;
      const next: number[] = [];
      for (let i = 0; i < rows; i++) {
        let sum = bias[i];
        for (let j = 0; j < columns; j++) sum += weight.data[i * columns + j] * values[j];
        next.push(at === matrices.length - 1 ? 1 / (1 + Math.exp(-sum)) : Math.tanh(sum));
      }
      values = next;
    }
    return values[0];
  };
}

/** Cells of the map along one side. */
export const mapSide = 96;
/** The map shows the square from -reach to reach. */
export const reach = 1.75;

/** The function on a grid of the plane, rows from above. */
export function mapOf(weights: Weights): Float32Array {
  const value = functionOf(weights);
  const at = (i: number) => ((i + 0.5) / mapSide - 0.5) * 2 * reach;
  return Float32Array.from({ length: mapSide * mapSide }, (_, i) =>
    value(at(i % mapSide), -at(Math.floor(i / mapSide))),
  );
}

/** All numbers of the network in the order of its file. */
export const numbersOf = (weights: Weights): number[] =>
  Object.keys(spec.tensors).flatMap((name) => [...weights[name].data]);
