// Primitives that sum: products contracted over the last dimension, convolutions, reductions and sliding windows.

import { sizeOf } from "../core/shapes.ts";
import { reshape, dilate, transpose } from "./movement.ts";
import type { TracedEquation, Uses } from "./program.ts";
import { numbersOf, pairsOf, type RuleContext, type Rules } from "./rule.ts";

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** sum(x * y, last axis) with broadcasting: an einsum over the dimensions that each operand really has. */
function dot(context: RuleContext): string | null {
  const { build, inputs, shapes } = context;
  const rank = Math.max(...shapes.map((shape) => shape.length));
  if (rank > letters.length || shapes.some((shape) => shape.length === 0)) return null;
  const sizeAt = (operand: number, at: number) => shapes[operand].at(at - rank) ?? 1;
  const operands = inputs.map((name, operand) => {
    const kept = Array.from({ length: rank }, (_, at) => at).filter((at) => {
      if (at < rank - shapes[operand].length) return false;
      return sizeAt(operand, at) !== 1 || sizeAt(1 - operand, at) === 1;
    });
    const shape = kept.map((at) => sizeAt(operand, at));
    const labels = kept.map((at) => letters[at]).join("");
    const same = shape.length === shapes[operand].length;
    return { labels, name: same ? name : reshape(context, name, shape) };
  });
  const output = letters.slice(0, rank - 1);
  const equation = `${operands.map(({ labels }) => labels).join(",")}->${output}`;
  return build.node(
    "Einsum",
    operands.map(({ name }) => name),
    { equation },
  );
}

/**
 * A convolution; one batched over groups of channels becomes one grouped convolution. A transposed one is an ordinary
 * one over an image with zeros between its pixels.
 */
function conv(context: RuleContext): string | null {
  const { build, equation, inputs, shapes, output } = context;
  const { vmapDims, strides, padding, lhsDilation, rhsDilation } = equation.params;
  const batched = vmapDims as number;
  const pads = [0, 1].flatMap((side) => pairsOf(padding).map((pair) => pair[side]));
  if (pads.some((size) => size < 0)) return null;
  const window = {
    strides: numbersOf(strides),
    dilations: numbersOf(rhsDilation),
    pads,
  };
  let [image] = inputs;
  let [x]: readonly (readonly number[])[] = shapes;
  const [, kernel] = shapes;
  for (const [i, step] of numbersOf(lhsDilation).entries()) {
    const axis = batched + 2 + i;
    if (step === 1 || x[axis] < 2) continue;
    image = dilate(context, image, x, axis, step);
    x = x.with(axis, (x[axis] - 1) * step + 1);
  }
  if (batched === 0) return build.node("Conv", [image, inputs[1]], { ...window, group: 1 });
  const [group] = x;
  if (batched !== 1 || group !== kernel[0]) return null;
  const swap = (rank: number) => [1, 0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2)];
  const merged = reshape(context, transpose(context, image, swap(x.length)), [
    x[1],
    group * x[2],
    ...x.slice(3),
  ]);
  const stacked = reshape(context, inputs[1], [group * kernel[1], ...kernel.slice(2)]);
  const made = build.node("Conv", [merged, stacked], { ...window, group });
  const parted = reshape(context, made, [output[1], group, ...output.slice(2)]);
  return transpose(context, parted, swap(output.length));
}

const reductions: Readonly<Record<string, string>> = {
  Add: "ReduceSum",
  Mul: "ReduceProd",
  Max: "ReduceMax",
  Min: "ReduceMin",
};

/** Whether a reduction takes exactly the windows of a pool over images [n, channel, ...]. */
function reducesWindows(reduction: TracedEquation, pool: TracedEquation): boolean {
  const window = numbersOf(pool.params["window"]);
  const strides = numbersOf(pool.params["strides"]);
  const rank = pool.inputs[0].aval.shape.length;
  const leading = window.length - (rank - 2);
  const axes = numbersOf(reduction.params["axis"]).toSorted((a, b) => a - b);
  return (
    reduction.primitive === "reduce" &&
    ["Add", "Max"].includes(String(reduction.params["op"])) &&
    rank > 2 &&
    leading >= 0 &&
    window.slice(0, leading).every((size) => size === 1) &&
    strides.slice(0, leading).every((step) => step === 1) &&
    axes.length === window.length &&
    axes.every((axis, i) => axis === rank + i)
  );
}

/** A pool that is only ever reduced over its windows; then the reduction stands for both. */
export function isReducedPool(equation: TracedEquation, uses: Uses): boolean {
  if (equation.primitive !== "pool") return false;
  const readers = uses.readers(equation.outBinders[0]);
  return readers !== null && readers.every((reader) => reducesWindows(reader, equation));
}

function reduce(context: RuleContext): string | null {
  const { build, equation, inputs, uses, nameOf } = context;
  const pool = uses.maker(equation.inputs[0]);
  if (pool !== undefined && isReducedPool(pool, uses)) {
    const spatial = pool.inputs[0].aval.shape.length - 2;
    const window = numbersOf(pool.params["window"]).slice(-spatial);
    const attributes = {
      kernel_shape: window,
      strides: numbersOf(pool.params["strides"]).slice(-spatial),
    };
    const [image] = pool.inputs.map(nameOf);
    if (equation.params["op"] === "Max") return build.node("MaxPool", [image], attributes);
    const mean = build.node("AveragePool", [image], attributes);
    return build.node("Mul", [mean, build.constant([sizeOf(window)], [], false)]);
  }
  const op = reductions[String(equation.params["op"])];
  if (op === undefined) return null;
  const axes = numbersOf(equation.params["axis"]);
  if (axes.length === 0) return inputs[0];
  return build.node(op, [inputs[0], build.constant(axes, [axes.length], true)], { keepdims: 0 });
}

export const sums: Rules = { dot, conv, reduce };
