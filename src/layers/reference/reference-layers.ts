// Layers as lists of terms of the reference executor: what each term's coefficients are in the parameters. Biases and
// positions are terms too, from tensors that hold the number 1 or a table.

import type { BasisTerm } from "../../basis/terms.ts";
import type { KernelLayer } from "../../kernels/stack.ts";
import { membersOf } from "../../plan/merge-tensors.ts";
import type { Pattern } from "../../plan/plan.ts";
import { jointLabels, plannedTerms } from "../../plan/terms.ts";
import type { AtomicTensor, LoweredSpec } from "../../symmetry/lower.ts";

/** A term whose coefficient i is number `index[i]` of a parameter; below 0 it is 0, and without a parameter 1. */
export interface ParameterTerm extends BasisTerm {
  readonly path: string | null;
  readonly index: Int32Array<ArrayBuffer>;
}

/** Terms over the layer's tensors and more inputs: the number 1, then position tables by path. */
export interface LayerTerms {
  readonly lowered: LoweredSpec;
  readonly terms: readonly ParameterTerm[];
  /** Tensor of the number 1. */
  readonly one: number;
  readonly tables: readonly { readonly path: string; readonly tensor: number }[];
}

/** A tensor with these axes, behind those of a spec. */
export const extraTensor = (id: number, name: string, axes: readonly number[]): AtomicTensor => ({
  id,
  name,
  source: name,
  dims: axes.map((axis) => ({ axis, parent: null, inverse: false })),
  fixed: [],
  fixedSize: 1,
  order: axes.map((_, i) => i),
});

const indices = (rows: number, columns: number, at: (row: number, column: number) => number) =>
  Int32Array.from({ length: rows * columns }, (_, i) => at(Math.floor(i / columns), i % columns));

export function layerTerms(layer: KernelLayer): LayerTerms {
  const { lowered } = layer.executable;
  const one = lowered.tensors.length;
  const extra = [extraTensor(one, "one", [])];
  const terms = layer.kind === "equivariant" ? productTerms(layer) : denseTerms(layer);
  terms.push(...biasTerms(layer, one));
  const tables: { path: string; tensor: number }[] = [];
  const width = layer.outputChannels;
  for (const { tensor, dim, tables: ofTensor } of layer.positions) {
    const { dims, fixedSize } = lowered.tensors[tensor];
    let first = 0;
    for (const { path, fixedSize: entries } of ofTensor) {
      const id = one + extra.length;
      extra.push(extraTensor(id, path, [dims[dim].axis]));
      tables.push({ path, tensor: id });
      const [from, to] = [first, first + entries * width];
      // The identity from a table's channels to those of every fixed entry of its member.
      const index = indices(width, fixedSize * width, (k, l) =>
        l >= from && l < to && (l - from) % width === k ? 0 : -1,
      );
      const labels = [...dims.map((_, i) => i), dim];
      terms.push({ output: tensor, input: id, labels, path: null, index });
      first = to;
    }
  }
  return { lowered: { ...lowered, tensors: [...lowered.tensors, ...extra] }, terms, one, tables };
}

/** Every term of the plan, with its block of a product's matrix or of the shared table. */
function productTerms({
  name,
  executable,
  inputChannels,
  outputChannels,
  shared,
}: KernelLayer): ParameterTerm[] {
  const { lowered, plan, schedule } = executable;
  return plannedTerms(lowered, plan).map((term): ParameterTerm => {
    const { product, row, column, ...basis } = term;
    const across = schedule.widths[product].output;
    const rows = lowered.tensors[term.input].fixedSize * inputChannels;
    const columns = lowered.tensors[term.output].fixedSize * outputChannels;
    if (shared === undefined) {
      const start = row * inputChannels * across * outputChannels + column * outputChannels;
      const index = indices(rows, columns, (k, l) => start + k * across * outputChannels + l);
      return { ...basis, path: `${name}.mix${product}`, index };
    }
    const blocks = shared.indices[product];
    const index = indices(rows, columns, (k, l) => {
      const [i, j] = [Math.floor(k / inputChannels), Math.floor(l / outputChannels)];
      const block = blocks[(row + i) * across + column + j];
      const inside = (k % inputChannels) * outputChannels + (l % outputChannels);
      return block * inputChannels * outputChannels + inside;
    });
    return { ...basis, path: `${name}.shared`, index };
  });
}

/** One matrix on every fixed entry of every tensor. */
function denseTerms({
  name,
  executable,
  inputChannels,
  outputChannels,
}: KernelLayer): ParameterTerm[] {
  return executable.lowered.tensors.map(({ id, dims, fixedSize }): ParameterTerm => {
    const labels = [...dims.map((_, i) => i), ...dims.map((_, i) => i)];
    const index = indices(fixedSize * inputChannels, fixedSize * outputChannels, (k, l) =>
      Math.floor(k / inputChannels) === Math.floor(l / outputChannels)
        ? (k % inputChannels) * outputChannels + (l % outputChannels)
        : -1,
    );
    return { output: id, input: id, labels, path: `${name}.weight`, index };
  });
}

function biasTerms(layer: KernelLayer, one: number): ParameterTerm[] {
  const { name, kind, bias, executable, outputChannels: width } = layer;
  const { lowered, plan } = executable;
  const scalar = plan.products.find(({ slots }) => slots.length === 0);
  if (bias === "none") return [];
  const path = `${name}.bias`;
  const number: Pattern = { tensor: one, blocks: [] };
  if (kind === "pointwise") {
    return lowered.tensors.map(({ id, dims, fixedSize }) => {
      const index = indices(1, fixedSize * width, (_, l) => l % width);
      return { output: id, input: one, labels: dims.map((_, i) => i), path, index };
    });
  }
  let column = 0;
  return (scalar?.targets ?? []).flatMap((target): ParameterTerm[] => {
    const { fixedSize } = lowered.tensors[target.tensor];
    const start = column;
    column += fixedSize * width;
    const isScalar = target.blocks.every(({ dims }) => dims.length === 1);
    if (bias === "tensor" && !isScalar) return [];
    const ids = membersOf(lowered, target.tensor).flatMap((member) =>
      Array.from({ length: member.fixedSize }, () => member.id),
    );
    const index = indices(1, fixedSize * width, (_, l) =>
      bias === "full" ? start + l : ids[Math.floor(l / width)] * width + (l % width),
    );
    const labels = jointLabels(target, number);
    return [{ output: target.tensor, input: one, labels, path, index }];
  });
}
