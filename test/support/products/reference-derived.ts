// Derived tensors from their definition, in float64 and one entry at a time: what the fast executor is held to.

import { sizeOf, stridesOf } from "../../../src/core/shapes.ts";
import { productLoops } from "../../../src/plan/products/product-loops.ts";
import type { AtomicTensor, LoweredSpec } from "../../../src/symmetry/lower.ts";
import { coefficientShape, type Formula } from "../../../src/symmetry/formula.ts";
import type { DenseFeature } from "../../../src/layers/reference/reference.ts";

/** Coefficients of a `map` or a learned `sum`, row-major in this shape (see `coefficientShape`). */
export type CoefficientReader = (tensor: AtomicTensor, shape: readonly number[]) => Float64Array;

function product(
  lowered: LoweredSpec,
  formula: Formula & { op: "contract" | "outer" },
  [x, y]: readonly DenseFeature[],
  channels: number,
  result: Float64Array,
): void {
  const loops = productLoops(lowered, formula, channels);
  const factor = formula.op === "contract" ? formula.factor : 1;
  const strides = (places: readonly number[]) => {
    const steps = stridesOf(places.map((place) => loops.indices[place].size));
    return loops.indices.map((_, place) => {
      const at = places.indexOf(place);
      return at === -1 ? 0 : steps[at];
    });
  };
  const [ofX, ofY, ofResult] = [loops.x, loops.y, loops.result].map(strides);
  const walk = (at: number, i: number, j: number, k: number): void => {
    if (at === loops.indices.length) {
      result[k] += factor * x.data[i] * y.data[j];
      return;
    }
    for (let n = 0; n < loops.indices[at].size; n++)
      walk(at + 1, i + n * ofX[at], j + n * ofY[at], k + n * ofResult[at]);
  };
  walk(0, 0, 0, 0);
}

/** Sums dimensions away. */
function reduceDims(
  { dims, fixedSize }: AtomicTensor,
  { axes }: LoweredSpec,
  gone: readonly number[],
  factor: number,
  { data, width }: DenseFeature,
  result: Float64Array,
): void {
  const sizes = dims.map(({ axis }) => axes[axis].size);
  const kept = sizes.map((size, dim) => (gone.includes(dim) ? 1 : size));
  const [from, to] = [stridesOf([...sizes, width]), stridesOf([...kept, width])];
  const walk = (dim: number, i: number, k: number): void => {
    if (dim === dims.length) {
      for (let c = 0; c < width; c++) result[k + c] += factor * data[i + c];
      return;
    }
    for (let n = 0; n < sizes[dim]; n++)
      walk(dim + 1, i + n * from[dim], k + (gone.includes(dim) ? 0 : n * to[dim]));
  };
  if (fixedSize > 0) walk(0, 0, 0);
}

function mapFixed(
  { from, to, matrix }: Formula & { op: "map" },
  coefficients: Float64Array,
  { data }: DenseFeature,
  channels: number,
  result: Float64Array,
): void {
  const rows = data.length / (from * channels);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < from * channels; i++) {
      const value = data[row * from * channels + i];
      for (let j = 0; j < to * channels; j++) {
        if (matrix === "channel" && i % channels !== j % channels) continue;
        const at =
          matrix === "full" ? i * to * channels + j : Math.floor(i / channels) * to * channels + j;
        result[row * to * channels + j] += value * coefficients[at];
      }
    }
  }
}

const signedLog = (x: number) => Math.sign(x) * Math.log1p(Math.abs(x));
const gates = { "signed-log": signedLog, sin: Math.sin, cos: Math.cos };

/** All tensors' data, derived ones computed from the others in order. `inputs` are those of the spec. */
export function referenceDerived(
  lowered: LoweredSpec,
  inputs: readonly DenseFeature[],
  channels: number,
  read: CoefficientReader,
): DenseFeature[] {
  const values = [...inputs];
  for (const tensor of lowered.tensors.slice(inputs.length)) {
    const { formula, dims, fixedSize } = tensor;
    const width = fixedSize * channels;
    if (formula === undefined) {
      values.push({ width, data: new Float64Array(0) }); // only written
      continue;
    }
    const data = new Float64Array(sizeOf(dims.map(({ axis }) => lowered.axes[axis].size)) * width);
    const operands = formula.operands.map((id) => values[id]);
    const shape = coefficientShape(formula, channels);
    const coefficients = shape === null ? null : read(tensor, shape);
    if (formula.op === "contract" || formula.op === "outer")
      product(lowered, formula, operands, channels, data);
    else if (formula.op === "reduce")
      reduceDims(
        lowered.tensors[formula.operands[0]],
        lowered,
        formula.dims,
        formula.factor,
        operands[0],
        data,
      );
    else if (formula.op === "map" && coefficients !== null)
      mapFixed(formula, coefficients, operands[0], channels, data);
    else if (formula.op === "gate") {
      const gate = gates[formula.function];
      operands[0].data.forEach((value, i) => (data[i] = gate(formula.frequency * value)));
    } else {
      for (const [n, operand] of operands.entries())
        operand.data.forEach(
          (value, i) => (data[i] += value * (coefficients?.[n * channels + (i % channels)] ?? 1)),
        );
    }
    values.push({ width, data });
  }
  return values;
}
