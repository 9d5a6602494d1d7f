// Trains the small network on two half moons, by gradient descent written out: Adam on all examples at once.

import { randomStream, type Weights } from "weightspace";
import { type Example, layers, sizes } from "./network.ts";

const exampleCount = 240;
const passes = 900;
const rate = 0.03;
const [beta1, beta2] = [0.9, 0.999];

/** Two half moons that hold each other, with noise. */
export function moons(seed: number): Example[] {
  const random = randomStream(seed);
  return Array.from({ length: exampleCount }, (_, i) => {
    const inside = i % 2 === 0;
    const angle = Math.PI * random.uniform();
    const [x, y] = inside
      ? [Math.cos(angle) - 0.45, Math.sin(angle) - 0.25]
      : [0.45 - Math.cos(angle), 0.25 - Math.sin(angle)];
    return { x: x + 0.09 * random.normal(), y: y + 0.09 * random.normal(), inside };
  });
}

interface Layer {
  readonly rows: number;
  readonly columns: number;
  readonly weight: Float64Array;
  readonly bias: Float64Array;
}

function firstLayers(seed: number): Layer[] {
  const random = randomStream(seed);
  return layers.map((_, i) => {
    const [columns, rows] = [sizes[i], sizes[i + 1]];
    const scale = Math.sqrt(1 / columns);
    return {
      rows,
      columns,
      weight: Float64Array.from({ length: rows * columns }, () => 1.6 * scale * random.normal()),
      bias: Float64Array.from({ length: rows }, () => 0.3 * random.normal()),
    };
  });
}

/** Adds the gradient of the loss of one example to `sums`, layer by layer. */
function addGradient(
  network: readonly Layer[],
  { x, y, inside }: Example,
  sums: readonly Layer[],
): void {
  const values: Float64Array[] = [Float64Array.of(x, y)];
  for (const [at, { rows, columns, weight, bias }] of network.entries()) {
    const below = values[at];
    values.push(
      Float64Array.from({ length: rows }, (_, i) => {
        let sum = bias[i];
        for (let j = 0; j < columns; j++) sum += weight[i * columns + j] * below[j];
        return at === network.length - 1 ? 1 / (1 + Math.exp(-sum)) : Math.tanh(sum);
      }),
    );
  }
  let gradient = Float64Array.of(values[network.length][0] - (inside ? 1 : 0));
  for (let at = network.length - 1; at >= 0; at--) {
    const { rows, columns, weight } = network[at];
    const below = values[at];
    const next = new Float64Array(columns);
    for (let i = 0; i < rows; i++) {
      sums[at].bias[i] += gradient[i];
      for (let j = 0; j < columns; j++) {
        sums[at].weight[i * columns + j] += gradient[i] * below[j];
        next[j] += gradient[i] * weight[i * columns + j];
      }
    }
    gradient = next.map((value, j) => value * (1 - below[j] ** 2));
  }
}

const zeros = (network: readonly Layer[]): Layer[] =>
  network.map(({ rows, columns }) => ({
    rows,
    columns,
    weight: new Float64Array(rows * columns),
    bias: new Float64Array(rows),
  }));

/** Trains from a seed. @returns the weights under the names of the spec */
export function fitMoons(examples: readonly Example[], seed: number): Weights {
  const network = firstLayers(seed);
  const [means, squares] = [zeros(network), zeros(network)];
  for (let pass = 1; pass <= passes; pass++) {
    const sums = zeros(network);
    for (const example of examples) addGradient(network, example, sums);
    for (const [at, layer] of network.entries()) {
      for (const part of ["weight", "bias"] as const) {
        const [now, mean, square] = [layer[part], means[at][part], squares[at][part]];
        for (let i = 0; i < now.length; i++) {
          const gradient = sums[at][part][i] / examples.length;
          mean[i] = beta1 * mean[i] + (1 - beta1) * gradient;
          square[i] = beta2 * square[i] + (1 - beta2) * gradient ** 2;
          const step = mean[i] / (1 - beta1 ** pass);
          now[i] -= (rate * step) / (Math.sqrt(square[i] / (1 - beta2 ** pass)) + 1e-8);
        }
      }
    }
  }
  return Object.fromEntries(
    network.flatMap(({ rows, columns, weight, bias }, at) => [
      [`${layers[at]}.weight`, { shape: [rows, columns], data: Float32Array.from(weight) }],
      [`${layers[at]}.bias`, { shape: [rows], data: Float32Array.from(bias) }],
    ]),
  );
}
