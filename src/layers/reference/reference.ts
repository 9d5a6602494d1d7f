// The slow, obvious executor: every basis term evaluated straight from its definition in float64, one entry at a time,
// with its gradients. It shares no code with the fast executor beyond the list of terms.
//
//   E_P(X)[c(o_1), ..., c(o_D)] = mean (or sum) over the input-only labels of X[c(i_1), ..., c(i_D')]

import { ShapeError } from "../../core/errors.ts";
import { sizeOf, stridesOf } from "../../core/shapes.ts";
import type { BasisTerm } from "../../basis/terms.ts";
import type { LoweredSpec } from "../../symmetry/lower.ts";

/** An atomic tensor's data on the host: [...dims, width], row-major. */
export interface DenseFeature {
  readonly width: number;
  readonly data: Float64Array;
}

/** A term with its coefficients [input width, output width], row-major. */
export interface WeightedTerm extends BasisTerm {
  readonly coefficients: Float64Array;
}

interface TermLoop {
  /** Calls back with the entry offsets (in units of one width) that the term connects. */
  readonly each: (visit: (output: number, input: number) => void) => void;
  /** 1 / number of entries a mean runs over. */
  readonly weight: number;
}

function termLoop(
  lowered: LoweredSpec,
  { output, input, labels }: BasisTerm,
  aggregation: "mean" | "sum",
): TermLoop {
  const out = lowered.tensors[output].dims;
  const dims = [...out, ...lowered.tensors[input].dims];
  const sizes = dims.map(({ axis }) => lowered.axes[axis].size);
  const strides = [...stridesOf(sizes.slice(0, out.length)), ...stridesOf(sizes.slice(out.length))];
  const count = Math.max(-1, ...labels) + 1;
  const loops = Array.from({ length: count }, (_, label) => {
    const members = labels.flatMap((other, i) => (other === label ? [i] : []));
    const stride = (side: (i: number) => boolean) =>
      members.filter(side).reduce((sum, i) => sum + strides[i], 0);
    const inputOnly = members.every((i) => i >= out.length);
    return {
      size: sizes[members[0]],
      output: stride((i) => i < out.length),
      input: stride((i) => i >= out.length),
      inputOnly,
    };
  });
  const dropped = sizeOf(loops.filter(({ inputOnly }) => inputOnly).map(({ size }) => size));
  const each: TermLoop["each"] = (visit) => {
    const walk = (at: number, o: number, i: number): void => {
      if (at === loops.length) return visit(o, i);
      const loop = loops[at];
      for (let k = 0; k < loop.size; k++) walk(at + 1, o + k * loop.output, i + k * loop.input);
    };
    walk(0, 0, 0);
  };
  return { each, weight: aggregation === "mean" ? 1 / dropped : 1 };
}

const entriesOf = (lowered: LoweredSpec, tensor: number) =>
  sizeOf(lowered.tensors[tensor].dims.map(({ axis }) => lowered.axes[axis].size));

/** Outputs of the layer, one per atomic tensor, without bias. */
export function referenceApply(
  lowered: LoweredSpec,
  terms: readonly WeightedTerm[],
  inputs: readonly DenseFeature[],
  outputWidths: readonly number[],
  aggregation: "mean" | "sum" = "mean",
): DenseFeature[] {
  const outputs = outputWidths.map((width, tensor) => ({
    width,
    data: new Float64Array(entriesOf(lowered, tensor) * width),
  }));
  for (const term of terms) {
    const x = inputs[term.input];
    const y = outputs[term.output];
    checkCoefficients(term, x.width, y.width);
    const { each, weight } = termLoop(lowered, term, aggregation);
    each((o, i) => {
      for (let k = 0; k < x.width; k++) {
        for (let l = 0; l < y.width; l++) {
          y.data[o * y.width + l] +=
            weight * term.coefficients[k * y.width + l] * x.data[i * x.width + k];
        }
      }
    });
  }
  return outputs;
}

/** Gradients of sum(outputs * cotangents) with respect to the inputs and to every term's coefficients. */
export function referenceGradients(
  lowered: LoweredSpec,
  terms: readonly WeightedTerm[],
  inputs: readonly DenseFeature[],
  cotangents: readonly DenseFeature[],
  aggregation: "mean" | "sum" = "mean",
): { inputs: Float64Array[]; coefficients: Float64Array[] } {
  const toInputs = inputs.map(({ data }) => new Float64Array(data.length));
  const toCoefficients = terms.map((term) => {
    const x = inputs[term.input];
    const g = cotangents[term.output];
    checkCoefficients(term, x.width, g.width);
    const gradient = new Float64Array(term.coefficients.length);
    const { each, weight } = termLoop(lowered, term, aggregation);
    each((o, i) => {
      for (let k = 0; k < x.width; k++) {
        for (let l = 0; l < g.width; l++) {
          const scaled = weight * g.data[o * g.width + l];
          gradient[k * g.width + l] += scaled * x.data[i * x.width + k];
          toInputs[term.input][i * x.width + k] += scaled * term.coefficients[k * g.width + l];
        }
      }
    });
    return gradient;
  });
  return { inputs: toInputs, coefficients: toCoefficients };
}

function checkCoefficients(term: WeightedTerm, inputWidth: number, outputWidth: number): void {
  if (term.coefficients.length === inputWidth * outputWidth) return;
  throw new ShapeError(
    `referenceApply: term ${term.labels.join("")} has ${term.coefficients.length} coefficients, expected ${inputWidth} x ${outputWidth}`,
  );
}
