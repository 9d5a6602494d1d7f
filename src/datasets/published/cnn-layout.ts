// The layout of the small CNN zoo's rows: which entries are which variable of the Keras network, and what becomes of it in
// the order of this project, convolution kernels [out, in, height, width] and dense kernels [out, in].

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { formatShape, sizeOf } from "../../core/shapes.ts";
import { defineSpec } from "../../symmetry/spec.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { type CsvRow, parseCsv } from "./csv.ts";

/** One variable: entries `start` to `end` of a row hold it in the order of `stored`. */
export interface CnnVariable {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly stored: readonly number[];
  /** Stored dimensions in the order of the tensor. */
  readonly order: readonly number[];
  /** Shape of the tensor. */
  readonly shape: readonly number[];
}

const orders: Readonly<Record<number, readonly number[]>> = {
  1: [0],
  2: [1, 0],
  4: [3, 2, 0, 1],
};

function cell({ cells, line }: CsvRow, where: string, ...names: readonly string[]): string {
  const name = names.find((each) => Object.hasOwn(cells, each));
  if (name !== undefined) return cells[name];
  throw new FormatError(
    `${where} line ${line}: expected a column ${names.join(" or ")}, got ${Object.keys(cells).join(", ")}; fetch the file again`,
  );
}

/** The variables of a layout file, in its order. @throws {FormatError} {UnsupportedError} naming file and line */
export function readCnnLayout(text: string, where: string): CnnVariable[] {
  return parseCsv(text, where).map((row): CnnVariable => {
    const fail = (what: string): never => {
      throw new FormatError(`${where} line ${row.line}: ${what}; fetch the file again`);
    };
    const name = cell(row, where, "varname").replace(/:0$/, "");
    const start = Number(cell(row, where, "start_idx", "start"));
    const end = Number(cell(row, where, "end_idx", "end"));
    const sizes = cell(row, where, "shape");
    if (!/^[([]\s*\d+\s*(,\s*\d+\s*)*,?\s*[)\]]$/.test(sizes))
      return fail(`shape expected sizes such as (3, 3, 1, 16), got ${JSON.stringify(sizes)}`);
    const stored = (sizes.match(/\d+/g) ?? []).map(Number);
    if (!(Number.isSafeInteger(start) && start >= 0 && end - start === sizeOf(stored))) {
      return fail(
        `entries ${start} to ${end} expected ${sizeOf(stored)} numbers for shape ${formatShape(stored)}`,
      );
    }
    const order = orders[stored.length];
    if (order === undefined)
      throw new UnsupportedError(
        `${where} line ${row.line}: "${name}" has shape ${formatShape(stored)}, expected a bias, a dense or a convolution kernel; leave such networks out`,
      );
    return { name, start, end, stored, order, shape: order.map((dim) => stored[dim]) };
  });
}

/** Numbers of a variable in the order of its tensor. */
export function storedOrder({ stored, order, shape }: CnnVariable): Int32Array<ArrayBuffer> {
  const strides = stored.map((_, dim) => sizeOf(stored.slice(dim + 1)));
  const places = new Int32Array(sizeOf(shape));
  for (let i = 0; i < places.length; i++) {
    let rest = i;
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      places[i] += (rest % shape[dim]) * strides[order[dim]];
      rest = Math.floor(rest / shape[dim]);
    }
  }
  return places;
}

/**
 * The symmetries of a chain of convolutions, global pooling and dense layers: every layer's outputs may be reordered but
 * the last one's. Kernel positions are fixed blocks.
 * @throws {UnsupportedError} naming the variable that does not follow from the one before.
 */
export function cnnLayoutSpec(variables: readonly CnnVariable[]): SymmetrySpec {
  const kernels = variables.filter(({ shape }) => shape.length > 1);
  const axisOf = (layer: number) =>
    layer < 0 ? "in" : layer === kernels.length - 1 ? "out" : `c${layer + 1}`;
  const axes: Record<string, { size: number; group: "fixed" | "permutation" }> = {};
  const tensors: Record<string, string[]> = {};
  const layerOf = (name: string) => name.slice(0, name.lastIndexOf("/"));
  for (const [layer, { name, shape }] of kernels.entries()) {
    const [outputs, inputs, ...positions] = shape;
    const below = axisOf(layer - 1);
    if (layer === 0) axes[below] = { size: inputs, group: "fixed" };
    if (axes[below].size !== inputs) {
      throw new UnsupportedError(
        `cnnLayoutSpec: "${name}" expected ${axes[below].size} inputs as the layer before it gives, got ${inputs}; only chains with global pooling are read, give the spec with --spec`,
      );
    }
    const isLast = layer === kernels.length - 1;
    axes[axisOf(layer)] = { size: outputs, group: isLast ? "fixed" : "permutation" };
    tensors[name] = [axisOf(layer), below, ...positions.map(String)];
  }
  for (const { name, shape } of variables) {
    if (shape.length > 1) continue;
    const layer = kernels.findIndex((kernel) => layerOf(kernel.name) === layerOf(name));
    if (layer === -1 || kernels[layer].shape[0] !== shape[0]) {
      throw new UnsupportedError(
        `cnnLayoutSpec: "${name}" is no bias of a layer with ${shape[0]} outputs; give the spec with --spec`,
      );
    }
    tensors[name] = [axisOf(layer)];
  }
  return defineSpec({ axes, tensors });
}
