// Parameters in the arena: as the model holds them, and what kernels read instead - matrices of shared blocks, rows of
// biases and positions, transposed matrices for gradients - with the way back for gradients.

import { OptionError } from "../core/errors.ts";
import { sizeOf } from "../core/shapes.ts";
import { meanShares } from "../plan/adjoint.ts";
import { membersOf } from "../plan/merge-tensors.ts";
import { isWritten } from "../symmetry/formula.ts";
import type { ArenaPlan } from "./arena.ts";
import type { Matrix, Operation, ReduceOperation } from "./wasm/operations.ts";
import type { KernelLayer, PositionTable } from "./stack.ts";

/** A parameter of the model: its buffer, and that of its gradient. */
export interface ParameterPlan {
  readonly path: string;
  readonly shape: readonly number[];
  readonly buffer: number;
  readonly gradient: number;
}

/** Whole numbers that a kernel reads, written once. */
export interface Constant {
  readonly buffer: number;
  readonly data: Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
}

/** Collects what all layers of a model need. */
export interface Build {
  readonly arena: ArenaPlan;
  readonly gradients: boolean;
  readonly parameters: ParameterPlan[];
  readonly constants: Constant[];
  /** Run when parameters changed. */
  readonly prepare: Operation[];
  readonly prepareBack: Operation[];
  readonly forward: Operation[];
  readonly backward: Operation[];
  /** Run after the backward pass: gradients of parameters from gradients of what was made of them. */
  readonly collect: Operation[];
  readonly clearForward: number[];
  readonly clearBackward: number[];
  /** A buffer that holds the number 1. */
  readonly one: number;
}

/** A buffer that gradients are added to during the backward pass, and end up in `final` after it. */
export function gradientTarget(build: Build, name: string, size: number, final: number): number {
  const { arena } = build;
  const collect =
    arena.threads === 1 ? final : arena.buffer(`parts of ${name}`, size, { perThread: true });
  build.clearBackward.push(collect);
  if (collect !== final)
    build.collect.push({
      kind: "combine",
      name: `gather_${name}`,
      from: collect,
      to: final,
      scale: 1,
    });
  return collect;
}

export function parameter(build: Build, path: string, shape: readonly number[]): ParameterPlan {
  const size = sizeOf(shape);
  const { arena, gradients, parameters } = build;
  const buffer = arena.buffer(path, size);
  const gradient = gradients ? arena.buffer(`gradient of ${path}`, size) : -1;
  const plan = { path, shape, buffer, gradient };
  parameters.push(plan);
  return plan;
}

/** Plans a copy of a matrix [rows, columns] turned round, made once before the backward pass. */
export function planTransposed(
  { prepareBack }: Build,
  name: string,
  buffer: number,
  transposed: number,
  [rows, columns]: readonly [rows: number, columns: number],
): void {
  prepareBack.push({
    kind: "reduce",
    name: `transpose_${name}`,
    batch: "none",
    kept: [columns, rows],
    reduced: [],
    columns: 1,
    input: { buffer, offset: 0, batch: 0, strides: [1, columns] },
    output: { buffer: transposed, offset: 0, batch: 0, strides: [rows, 1] },
    scale: 1,
  });
}

/** The coefficients of a layer's products. */
export interface Coefficients {
  readonly matrices: readonly Matrix[];
  /** Where gradients of matrices are added to, laid out like the matrices. */
  readonly gradients: readonly Matrix[];
  /** Transposed, with the share that an entry has in a mean. */
  readonly transposed: readonly Matrix[];
}

/** Columns of a product for one channel, times the channels. */
export function productShape(
  { executable, inputChannels, outputChannels }: KernelLayer,
  product: number,
) {
  const { input, output } = executable.schedule.widths[product];
  return { rows: input * inputChannels, columns: output * outputChannels };
}

/** Plans the matrices of an equivariant layer. */
export function planCoefficients(
  build: Build,
  layer: KernelLayer,
  wantsInputs: boolean,
): Coefficients {
  const { plan } = layer.executable;
  const { inputChannels, outputChannels, name, shared } = layer;
  const shapes = plan.products.map((_, product) => productShape(layer, product));
  const made: { matrix: number; gradient: number }[] = [];
  if (shared === undefined) {
    for (const [product, { rows, columns }] of shapes.entries()) {
      const { buffer, gradient } = parameter(build, `${name}.mix${product}`, [rows, columns]);
      made.push({ matrix: buffer, gradient });
    }
  } else {
    const table = parameter(build, `${name}.shared`, [shared.count, inputChannels, outputChannels]);
    if (build.gradients) {
      build.collect.push({
        kind: "clear",
        name: `clear_${name}_shared`,
        buffers: [table.gradient],
      });
    }
    for (const [product, { rows, columns }] of shapes.entries())
      made.push(planSharedMatrix(build, layer, table, product, rows, columns));
  }
  const matrices = made.map(({ matrix }, p): Matrix => ({
    buffer: matrix,
    offset: 0,
    rowStride: shapes[p].columns,
  }));
  if (!build.gradients) return { matrices, gradients: [], transposed: [] };
  const gradients = made.map(({ gradient }, p): Matrix => {
    const { rows, columns } = shapes[p];
    const buffer = gradientTarget(build, `${name}_mix${p}`, rows * columns, gradient);
    return { buffer, offset: 0, rowStride: columns };
  });
  return {
    matrices,
    gradients,
    transposed: wantsInputs ? matrices.map((matrix, p) => transpose(build, layer, matrix, p)) : [],
  };
}

function planSharedMatrix(
  build: Build,
  { name, shared, executable, inputChannels, outputChannels }: KernelLayer,
  table: ParameterPlan,
  product: number,
  rows: number,
  columns: number,
): { matrix: number; gradient: number } {
  if (shared === undefined) throw new OptionError(`kernels: layer ${name} shares no coefficients`);
  const { arena } = build;
  const { input, output } = executable.schedule.widths[product];
  const matrix = arena.buffer(`${name} matrix ${product}`, rows * columns);
  const indices = arena.buffer(`${name} places ${product}`, shared.indices[product].length);
  build.constants.push({ buffer: indices, data: shared.indices[product] });
  const blocks = {
    places: { buffer: indices, rows: input, across: output },
    inner: inputChannels,
    columns: outputChannels,
  };
  build.prepare.push({
    ...blocks,
    kind: "expand",
    name: `expand_${name}_${product}`,
    table: table.buffer,
    matrix,
  });
  if (!build.gradients) return { matrix, gradient: -1 };
  const gradient = arena.buffer(`gradient of ${name} matrix ${product}`, rows * columns);
  build.collect.push({
    ...blocks,
    kind: "collect",
    name: `collect_${name}_${product}`,
    table: table.gradient,
    matrix: gradient,
  });
  return { matrix, gradient };
}

/** A copy [outputs, inputs] of a matrix; rows of features that are means are scaled by an entry's share. */
function transpose(build: Build, layer: KernelLayer, matrix: Matrix, product: number): Matrix {
  const { executable, inputChannels, aggregation, name } = layer;
  const { rows, columns } = productShape(layer, product);
  const buffer = build.arena.buffer(`${name} transposed ${product}`, rows * columns);
  const shares = meanShares(executable, product, inputChannels);
  let from = 0;
  for (const { tensor } of executable.plan.products[product].features) {
    const width = executable.lowered.tensors[tensor].fixedSize * inputChannels;
    build.prepareBack.push({
      ...unbatched(`transpose_${name}_${product}_${from}`),
      kept: [columns, width],
      columns: 1,
      input: row(matrix.buffer, from * columns, [1, columns]),
      output: row(buffer, from, [rows, 1]),
      scale: aggregation === "mean" ? shares[from] : 1,
    });
    from += width;
  }
  return { buffer, offset: 0, rowStride: rows };
}

const row = (buffer: number, offset: number, strides: readonly number[]) => ({
  buffer,
  offset,
  batch: 0,
  strides,
});

const unbatched = (name: string) =>
  ({ kind: "reduce", name, batch: "none", reduced: [] as number[], scale: 1 }) as const;

/** A row that is added to all output columns of the scalar product, and where its gradient is added to. */
export interface BiasRow {
  readonly buffer: number;
  readonly gradient: number;
}

/** Plans the bias of an equivariant layer; null when it has none. */
export function planBias(build: Build, layer: KernelLayer): BiasRow | null {
  const { executable, outputChannels, bias, name } = layer;
  const { lowered, plan, schedule } = executable;
  const scalar = plan.products.findIndex(({ slots }) => slots.length === 0);
  if (bias === "none" || scalar === -1) return null;
  const size = schedule.widths[scalar].output * outputChannels;
  const path = `${name}.bias`;
  if (bias === "full") {
    const { buffer, gradient } = parameter(build, path, [size]);
    if (!build.gradients) return { buffer, gradient };
    return { buffer, gradient: gradientTarget(build, `${name}_bias`, size, gradient) };
  }
  const ids = lowered.tensors
    .filter(isWritten)
    .flatMap(({ id }) => membersOf(lowered, id))
    .map(({ id }) => id)
    .toSorted((a, b) => a - b);
  const count = ids.length;
  const table = parameter(build, path, [count * outputChannels]);
  const buffer = build.arena.buffer(`${name} bias row`, size);
  const final = build.gradients ? build.arena.buffer(`gradient of ${name} bias row`, size) : -1;
  let column = 0;
  for (const { tensor, blocks } of plan.products[scalar].targets) {
    const isScalar = blocks.every(({ dims }) => dims.length === 1);
    for (const { id, fixedSize } of membersOf(lowered, tensor)) {
      if (isScalar)
        spreadRow(
          build,
          `${name}_bias_${id}`,
          table,
          ids.indexOf(id) * outputChannels,
          { buffer, final },
          column,
          fixedSize,
          outputChannels,
        );
      column += fixedSize * outputChannels;
    }
  }
  const gradient = build.gradients ? gradientTarget(build, `${name}_bias`, size, final) : -1;
  return { buffer, gradient };
}

/** Copies one row of a parameter to neighbouring places, and adds up their gradients. */
function spreadRow(
  build: Build,
  name: string,
  plan: ParameterPlan,
  from: number,
  to: { readonly buffer: number; readonly final: number },
  column: number,
  times: number,
  width: number,
): void {
  build.prepare.push({
    ...unbatched(`spread_${name}`),
    kept: [times],
    columns: width,
    input: row(plan.buffer, from, [0]),
    output: row(to.buffer, column, [width]),
  });
  if (!build.gradients) return;
  const gather: ReduceOperation = {
    ...unbatched(`gather_${name}_parts`),
    kept: [],
    reduced: [times],
    columns: width,
    input: row(to.final, column, [width]),
    output: row(plan.gradient, from, []),
  };
  build.collect.push(gather);
}

/** Plans the rows [size, columns] of one position table of a tensor. */
export function planPositions(
  build: Build,
  { tensor, dim, size, tables }: PositionTable,
  channels: number,
): { buffer: number; tables: readonly (ParameterPlan & { column: number; fixedSize: number })[] } {
  const entries = tables.reduce((sum, { fixedSize }) => sum + fixedSize, 0);
  const buffer = build.arena.buffer(`positions of ${tensor}.${dim}`, size * entries * channels);
  let column = 0;
  const placed = tables.map(({ path, fixedSize }) => {
    const plan = { ...parameter(build, path, [size, channels]), column, fixedSize };
    build.prepare.push({
      ...unbatched(`spread_positions_${tensor}_${dim}_${column}`),
      kept: [size, fixedSize],
      columns: channels,
      input: row(plan.buffer, 0, [channels, 0]),
      output: row(buffer, column, [entries * channels, channels]),
    });
    column += fixedSize * channels;
    return plan;
  });
  return { buffer, tables: placed };
}
