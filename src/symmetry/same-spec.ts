// Whether two specs say the same under other axis names: same tensors, shapes and groups, and a one-to-one matching of
// axes under which every dimension reads the same. Turning an axis's scalings into their inverses changes no group.

import {
  type AxisExpression,
  expressionSize,
  formatAxisExpression,
  productOf,
} from "./expression.ts";
import type { AxesAndTensors, Axis } from "./types.ts";

/** One place in a dimension: an axis with its direction, or an anonymous block. */
type Token =
  | { readonly axis: string; readonly inverse: boolean; readonly still: boolean }
  | { readonly block: string };

/**
 * The first difference in words, or null when the specs are the same up to names. Fixed axes are compared by size only:
 * a named fixed axis and a plain block say the same.
 */
export function specDifference(a: AxesAndTensors, b: AxesAndTensors): string | null {
  const names = Object.keys(a.tensors);
  const missing = names.find((name) => !Object.hasOwn(b.tensors, name));
  if (missing !== undefined) return `tensor "${missing}" is only in the first`;
  const extra = Object.keys(b.tensors).find((name) => !Object.hasOwn(a.tensors, name));
  if (extra !== undefined) return `tensor "${extra}" is only in the second`;
  const forward = new Map<string, string>();
  const backward = new Map<string, string>();
  const flips = new Map<string, boolean>();
  for (const name of names) {
    const [x, y] = [a.tensors[name], b.tensors[name]];
    if (x.shape.join() !== y.shape.join())
      return `tensor "${name}" has shapes [${x.shape.join(", ")}] and [${y.shape.join(", ")}]`;
    if ((x.shift === undefined) !== (y.shift === undefined))
      return `tensor "${name}" is shifted by phases in one only`;
    for (const [dimension, expression] of x.axes.entries()) {
      const where = `tensor "${name}", dimension ${dimension}`;
      const [left, right] = [tokens(a, expression), tokens(b, y.axes[dimension])];
      const problem = match(where, left, right, { forward, backward, flips });
      if (problem !== null) return problem;
    }
  }
  for (const [from, to] of forward) {
    const problem = compareAxes([a, from], [b, to], forward);
    if (problem !== null) return problem;
    // Phases have a direction: biases are shifted, and what is behind the sine is flipped.
    if (a.axes[from].scale === "phase" && flips.get(from) === true)
      return `axes "${from}" and "${to}" have their phases in different directions`;
  }
  for (const name of names) {
    const [x, y] = [a.tensors[name].shift, b.tensors[name].shift];
    if (x !== undefined && forward.get(x) !== y)
      return `tensor "${name}" is shifted along "${x}" and "${y}"`;
  }
  return null;
}

interface Matching {
  readonly forward: Map<string, string>;
  readonly backward: Map<string, string>;
  readonly flips: Map<string, boolean>;
}

function match(
  where: string,
  left: readonly Token[],
  right: readonly Token[],
  { forward, backward, flips }: Matching,
): string | null {
  if (left.length !== right.length)
    return `${where}: ${left.length} and ${right.length} axes in order`;
  for (const [i, x] of left.entries()) {
    const y = right[i];
    if ("block" in x || "block" in y) {
      if ("block" in x && "block" in y && x.block === y.block) continue;
      return `${where}: ${show(x)} and ${show(y)}`;
    }
    const known = forward.get(x.axis);
    if (known === undefined && backward.has(y.axis))
      return `${where}: "${y.axis}" stands for "${backward.get(y.axis)}" and "${x.axis}"`;
    if (known !== undefined && known !== y.axis)
      return `${where}: "${x.axis}" stands for "${known}" and "${y.axis}"`;
    forward.set(x.axis, y.axis);
    backward.set(y.axis, x.axis);
    if (x.still !== y.still) return `${where}: scales act on one of "${x.axis}" and "${y.axis}"`;
    if (x.still) continue;
    const flip = x.inverse !== y.inverse;
    if ((flips.get(x.axis) ?? flip) !== flip)
      return `${where}: "${x.axis}" and "${y.axis}" scale in different directions`;
    flips.set(x.axis, flip);
  }
  return null;
}

const show = (token: Token) => ("block" in token ? `a fixed ${token.block}` : `"${token.axis}"`);

type NamedAxis = readonly [spec: AxesAndTensors, name: string];

function compareAxes(
  [a, from]: NamedAxis,
  [b, to]: NamedAxis,
  forward: ReadonlyMap<string, string>,
): string | null {
  const [x, y] = [a.axes[from], b.axes[to]];
  const same =
    x.size === y.size &&
    x.group === y.group &&
    x.scale === y.scale &&
    x.omega === y.omega &&
    (x.wave ?? "sine") === (y.wave ?? "sine") &&
    isWithinSame([a, x.within], [b, y.within], forward);
  return same ? null : `axes "${from}" and "${to}" have different groups: ${text(x)}; ${text(y)}`;
}

/** Whether two axes lie within none, within axes that stand for each other, or within fixed ones of one size. */
function isWithinSame(
  [a, x]: readonly [AxesAndTensors, string | undefined],
  [b, y]: readonly [AxesAndTensors, string | undefined],
  forward: ReadonlyMap<string, string>,
): boolean {
  if (x === undefined || y === undefined) return x === y;
  const [left, right] = [a.axes[x], b.axes[y]];
  if (left.group === "fixed" && right.group === "fixed") return left.size === right.size;
  return forward.get(x) === y;
}

const text = ({ size, group, scale, omega, wave, within }: Axis) =>
  [
    group,
    size,
    scale,
    omega === undefined ? undefined : `omega ${omega}`,
    wave,
    within && `within ${within}`,
  ]
    .filter((part) => part !== undefined)
    .join(" ");

/** The moving axes of an expression in order, with what lies between; a sum of products is written out. */
function tokens(spec: AxesAndTensors, expression: AxisExpression): Token[] {
  const size = (name: string) => spec.axes[name].size;
  const walk = (part: AxisExpression): Token[] => {
    const fixed = isFixed(spec, part);
    if (fixed) return [{ block: `${expressionSize(part, size)}` }];
    if (part.kind === "axis")
      return [
        {
          axis: part.name,
          inverse: part.inverse && spec.axes[part.name].scale !== "sign",
          still: part.still === true && spec.axes[part.name].scale !== undefined,
        },
      ];
    if (part.kind === "product") {
      const [head, ...rest] = part.factors;
      const multiple = isFixed(spec, head) ? expressionSize(head, size) : 1;
      if (multiple === 1 && !isFixed(spec, head))
        return [{ block: "(" }, ...part.factors.flatMap(walk), { block: ")" }];
      // `3 * h` is `h + h + h`.
      const one = walk(rest.length === 1 ? rest[0] : { kind: "product", factors: rest });
      return Array.from({ length: multiple }, () => [{ block: "+" }, ...one])
        .flat()
        .slice(1);
    }
    if (part.kind === "block") return [{ block: String(part.size) }];
    if (part.kind === "interleaved") {
      const [first, ...rest] = part.terms;
      const text = formatAxisExpression(first);
      // `h & h` is `h * 2`.
      if (rest.every((term) => formatAxisExpression(term) === text))
        return walk(productOf([first, { kind: "block", size: part.terms.length }]));
      const turns = part.terms.flatMap((term): Token[] => [{ block: "&" }, ...walk(term)]);
      return [{ block: "(" }, ...turns, { block: ")" }];
    }
    return part.terms.flatMap((term) => [{ block: "+" } as Token, ...walk(term)]).slice(1);
  };
  return walk(expression);
}

function isFixed(spec: AxesAndTensors, part: AxisExpression): boolean {
  switch (part.kind) {
    case "axis":
      return spec.axes[part.name].group === "fixed";
    case "block":
      return true;
    case "product":
      return part.factors.every((factor) => isFixed(spec, factor));
    case "sum":
    case "interleaved":
      return part.terms.every((term) => isFixed(spec, term));
  }
}
