// A step of Celo2 on kernels. Its inputs are written channel by channel; what they are divided by goes into the rows of the first matrix, tensor
// by tensor, except for kernels, whose positions are divided by numbers of their own.

import { celo2Constants, celo2Inputs, factoredAxes } from "../features/celo2-features.ts";
import {
  type Celo2MemoryNumbers,
  channelsOf,
  factorsOf,
  type Places,
  placesOf,
  rsqrt,
} from "../features/celo2-numbers.ts";
import type { Place } from "../../kernels/wasm/static-arena.ts";
import type { KernelOutput } from "../outputs/output-layer.ts";
import type { TensorLayout, TensorPlace } from "../tensor-layout.ts";
import { type EntryKernel, entryKernel } from "./entry-kernel.ts";
import {
  type NetworkNumbers,
  type PaddedLayout,
  paddedLayout,
  type StepKernel,
  tensorViews,
} from "./step-kernel.ts";

const { momentDecays, squareDecay, gradientLimit, smallGradient, vectorInputs, epsilon } =
  celo2Constants;
const decays = momentDecays.length;
const at = channelsOf(decays);

/** One tensor of the network: its numbers, and the channels of its inputs. */
interface TensorInputs {
  readonly places: Places | null;
  readonly gradient: Float32Array;
  readonly param: Float32Array;
  readonly memory: Celo2MemoryNumbers;
  /** One a channel, [entries]. */
  readonly channels: readonly Float32Array[];
  /** Gradients within the limit, and their squares. */
  readonly bounded: Float64Array;
  readonly squares: Float64Array;
  /** Sums of squares by channel. */
  readonly sums: Float64Array;
}

/** keep * before + (1 - keep) * value, in place. */
function moveMean(mean: Float32Array, values: ArrayLike<number>, keep: number): void {
  for (let i = 0; i < mean.length; i++) mean[i] = keep * mean[i] + (1 - keep) * values[i];
}

/** Gradient, parameter, second moments and what they make with each other. */
function writePlain(tensor: TensorInputs): void {
  const { gradient, param, memory, channels, bounded, squares, sums } = tensor;
  const { second } = memory;
  const [plain, small, params] = channels;
  const [seconds, roots, scaled] = [at.second, at.root, at.scaled].map((c) => channels[c]);
  let [s0, s1, s2, s3, s4, s5] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < gradient.length; i++) {
    const x = gradient[i];
    const g = x > gradientLimit ? gradientLimit : x < -gradientLimit ? -gradientLimit : x;
    const square = g * g;
    second[i] = squareDecay * second[i] + (1 - squareDecay) * square;
    const moment = second[i];
    const root = 1 / Math.sqrt(moment + epsilon.second);
    const low = g > smallGradient ? smallGradient : g < -smallGradient ? -smallGradient : g;
    bounded[i] = g;
    squares[i] = square;
    plain[i] = g;
    small[i] = low;
    params[i] = param[i];
    seconds[i] = moment;
    roots[i] = root;
    scaled[i] = g * root;
    s0 += square;
    s1 += low * low;
    s2 += param[i] * param[i];
    s3 += moment * moment;
    s4 += root * root;
    s5 += square * root * root;
  }
  [sums[0], sums[1], sums[2]] = [s0, s1, s2];
  [sums[at.second], sums[at.root], sums[at.scaled]] = [s3, s4, s5];
}

/** Running means, and the same over the roots of second moments. */
function writeMoments({ memory, channels, bounded, sums }: TensorInputs): void {
  const size = bounded.length;
  const roots = channels[at.root];
  for (const [d, keep] of momentDecays.entries()) {
    const mean = memory.moments.subarray(d * size, (d + 1) * size);
    moveMean(mean, bounded, keep);
    const [plain, scaled] = [channels[at.moments + d], channels[at.scaledMoments + d]];
    let [s0, s1] = [0, 0];
    for (let i = 0; i < size; i++) {
      const m = mean[i];
      const over = m * roots[i];
      plain[i] = m;
      scaled[i] = over;
      s0 += m * m;
      s1 += over * over;
    }
    [sums[at.moments + d], sums[at.scaledMoments + d]] = [s0, s1];
  }
}

/** Tensors of less than two dimensions: the gradient over the root of slow second moments. */
function writeVector({ memory, channels, bounded, squares, sums }: TensorInputs): void {
  const size = bounded.length;
  for (const [d, keep] of momentDecays.entries()) {
    const mean = (memory.squares as Float32Array).subarray(d * size, (d + 1) * size);
    moveMean(mean, squares, keep);
    const channel = channels[at.factored + d];
    let sum = 0;
    for (let i = 0; i < size; i++) {
      const x = bounded[i] / Math.sqrt(mean[i] + epsilon.factored);
      channel[i] = x;
      sum += x * x;
    }
    sums[at.factored + d] = sum;
  }
}

/** Matrices: second moments of rows and columns, their roots, and gradient and means over them. */
function writeMatrix(tensor: TensorInputs, places: Places): void {
  const { memory, channels, bounded, squares, sums } = tensor;
  const { row, column } = places;
  const size = bounded.length;
  const factors = factorsOf(squares, places, celo2Constants, memory, memory);
  for (const [d, { r, c, rowFactor, columnFactor }] of factors.entries()) {
    const own = [at.factored, ...[0, 1, 2, 3, 4].map((k) => at.behind + k * decays)].map(
      (channel) => channel + d,
    );
    const [factored, rows, columns, rowRoot, columnRoot, moment] = own.map((k) => channels[k]);
    const mean = memory.moments.subarray(d * size, (d + 1) * size);
    const rootsOfRows = Float64Array.from(r, (x) => rsqrt(x, epsilon.second));
    const rootsOfColumns = Float64Array.from(c, (x) => rsqrt(x, epsilon.second));
    let [s0, s1, s2, s3, s4, s5] = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < size; i++) {
      const [p, q] = [row[i], column[i]];
      const factor = rowFactor[p] * columnFactor[q];
      const [g, m] = [bounded[i] * factor, mean[i] * factor];
      const [ofRow, ofColumn] = [r[p], c[q]];
      const [rootRow, rootColumn] = [rootsOfRows[p], rootsOfColumns[q]];
      factored[i] = g;
      rows[i] = ofRow;
      columns[i] = ofColumn;
      rowRoot[i] = rootRow;
      columnRoot[i] = rootColumn;
      moment[i] = m;
      s0 += g * g;
      s1 += ofRow * ofRow;
      s2 += ofColumn * ofColumn;
      s3 += rootRow * rootRow;
      s4 += rootColumn * rootColumn;
      s5 += m * m;
    }
    for (const [k, sum] of [s0, s1, s2, s3, s4, s5].entries()) sums[own[k]] = sum;
  }
}

/** Divides every channel by its root mean square over the entries of the same group. */
function divideByGroup(channels: readonly Float32Array[], { group, groups }: Places): void {
  const share = groups / group.length;
  const factors = new Float64Array(groups);
  for (const channel of channels) {
    factors.fill(0);
    for (let i = 0; i < channel.length; i++) factors[group[i]] += channel[i] ** 2;
    for (let k = 0; k < groups; k++) factors[k] = rsqrt(factors[k] * share, epsilon.input);
    for (let i = 0; i < channel.length; i++) channel[i] *= factors[group[i]];
  }
}

/** Writes the inputs of a tensor and moves its memory; what remains to multiply every channel by. */
function writeInputs(tensor: TensorInputs, factors: Float64Array): void {
  const { places, channels, sums, bounded } = tensor;
  writePlain(tensor);
  writeMoments(tensor);
  if (places === null) writeVector(tensor);
  else writeMatrix(tensor, places);
  const count = places === null ? vectorInputs : celo2Inputs;
  factors.fill(0);
  if (places !== null && places.groups > 1) {
    divideByGroup(channels, places);
    factors.fill(1);
    return;
  }
  for (let c = 0; c < count; c++) factors[c] = rsqrt(sums[c] / bounded.length, epsilon.input);
}

export interface Celo2StepOptions {
  readonly layout: TensorLayout;
  /** Inputs, then the width of every dense layer. */
  readonly widths: readonly number[];
  readonly last: KernelOutput["tensors"];
  /** Length of a step, and what is added to mean squares of directions. */
  readonly rate: number;
  readonly epsilon: number;
  /** Shapes of the memory of a tensor. */
  readonly memoryShapes: (
    shape: readonly number[],
  ) => Readonly<Record<string, readonly number[] | undefined>>;
}

/** The memory of a tensor, zeros. */
function emptyMemory(
  { shape }: TensorPlace,
  shapes: Celo2StepOptions["memoryShapes"],
): Celo2MemoryNumbers {
  const parts = Object.entries(shapes(shape)).flatMap(([part, size]) =>
    size === undefined
      ? []
      : [[part, new Float32Array(size.reduce((product, length) => product * length, 1))]],
  );
  return Object.fromEntries(parts) as unknown as Celo2MemoryNumbers;
}

/** The kernel, the tensors of its inputs, and vectors of parameters and gradients. */
function placedKernel(
  { layout, last, memoryShapes }: Celo2StepOptions,
  padded: PaddedLayout,
  widths: readonly number[],
) {
  const { entries } = padded;
  let source: Place = { address: 0, size: 0 };
  const kernel = entryKernel({
    layout: padded,
    total: layout.total,
    widths,
    last,
    place: ({ floats }) => {
      source = floats(celo2Inputs * entries);
      return { source };
    },
  });
  const inputs = kernel.numbers(source);
  const vectors = [new Float32Array(entries), new Float32Array(entries)];
  const [params, gradients] = vectors.map((vector) => tensorViews(padded, vector));
  const tensors = layout.tensors.map((place, t): TensorInputs => {
    const { size, shape } = place;
    const axes = factoredAxes(shape);
    const begin = padded.tensors[t].at;
    return {
      places: axes === null ? null : placesOf(shape, axes),
      gradient: gradients[t],
      param: params[t],
      memory: emptyMemory(place, memoryShapes),
      channels: Array.from({ length: celo2Inputs }, (_, c) =>
        inputs.subarray(c * entries + begin, c * entries + begin + size),
      ),
      bounded: new Float64Array(size),
      squares: new Float64Array(size),
      sums: new Float64Array(celo2Inputs),
    };
  });
  return { kernel, params, gradients, tensors };
}

/** Layers of theta: the first one's matrix times factors, of the last one the outputs that are kept. */
function denseTheta({ layers }: EntryKernel, given: readonly number[], kept: readonly number[]) {
  const [first, ...others] = layers;
  const weight = new Float32Array(first.weight.length);
  return {
    set(prepared: NetworkNumbers) {
      weight.set(prepared["dense0.weight"]);
      first.bias.set(prepared["dense0.bias"]);
      for (const [i, layer] of others.entries()) {
        const matrix = prepared[`dense${i + 1}.weight`];
        const [outputs, own] = [given[i + 2], kept[i + 2]];
        for (let k = 0; k < layer.weight.length; k++)
          layer.weight[k] = matrix[Math.floor(k / own) * outputs + (k % own)];
        layer.bias.set(prepared[`dense${i + 1}.bias`].subarray(0, own));
      }
    },
    setFactors(factors: Float64Array) {
      for (let c = 0, k = 0; c < factors.length; c++)
        for (let o = 0; o < kept[1]; o++, k++) first.weight[k] = weight[k] * factors[c];
    },
  };
}

/** A step of Celo2; without an equivariant layer behind them, the first output of the dense layers is the direction. */
export function celo2Step(options: Celo2StepOptions): StepKernel {
  const { layout, widths, last, rate } = options;
  const padded = paddedLayout(layout);
  const kept = last === undefined ? [...widths.slice(0, -1), 1] : widths;
  const { kernel, params, gradients, tensors } = placedKernel(options, padded, kept);
  const theta = denseTheta(kernel, widths, kept);
  const factors = new Float64Array(celo2Inputs);
  const everyMemory = (body: (own: Float32Array, key: string) => void) => {
    for (const [t, { memory }] of tensors.entries())
      for (const [part, own] of Object.entries(memory as unknown as NetworkNumbers))
        body(own, `${part}/${layout.tensors[t].name}`);
  };
  return {
    params,
    gradients,
    setTheta(prepared) {
      theta.set(prepared);
      kernel.setLast(prepared);
    },
    load: (state) => everyMemory((own, key) => own.set(state[key])),
    save: (state) => everyMemory((own, key) => state[key].set(own)),
    step() {
      for (const [t, tensor] of tensors.entries()) {
        writeInputs(tensor, factors);
        theta.setFactors(factors);
        kernel.runEntries(t);
      }
      const directions = kernel.outputs();
      for (const [t, { at: begin, size }] of padded.tensors.entries()) {
        let square = 0;
        for (let i = begin; i < begin + size; i++) square += directions[i] * directions[i];
        const length = rate / Math.sqrt(square / size + options.epsilon);
        const own = params[t];
        for (let i = 0; i < size; i++) own[i] -= length * directions[begin + i];
      }
    },
  };
}
