// A step of Celo2 on kernels. What its inputs are divided by goes into the rows of the first matrix, part by part: tensors, and for kernels
// of convolutions every position by itself.

import {
  type FactoredInputs,
  writeMatrixInputs,
  writeVectorInputs,
} from "../../kernels/optimizers/factored-inputs.ts";
import type { Place } from "../../kernels/wasm/static-arena.ts";
import { celo2Constants, celo2Inputs, factoredAxes } from "../features/celo2-features.ts";
import {
  type Celo2MemoryNumbers,
  channelsOf,
  type Places,
  placesOf,
  rsqrt,
} from "../features/celo2-numbers.ts";
import type { KernelOutput } from "../outputs/output-layer.ts";
import type { TensorLayout } from "../tensor-layout.ts";
import { type EntryKernel, entryKernel } from "./entry-kernel.ts";
import {
  type NetworkNumbers,
  pad,
  type PaddedLayout,
  paddedLayout,
  type PaddedPart,
  type StepKernel,
  unpad,
} from "./step-kernel.ts";

const { momentDecays, gradientLimit, vectorInputs, epsilon } = celo2Constants;
const decays = momentDecays.length;

export interface Celo2StepOptions {
  readonly layout: TensorLayout;
  /** Inputs, then the width of every dense layer. */
  readonly widths: readonly number[];
  readonly last: KernelOutput["tensors"];
  /** Length of a step, and what is added to mean squares of directions. */
  readonly rate: number;
  readonly epsilon: number;
}

/** What is known of one tensor. */
interface TensorParts {
  readonly size: number;
  readonly places: Places | null;
  /** Second moments of rows and columns, three decays each; nothing for vectors. */
  readonly memory: Pick<Celo2MemoryNumbers, "rows" | "columns">;
  /** Sums of squares of gradients, by row and by column, and of moments by group. */
  readonly sums: Readonly<Record<"rows" | "columns" | "groups", Float64Array>>;
}

const tensorParts = ({ tensors }: TensorLayout): TensorParts[] =>
  tensors.map(({ shape, size }) => {
    const axes = factoredAxes(shape);
    const places = axes === null ? null : placesOf(shape, axes);
    const { rows = 0, columns = 0, groups = 0 } = places ?? {};
    const sums = {
      rows: new Float64Array(rows),
      columns: new Float64Array(columns),
      groups: new Float64Array(groups),
    };
    const memory = {
      rows: new Float32Array(decays * rows),
      columns: new Float32Array(decays * columns),
    };
    return { size, places, sums, memory: places === null ? {} : memory };
  });

/** Entries of a tensor that are normalised together. */
function groupsOf({ places, size }: TensorParts): number[][] {
  const groups: number[][] = Array.from({ length: places?.groups ?? 1 }, () => []);
  for (let i = 0; i < size; i++) groups[places?.group[i] ?? 0].push(i);
  return groups;
}

/** Places of the kernel's arrays. */
function placeInputs(
  floats: (size: number) => Place,
  entries: number,
  tensors: readonly TensorParts[],
): FactoredInputs {
  const most = (of: (places: Places) => number) =>
    Math.max(1, ...tensors.map(({ places }) => (places === null ? 1 : of(places))));
  return {
    entries,
    source: floats(celo2Inputs * entries),
    gradient: floats(entries),
    param: floats(entries),
    moments: floats(decays * entries),
    second: floats(entries),
    squares: floats(decays * entries),
    rowOf: floats(entries),
    columnOf: floats(entries),
    rows: floats(3 * decays * most(({ rows }) => rows)),
    columns: floats(3 * decays * most(({ columns }) => columns)),
    channels: channelsOf(decays),
    decays: momentDecays,
    squareDecay: celo2Constants.squareDecay,
    gradientLimit,
    smallGradient: celo2Constants.smallGradient,
    epsilon,
  };
}

/** The kernel with views of its arrays. */
function placedKernel(
  { layout, last }: Celo2StepOptions,
  padded: PaddedLayout,
  tensors: readonly TensorParts[],
  widths: readonly number[],
) {
  let inputs: FactoredInputs | undefined;
  const kernel = entryKernel({
    layout: padded,
    tensorCount: layout.tensors.length,
    total: layout.total,
    widths,
    last,
    place: ({ floats }, module) => {
      inputs = placeInputs(floats, padded.entries, tensors);
      writeVectorInputs(module, inputs);
      writeMatrixInputs(module, inputs);
      return { source: inputs.source };
    },
  });
  const of = (
    name: "source" | "gradient" | "param" | "moments" | "second" | "squares" | "rows" | "columns",
  ) => kernel.numbers((inputs as FactoredInputs)[name]);
  const whole = (name: "rowOf" | "columnOf") => {
    const { buffer, byteOffset, length } = kernel.numbers((inputs as FactoredInputs)[name]);
    return new Int32Array(buffer, byteOffset, length);
  };
  const [rowOf, columnOf] = [whole("rowOf"), whole("columnOf")];
  for (const { tensor, at, size } of padded.parts) {
    const { places } = tensors[tensor];
    if (places === null) continue;
    for (let i = at; i < at + size; i++) {
      const own = padded.entryAt[i] - layout.tensors[tensor].start;
      rowOf[i] = 4 * places.row[own];
      columnOf[i] = 4 * places.column[own];
    }
  }
  return {
    kernel,
    source: of("source"),
    gradient: of("gradient"),
    param: of("param"),
    moments: of("moments"),
    second: of("second"),
    squares: of("squares"),
    rows: of("rows"),
    columns: of("columns"),
  };
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

/** Sums of squares of gradients, within their limit, by row and by column. */
function sumSquares({ places, sums }: TensorParts, gradients: Float32Array): void {
  const { row, column } = places as Places;
  const [ofRows, ofColumns] = [sums.rows, sums.columns];
  ofRows.fill(0);
  ofColumns.fill(0);
  for (let i = 0; i < gradients.length; i++) {
    const g = gradients[i];
    const square = g > gradientLimit || g < -gradientLimit ? gradientLimit * gradientLimit : g * g;
    ofRows[row[i]] += square;
    ofColumns[column[i]] += square;
  }
}

/** Moves the second moments of a tensor's rows and columns, and lays them out for the kernel with what they make. */
function moveFactors(
  { size, places, memory, sums }: TensorParts,
  rows: Float32Array,
  columns: Float32Array,
): void {
  const { groups, groupOfRow, rows: rowCount, columns: columnCount } = places as Places;
  const [ofRows, ofColumns] = [memory.rows as Float32Array, memory.columns as Float32Array];
  const [rowStep, columnStep] = [rows, columns].map(({ length }) => length / (3 * decays));
  const [rowShare, columnShare] = [rowCount / size, columnCount / size];
  for (const [d, kept] of momentDecays.entries()) {
    sums.groups.fill(0);
    for (let r = 0, i = d * rowCount; r < rowCount; r++, i++) {
      ofRows[i] = kept * ofRows[i] + (1 - kept) * sums.rows[r] * rowShare;
      sums.groups[groupOfRow[r]] += ofRows[i];
    }
    const ofGroup = groups / rowCount;
    for (let r = 0, i = d * rowCount, at = d * rowStep; r < rowCount; r++, i++, at++) {
      const mean = sums.groups[groupOfRow[r]] * ofGroup + epsilon.factored;
      rows[at] = 1 / Math.sqrt(ofRows[i] / mean + epsilon.factored);
      rows[at + decays * rowStep] = ofRows[i];
      rows[at + 2 * decays * rowStep] = 1 / Math.sqrt(ofRows[i] + epsilon.second);
    }
    for (let c = 0, i = d * columnCount, at = d * columnStep; c < columnCount; c++, i++, at++) {
      ofColumns[i] = kept * ofColumns[i] + (1 - kept) * sums.columns[c] * columnShare;
      columns[at] = 1 / Math.sqrt(ofColumns[i] + epsilon.factored);
      columns[at + decays * columnStep] = ofColumns[i];
      columns[at + 2 * decays * columnStep] = 1 / Math.sqrt(ofColumns[i] + epsilon.second);
    }
  }
}

/** The state by its names: vectors of all tensors in padded order, rows and columns by tensor. */
function stateAccess(
  { tensors: named, total }: TensorLayout,
  padded: PaddedLayout,
  tensors: readonly TensorParts[],
  vectors: Readonly<Record<"moments" | "second" | "squares", Float32Array>>,
): Pick<StepKernel, "load" | "save"> {
  /** Numbers of all tensors of one kind, [count, total], and where a tensor's are in the state. */
  const everyNumber = (
    body: (whole: Float32Array, at: number, state: string, from: number, size: number) => void,
    part: "moments" | "second" | "squares",
    whole: Float32Array,
  ) => {
    const count = whole.length / total;
    for (const { name, start, size } of named)
      for (let d = 0; d < count; d++)
        body(whole, d * total + start, `${part}/${name}`, d * size, size);
  };
  const parts = ["moments", "second", "squares"] as const;
  const plain = Object.fromEntries(
    parts.map((part) => [part, new Float32Array((vectors[part].length / padded.entries) * total)]),
  ) as Record<(typeof parts)[number], Float32Array>;
  const everyFactor = (body: (own: Float32Array, key: string) => void) => {
    for (const [t, { memory }] of tensors.entries())
      for (const [part, own] of Object.entries(memory)) body(own, `${part}/${named[t].name}`);
  };
  return {
    load(state) {
      for (const part of parts) {
        everyNumber(
          (whole, at, name, from, size) =>
            whole.set(state[name]?.subarray(from, from + size) ?? [], at),
          part,
          plain[part],
        );
        pad(padded, plain[part], vectors[part]);
      }
      everyFactor((own, key) => own.set(state[key]));
    },
    save(state) {
      for (const part of parts) {
        unpad(padded, vectors[part], plain[part]);
        everyNumber(
          (whole, at, name, from, size) => state[name]?.set(whole.subarray(at, at + size), from),
          part,
          plain[part],
        );
      }
      everyFactor((own, key) => state[key].set(own));
    },
  };
}

type Placed = ReturnType<typeof placedKernel>;

/** Takes the entries of all parts through the dense layers. */
function partRunner(
  { kernel, source, rows, columns }: Placed,
  { parts, entries }: PaddedLayout,
  tensors: readonly TensorParts[],
  setFactors: (factors: Float64Array) => void,
): (gradients: readonly Float32Array[]) => void {
  const factors = new Float64Array(celo2Inputs);
  /** Inputs of what fills the last tile up, which would count among the squares. */
  function clearRest({ at, size, to }: PaddedPart): void {
    if (4 * (at + size) === to) return;
    for (let c = 0; c < celo2Inputs; c++)
      source.fill(0, c * entries + at + size, c * entries + to / 4);
  }
  function writeInputs(part: PaddedPart, gradient: Float32Array | undefined): void {
    const tensor = tensors[part.tensor];
    const isVector = tensor.places === null;
    if (gradient !== undefined && !isVector) {
      sumSquares(tensor, gradient);
      moveFactors(tensor, rows, columns);
    }
    kernel.functions[isVector ? "vectors" : "matrices"](part.from, part.to);
    clearRest(part);
    kernel.read(part);
    const { sums } = kernel;
    const count = isVector ? vectorInputs : celo2Inputs;
    for (let c = 0; c < celo2Inputs; c++) {
      const square = (sums[2 * c] + sums[2 * c + 1]) / part.size;
      factors[c] = c < count ? rsqrt(square, epsilon.input) : 0;
    }
  }
  return (gradients) => {
    let before = -1;
    for (const part of parts) {
      writeInputs(part, part.tensor === before ? undefined : gradients[part.tensor]);
      before = part.tensor;
      setFactors(factors);
      kernel.runEntries(part);
    }
  };
}

/** A step of Celo2; without an equivariant layer behind them, the first output of the dense layers is the direction. */
export function celo2Step(options: Celo2StepOptions): StepKernel {
  const { layout, widths, last, rate } = options;
  const tensors = tensorParts(layout);
  const padded = paddedLayout(layout, (t) => groupsOf(tensors[t]));
  const kept = last === undefined ? [...widths.slice(0, -1), 1] : widths;
  const placed = placedKernel(options, padded, tensors, kept);
  const { kernel } = placed;
  const theta = denseTheta(kernel, widths, kept);
  const runParts = partRunner(placed, padded, tensors, (by) => theta.setFactors(by));
  const [params, gradients] = [0, 1].map(() => new Float32Array(layout.total));
  const views = (vector: Float32Array) =>
    layout.tensors.map(({ start, size }) => vector.subarray(start, start + size));
  const ofGradients = views(gradients);
  const squares = new Float64Array(layout.tensors.length);
  const { parts, entryAt } = padded;
  return {
    params: views(params),
    gradients: ofGradients,
    setTheta(prepared) {
      theta.set(prepared);
      kernel.setLast(prepared);
    },
    ...stateAccess(layout, padded, tensors, placed),
    step() {
      pad(padded, params, placed.param);
      pad(padded, gradients, placed.gradient);
      runParts(ofGradients);
      const directions = kernel.outputs();
      squares.fill(0);
      for (const { tensor, at, size } of parts)
        for (let i = at; i < at + size; i++) squares[tensor] += directions[i] * directions[i];
      for (const { tensor, at, size } of parts) {
        const mean = squares[tensor] / layout.tensors[tensor].size;
        const length = rate / Math.sqrt(mean + options.epsilon);
        for (let i = at; i < at + size; i++) params[entryAt[i]] -= length * directions[i];
      }
    },
  };
}
