// Primitives that rearrange entries: reshapes, transposes, copies, cuts, joins and table lookups.

import { numbersOf, pairsOf, type RuleContext, type Rules } from "./rule.ts";

const integers = ({ build }: RuleContext, data: readonly number[]) =>
  build.constant(data, [data.length], true);

export function reshape(context: RuleContext, from: string, shape: readonly number[]): string {
  return context.build.node("Reshape", [from, integers(context, shape)], { allowzero: 1 });
}

export const transpose = ({ build }: RuleContext, from: string, perm: readonly number[]): string =>
  perm.every((from, to) => from === to) ? from : build.node("Transpose", [from], { perm });

function broadcast(context: RuleContext): string {
  const { build, equation, inputs, output } = context;
  const axes = numbersOf(equation.params["axis"]);
  const wide =
    axes.length === 0 ? inputs[0] : build.node("Unsqueeze", [inputs[0], integers(context, axes)]);
  return build.node("Expand", [wide, integers(context, output)]);
}

function slice(context: RuleContext, from: string, ranges: readonly (readonly number[])[]): string {
  const lists = [0, 1, 2, 3].map((at) => ranges.map((range) => range[at]));
  return context.build.node("Slice", [from, ...lists.map((list) => integers(context, list))]);
}

/** Zeros between neighbours along an axis, so that they lie `step` apart. */
export function dilate(
  context: RuleContext,
  from: string,
  shape: readonly number[],
  axis: number,
  step: number,
): string {
  const expanded = reshape(context, from, shape.toSpliced(axis + 1, 0, 1));
  const ends = Array.from({ length: 2 * (shape.length + 1) }, (_, i) =>
    i === shape.length + 1 + axis + 1 ? step - 1 : 0,
  );
  const padded = context.build.node("Pad", [expanded, integers(context, ends)]);
  const wide = shape.with(axis, shape[axis] * step);
  const joined = reshape(context, padded, wide);
  return slice(context, joined, [[0, wide[axis] - step + 1, axis, 1]]);
}

/** Entries [start, end) of every axis. */
function shrink(context: RuleContext): string {
  const { equation, inputs, shapes } = context;
  const ranges = pairsOf(equation.params["slice"])
    .map(([start, end], axis) => [start, end, axis, 1])
    .filter(([start, end, axis]) => start !== 0 || end !== shapes[0][axis]);
  return ranges.length === 0 ? inputs[0] : slice(context, inputs[0], ranges);
}

function flip(context: RuleContext): string {
  const { equation, inputs } = context;
  const ranges = numbersOf(equation.params["axis"]).map((axis) => [-1, -(2 ** 31), axis, -1]);
  return slice(context, inputs[0], ranges);
}

/** Zeros on either side; a negative width cuts instead. */
function pad(context: RuleContext): string {
  const { build, equation, inputs, shapes } = context;
  const width = pairsOf(equation.params["width"]);
  const cuts = width
    .map(([before, after], axis) => [
      Math.max(0, -before),
      shapes[0][axis] - Math.max(0, -after),
      axis,
      1,
    ])
    .filter(([start, end, axis]) => start !== 0 || end !== shapes[0][axis]);
  const kept = cuts.length === 0 ? inputs[0] : slice(context, inputs[0], cuts);
  const grown = [0, 1].flatMap((side) => width.map((pair) => Math.max(0, pair[side])));
  if (grown.every((size) => size === 0)) return kept;
  return build.node("Pad", [kept, integers(context, grown)]);
}

/** A lookup along one axis; the engine may put the looked-up dimensions elsewhere. */
function gather(context: RuleContext): string | null {
  const { build, equation, inputs, shapes } = context;
  const axes = numbersOf(equation.params["axis"]);
  if (axes.length !== 1 || inputs.length !== 2) return null;
  const [axis] = axes;
  const found = build.node("Gather", inputs, { axis });
  const rank = shapes[1].length;
  const outDim = equation.params["outDim"] as number;
  const looked = Array.from({ length: rank }, (_, i) => axis + i);
  const rest = Array.from({ length: shapes[0].length - 1 }, (_, i) => (i < axis ? i : i + rank));
  return transpose(context, found, rest.toSpliced(outDim, 0, ...looked));
}

export const movement: Rules = {
  reshape: (context) => reshape(context, context.inputs[0], context.output),
  transpose: (context) =>
    transpose(context, context.inputs[0], numbersOf(context.equation.params["perm"])),
  broadcast,
  shrink,
  flip,
  pad,
  gather,
  concatenate: ({ build, equation, inputs }) =>
    build.node("Concat", inputs, { axis: equation.params["axis"] as number }),
  split: (context) => {
    const { build, equation, inputs } = context;
    const sizes = numbersOf(equation.params["sizes"]);
    const axis = equation.params["axis"] as number;
    return build.nodes("Split", [inputs[0], integers(context, sizes)], sizes.length, { axis });
  },
};
