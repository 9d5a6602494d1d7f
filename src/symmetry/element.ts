// Group elements of a spec as plain data: sample, compose, invert. An axis within another holds one permutation for
// every enclosing index (a wreath product); scales and matrices sit beside them.

import { OptionError } from "../core/errors.ts";
import { frozenRecord, lookup } from "../core/records.ts";
import { deriveSeed, randomStream } from "../core/random.ts";
import type { Axis, SymmetrySpec } from "./types.ts";
import { identityMatrix, invertMatrix, multiplyMatrices, sampleMatrix } from "./matrices.ts";

/**
 * What an element does to one axis. Lists run over instances: one entry for a free axis, one per enclosing index
 * (row-major over the chain of enclosing axes) for an axis within another.
 */
export interface AxisAction {
  /** `permutations[instance][i]` is where index i goes: new[p[i]] = old[i]. */
  readonly permutations: readonly (readonly number[])[];
  /** Factor on source index i; dimensions written `h^-1` are divided by it. */
  readonly scales?: readonly (readonly number[])[];
  /**
   * Whole numbers k of axes with phases: source index i of a shifted tensor gets k pi / omega added after its sign, and
   * dimensions written `h^-1` are multiplied by (-1)^k.
   */
  readonly windings?: readonly (readonly number[])[];
  /** Row-major size x size matrices (axes of group `general-linear`): new = M old; `h^-1` uses the inverse transpose. */
  readonly matrices?: readonly (readonly number[])[];
}

/** One action per moving axis; axes that are not named stay put. */
export type GroupElement = Readonly<Record<string, AxisAction>>;

/** Axes an element can move, in the spec's order. */
export function movingAxes(spec: Pick<SymmetrySpec, "axes">): string[] {
  return Object.keys(spec.axes).filter((name) => spec.axes[name].group !== "fixed");
}

/** Enclosing axes of an axis, outermost first. */
export function enclosingAxes(spec: Pick<SymmetrySpec, "axes">, name: string): string[] {
  const within = spec.axes[name].within;
  return within === undefined ? [] : [...enclosingAxes(spec, within), within];
}

/** Number of independent copies of the axis's group: the product of its enclosing sizes. */
export function instanceCount(spec: Pick<SymmetrySpec, "axes">, name: string): number {
  return enclosingAxes(spec, name).reduce((count, outer) => count * spec.axes[outer].size, 1);
}

const range = (size: number) => Array.from({ length: size }, (_, i) => i);

function buildElement(
  spec: Pick<SymmetrySpec, "axes">,
  names: Iterable<string>,
  build: (axis: Axis, name: string, instances: number) => AxisAction,
): GroupElement {
  return frozenRecord(
    [...names].map(
      (name) => [name, build(spec.axes[name], name, instanceCount(spec, name))] as const,
    ),
  );
}

/** The element that moves nothing. */
export function identityElement(spec: Pick<SymmetrySpec, "axes">): GroupElement {
  return buildElement(spec, movingAxes(spec), (axis, _name, instances) =>
    identityAction(axis, instances),
  );
}

function identityAction(axis: Axis, instances: number): AxisAction {
  return {
    permutations: range(instances).map(() => range(axis.size)),
    ...(axis.scale !== undefined && {
      scales: range(instances).map(() => range(axis.size).map(() => 1)),
    }),
    ...(axis.scale === "phase" && {
      windings: range(instances).map(() => range(axis.size).map(() => 0)),
    }),
    ...(axis.group === "general-linear" && {
      matrices: range(instances).map(() => identityMatrix(axis.size)),
    }),
  };
}

/** What a random element may move. */
export interface SampleElementOptions {
  /** Only these axes move. @default all that can */
  readonly axes?: readonly string[];
  /** Also draw scale parts and matrices where the spec has them. @default true */
  readonly scales?: boolean;
  /** Windings of phases are drawn from -windings to windings. @default 3 */
  readonly windings?: number;
}

/**
 * A random element, the same for the same seed: uniform permutations; signs with probability 1/2; positive scales
 * log-uniform in [1/2, 2]; matrices well conditioned (singular values within [1/2, 2]); windings of phases uniform.
 * @throws {OptionError} for an axis that the spec does not have or that is fixed; for windings that are no whole number.
 */
export function sampleElement(
  spec: Pick<SymmetrySpec, "axes">,
  seed: number,
  { axes, scales = true, windings: most = 3 }: SampleElementOptions = {},
): GroupElement {
  if (!Number.isSafeInteger(most) || most < 0)
    throw new OptionError(`sampleElement: windings must be a whole number, got ${most}`);
  for (const name of axes ?? []) {
    const axis = lookup(spec.axes, name);
    if (axis === undefined || axis.group === "fixed") {
      throw new OptionError(
        `sampleElement: axis "${name}" is ${axis ? "fixed" : "unknown"}, expected one of ${movingAxes(spec).join(", ")}`,
      );
    }
  }
  return buildElement(spec, axes ?? movingAxes(spec), (axis, name, instances) => {
    const random = randomStream(deriveSeed(seed, "element", name));
    const linear = axis.group === "general-linear";
    const permutations = range(instances).map(() =>
      linear ? range(axis.size) : random.permutation(axis.size),
    );
    if (!scales) return { permutations };
    if (linear)
      return {
        permutations,
        matrices: range(instances).map(() => sampleMatrix(axis.size, random)),
      };
    if (axis.scale === undefined) return { permutations };
    const factor = () =>
      axis.scale === "positive" ? 2 ** (2 * random.uniform() - 1) : random.uniform() < 0.5 ? -1 : 1;
    const draw = (one: () => number) =>
      range(instances).map(() => range(axis.size).map(() => one()));
    const drawn = { permutations, scales: draw(factor) };
    if (axis.scale !== "phase") return drawn;
    const winding = () => Math.floor((2 * most + 1) * random.uniform()) - most;
    return { ...drawn, windings: draw(winding) };
  });
}

/** Where every instance of an axis goes when its enclosing axes move. */
export function instanceImages(
  spec: Pick<SymmetrySpec, "axes">,
  element: GroupElement,
  name: string,
): number[] {
  const within = spec.axes[name].within;
  if (within === undefined) return [0];
  const outer = instanceImages(spec, element, within);
  const size = spec.axes[within].size;
  const permutations = lookup(element, within)?.permutations;
  return outer.flatMap((image, instance) =>
    range(size).map(
      (i) => image * size + (permutations === undefined ? i : permutations[instance][i]),
    ),
  );
}

/** The element that first does `first`, then `then`. */
export function composeElements(
  spec: Pick<SymmetrySpec, "axes">,
  then: GroupElement,
  first: GroupElement,
): GroupElement {
  return buildElement(spec, movingAxes(spec), (axis, name, count) => {
    const a = lookup(first, name) ?? identityAction(axis, count);
    const b = lookup(then, name);
    // What the later element does not move stays as the first one left it, wherever its instances go.
    const isWhole =
      (a.scales !== undefined || axis.scale === undefined) &&
      (a.windings !== undefined || axis.scale !== "phase");
    if (b === undefined && isWhole) return a;
    return composeActions(
      axis,
      a,
      b ?? identityAction(axis, count),
      instanceImages(spec, first, name),
    );
  });
}

/**
 * What composition changes: the axes that `then` moves, after `first` and then `then`. An element of thousands of axes that is
 * built up one axis at a time need not be copied each time.
 */
export function composedAxes(
  spec: Pick<SymmetrySpec, "axes">,
  then: GroupElement,
  first: GroupElement,
): GroupElement {
  return buildElement(spec, Object.keys(then), (axis, name, count) =>
    composeActions(
      axis,
      lookup(first, name) ?? identityAction(axis, count),
      then[name],
      instanceImages(spec, first, name),
    ),
  );
}

/** `a`, then `b` at the images of its instances. */
function composeActions(
  axis: Axis,
  a: AxisAction,
  b: AxisAction,
  images: readonly number[],
): AxisAction {
  const permutations = a.permutations.map((p, instance) =>
    p.map((i) => b.permutations[images[instance]][i]),
  );
  const one = range(axis.size).map(() => 1);
  const hasScales = a.scales !== undefined || b.scales !== undefined;
  const scales = a.permutations.map((p, instance) =>
    (a.scales?.[instance] ?? one).map((s, i) => s * (b.scales?.[images[instance]][p[i]] ?? 1)),
  );
  if (axis.group !== "general-linear") {
    const windings = composedWindings(a, b, images);
    return { permutations, ...(hasScales && { scales }), ...(windings && { windings }) };
  }
  const unit = identityMatrix(axis.size);
  const matrices = a.permutations.map((_, instance) =>
    multiplyMatrices(
      b.matrices?.[images[instance]] ?? unit,
      a.matrices?.[instance] ?? unit,
      axis.size,
    ),
  );
  return { permutations, ...(hasScales && { scales }), matrices };
}

/** A bias becomes s b + k, then s' (s b + k) + k'; undefined where neither winds. */
function composedWindings(
  a: AxisAction,
  b: AxisAction,
  images: readonly number[],
): number[][] | undefined {
  if (a.windings === undefined && b.windings === undefined) return undefined;
  return a.permutations.map((p, instance) =>
    p.map((to, i) => {
      const image = images[instance];
      const carried = (b.scales?.[image][to] ?? 1) * (a.windings?.[instance][i] ?? 0);
      return carried + (b.windings?.[image][to] ?? 0);
    }),
  );
}

/** The element that undoes `element`. */
export function invertElement(
  spec: Pick<SymmetrySpec, "axes">,
  element: GroupElement,
): GroupElement {
  return buildElement(spec, Object.keys(element), (axis, name) => {
    const images = instanceImages(spec, element, name);
    const { permutations, scales, windings, matrices } = element[name];
    const inverse = permutations.map((): number[] => []);
    const unwound = permutations.map((): number[] => []);
    const factors = permutations.map((): number[] => []);
    const inverses = permutations.map((): number[] => []);
    for (const [instance, p] of permutations.entries()) {
      const image = images[instance];
      for (const [i, target] of p.entries()) {
        inverse[image][target] = i;
        if (scales !== undefined) factors[image][target] = 1 / scales[instance][i];
        if (windings !== undefined)
          unwound[image][target] = 0 - (scales?.[instance][i] ?? 1) * windings[instance][i];
      }
      if (matrices !== undefined) inverses[image] = invertMatrix(matrices[instance], axis.size);
    }
    return {
      permutations: inverse,
      ...(scales && { scales: factors }),
      ...(windings && { windings: unwound }),
      ...(matrices && { matrices: inverses }),
    };
  });
}
