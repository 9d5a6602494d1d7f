// The backward pass of derived tensors: from gradients of those that a layer reads to gradients of the tensors that the layer
// before wrote, and of coefficients.

import type { Formula } from "../../symmetry/formula.ts";
import type { Value } from "../arena.ts";
import type { Build } from "../parameters.ts";
import type { View } from "../wasm/operations.ts";
import {
  byChannels,
  copy,
  loopsOfProduct,
  multiplication,
  planGate,
  productInto,
  reducedLoops,
  sharedView,
  stridedView,
} from "./formulas.ts";
import { membersIn } from "./plan-products.ts";
import type { FormulaCoefficients, ProductsState } from "./state.ts";

/** Arrays that gradients are collected in, by atomic tensor. */
interface Collected {
  /** The array of a tensor, and whether something lies there already. */
  readonly into: (id: number) => { readonly value: Value; readonly adds: boolean };
  readonly of: (id: number) => Value | undefined;
}

/** Arrays for gradients: those that are given, of derived tensors; new ones of others, when they are first asked for. */
function collectGradients(build: Build, state: ProductsState, gradients: readonly Value[]) {
  const { products, values } = state;
  const { base, derived, merged, channels, name } = products;
  const ofBase: (Value | undefined)[] = base.tensors.map(() => undefined);
  const touched = new Set<number>();
  const given = membersIn(merged.members, gradients, channels);
  const placeOf = new Map(
    base.members.flatMap((list, tensor) => list.map(({ id }) => [id, tensor] as const)),
  );
  const ownOf = (id: number): Value => {
    const tensor = placeOf.get(id);
    if (tensor === undefined) {
      const { sizes, columns } = values[id];
      return build.arena.value(`${name} gradient ${id}`, sizes, columns);
    }
    const { dims, fixedSize } = base.tensors[tensor];
    ofBase[tensor] ??= build.arena.value(
      `${name} base gradient ${tensor}`,
      dims.map(({ axis }) => base.axes[axis].size),
      fixedSize * channels,
    );
    return membersIn(base.members, ofBase, channels)[id];
  };
  const collected: Value[] = [];
  for (const { id, formula } of derived.tensors)
    if (formula !== undefined && given[id] !== undefined) {
      collected[id] = given[id];
      touched.add(id);
    }
  const into: Collected["into"] = (id) => {
    const adds = touched.has(id);
    touched.add(id);
    return { value: (collected[id] ??= ownOf(id)), adds };
  };
  return { given, ofBase, touched, collected: { into, of: (id: number) => collected[id] } };
}

/**
 * Plans the gradients. `gradients` holds those of tensors that have arrays of their own, as they are read; the result what has to
 * be added to those of the tensors of the base, with holes where there is nothing.
 */
export function planProductGradients(
  build: Build,
  state: ProductsState,
  gradients: readonly Value[],
): (Value | undefined)[] {
  const { products, aliases } = state;
  const { base, derived, merged, name } = products;
  const { given, ofBase, touched, collected } = collectGradients(build, state, gradients);
  for (const { id, formula } of derived.tensors.toReversed())
    if (formula !== undefined && touched.has(id)) pullFormula(build, state, id, formula, collected);
  // Tensors of the base that were copied into arrays beside derived ones.
  for (const [tensor, alias] of aliases.entries()) {
    if (alias !== null) continue;
    for (const { id } of merged.members[tensor]) {
      if (derived.tensors[id]?.formula !== undefined || given[id] === undefined) continue;
      const { value, adds } = collected.into(id);
      build.backward.push(copy(`${name}_back_${id}`, given[id], value, adds));
    }
  }
  for (const [tensor, value] of ofBase.entries()) {
    if (value === undefined || base.members[tensor].every(({ id }) => touched.has(id))) continue;
    build.clearBackward.push(value.buffer);
  }
  return ofBase;
}

function pullFormula(
  build: Build,
  state: ProductsState,
  id: number,
  formula: Formula,
  { into, of }: Collected,
): void {
  const { backward } = build;
  const { products, values, coefficients } = state;
  const { channels, name: prefix } = products;
  const name = `${prefix}_back_${id}`;
  const g = of(id) as Value;
  const [first] = formula.operands;
  const x = values[first];
  switch (formula.op) {
    case "contract":
    case "outer":
      pullProduct(build, name, formula, state, g, into);
      return;
    case "reduce": {
      const { value, adds } = into(first);
      const { stays, kept, reduced, from } = reducedLoops(formula, value);
      const back = [...stays.map((_, i) => g.strides[i]), ...reduced.map(() => 0)];
      const views = [stridedView(g, back), null, stridedView(value, from)] as const;
      backward.push(
        multiplication(name, [[...kept, ...reduced], []], value.columns, views, {
          scale: formula.factor,
          adds,
        }),
      );
      return;
    }
    case "map":
      pullMap(build, name, formula, coefficients.get(id), channels, x, g, into(first));
      return;
    case "sum":
      pullSum(build, name, formula, coefficients.get(id), channels, values, g, into);
      return;
    case "gate": {
      const { value, adds } = into(first);
      backward.push(planGate(name, formula, x, g, value, adds));
    }
  }
}

function pullProduct(
  { backward }: Build,
  name: string,
  formula: Formula & { readonly op: "contract" | "outer" },
  { products, values }: ProductsState,
  g: Value,
  into: Collected["into"],
): void {
  const scale = formula.op === "contract" ? formula.factor : 1;
  for (const [side, operand] of formula.operands.entries()) {
    const other = values[formula.operands[1 - side]];
    const { value, adds } = into(operand);
    const arrays = side === 0 ? [value, other, g] : [other, value, g];
    const loops = loopsOfProduct(products, formula, arrays);
    const among = [2, 1 - side, side] as const;
    const options = { scale, adds };
    backward.push(productInto(`${name}_${side}`, loops, products.channels, among, arrays, options));
  }
}

type Into = ReturnType<Collected["into"]>;

function pullMap(
  build: Build,
  name: string,
  { from, to, matrix }: Formula & { readonly op: "map" },
  coefficients: FormulaCoefficients | undefined,
  channels: number,
  x: Value,
  g: Value,
  { value, adds }: Into,
): void {
  const { backward } = build;
  const { buffer = -1, gradient = -1 } = coefficients ?? {};
  const rest = x.columns / (from * channels);
  const sizes = [...x.sizes, rest];
  const zeros = x.sizes.map(() => 0);
  if (matrix === "full") {
    pullMatrix(build, name, [from * channels, to * channels], coefficients, x, g, { value, adds });
    return;
  }
  const back = stridedView(g, [...g.strides, to * channels, 0, channels]);
  const own = sharedView(buffer, [...zeros, 0, to * channels, channels]);
  const target = stridedView(value, [...value.strides, from * channels, channels]);
  const views = [back, own, target] as const;
  backward.push(multiplication(name, [[...sizes, from], [to]], channels, views, { adds }));
  if (gradient === -1) return;
  // Over networks, dimensions and what is left of the fixed entries.
  const ofX = stridedView(x, [channels, 0, ...x.strides, from * channels]);
  const ofG = stridedView(g, [0, channels, ...g.strides, to * channels]);
  const matrixView = sharedView(gradient, [to * channels, channels]);
  backward.push(
    multiplication(`${name}_matrix`, [[from, to], sizes], channels, [ofX, ofG, matrixView], {
      overBatch: true,
    }),
  );
}

/** Gradients of a matrix that mixes channels too, and of the rows that it was applied to. */
function pullMatrix(
  { backward }: Build,
  name: string,
  [inner, columns]: readonly [number, number],
  coefficients: FormulaCoefficients | undefined,
  x: Value,
  g: Value,
  { value, adds }: Into,
): void {
  const { gradient = -1, transposed = -1 } = coefficients ?? {};
  const sizes = [...x.sizes, x.columns / inner];
  const rowsOf = (of: Value, width: number) => stridedView(of, [...of.strides, width]);
  const output = rowsOf(value, inner);
  const matrix = { buffer: transposed, offset: 0, rowStride: inner };
  backward.push({
    kind: "stream",
    name,
    sizes,
    columns: inner,
    products: [{ x: rowsOf(g, columns), inner: columns, matrix }],
    addends: adds ? [{ view: output, equal: [] }] : [],
    activation: "identity",
    output,
    sums: [],
  });
  if (gradient === -1) return;
  backward.push({
    kind: "outer",
    name: `${name}_matrix`,
    sizes,
    x: rowsOf(x, inner),
    inner,
    g: rowsOf(g, columns),
    columns,
    output: { buffer: gradient, offset: 0, rowStride: columns },
  });
}

function pullSum(
  { backward }: Build,
  name: string,
  { operands }: Formula & { readonly op: "sum" },
  coefficients: FormulaCoefficients | undefined,
  channels: number,
  values: readonly Value[],
  g: Value,
  into: Collected["into"],
): void {
  const fixed = g.columns / channels;
  const zeros = [...g.sizes.map(() => 0), 0];
  for (const [n, operand] of operands.entries()) {
    const { value, adds } = into(operand);
    const row =
      coefficients === undefined ? null : sharedView(coefficients.buffer, zeros, n * channels);
    const views: [View, View | null, View] = [
      byChannels(g, channels),
      row,
      byChannels(value, channels),
    ];
    const loops = [[...g.sizes, fixed], []] as const;
    backward.push(multiplication(`${name}_${n}`, loops, channels, views, { adds }));
    if (coefficients === undefined || coefficients.gradient === -1) continue;
    const target = sharedView(coefficients.gradient, [], n * channels);
    const factors = [byChannels(values[operand], channels), byChannels(g, channels), target];
    backward.push(
      multiplication(
        `${name}_factor_${n}`,
        [[], [...g.sizes, fixed]],
        channels,
        factors as [View, View, View],
        { overBatch: true },
      ),
    );
  }
}
