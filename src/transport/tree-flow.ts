// The flow that carries one measure to another on a tree of lines, and its cost with all derivatives. Every line becomes a
// balanced problem on the line: an atom at its source takes what its subtree has too much, atoms at its children's sources
// bring theirs. Running sums of sorted atoms are then the flow, for any tree, any weights and unequal masses.

import { childrenOf, type LineTree } from "./line-trees.ts";
import { gapPower, gapDerivative } from "./one-dimensional.ts";
import { reuse } from "./numeric/memory.ts";
import type { Atoms } from "./numeric/sorting-kernel.ts";
import { flowCostOf, sortOrders } from "./numeric/sort-lines.ts";

/** The atoms of one line: its points, then the source at 0, then the sources of its children. */
export interface LineFlow {
  /** Coordinates of the atoms, unsorted: [points + 1 + children] */
  readonly keys: Float64Array;
  readonly order: Int32Array;
  /** Flow from the j-th sorted atom to the next: [atoms - 1] */
  readonly flow: Float64Array;
}

export interface TreeFlow {
  readonly tree: LineTree;
  readonly children: readonly (readonly number[])[];
  /** Points on every line. */
  readonly points: number;
  readonly lines: readonly LineFlow[];
}

/** Flows below this share of all mass are rounding errors of running sums. */
const rounding = 1e-14;

/** Masses of points: their shares of every line [k][points], and the signed mass of each [points]. */
export interface SharedMasses {
  readonly shares: readonly Float64Array[];
  readonly signed: Float64Array;
}

/** The balanced problem of one line: its atoms as {@link LineFlow} has them, and the mass of each. */
type LineAtoms = Atoms;

/** Masses of points on one line, written; returns their sum. */
function writeMasses(mass: Float64Array, own: Float64Array, signed: Float64Array): number {
  let [sum, other] = [0, 0]; // two sums need not wait for each other
  const paired = own.length - (own.length % 2);
  for (let i = 0; i < paired; i += 2) {
    const share = own[i] * signed[i];
    const next = own[i + 1] * signed[i + 1];
    mass[i] = share;
    mass[i + 1] = next;
    sum += share;
    other += next;
  }
  for (let i = paired; i < own.length; i++) sum += mass[i] = own[i] * signed[i];
  return sum + other;
}

/** Arrays of one tree, line by line, for the next tree to use again. */
export interface TreeMemory {
  readonly keys: Float64Array[];
  readonly mass: Float64Array[];
}

export const treeMemory = (): TreeMemory => ({ keys: [], mass: [] });

/** The atoms of every line, and the flow below which there is none. */
function treeAtoms(
  tree: LineTree,
  children: TreeFlow["children"],
  coordinates: readonly Float64Array[],
  { shares, signed }: SharedMasses,
  memory: TreeMemory,
): { readonly lines: readonly LineAtoms[]; readonly least: number } {
  const points = signed.length;
  const subtree = new Float64Array(coordinates.length); // mass of every line's own points, then of its child lines too
  const lines = coordinates.map((ofLine, l): LineAtoms => {
    const atoms = points + 1 + children[l].length;
    const [keys, mass] = [reuse(memory.keys, l, atoms), reuse(memory.mass, l, atoms)];
    keys.set(ofLine);
    subtree[l] = writeMasses(mass, shares[l], signed);
    return { keys, mass };
  });
  const { parent, position } = tree;
  for (let l = parent.length - 1; l >= 0; l--)
    if (parent[l] !== -1) subtree[parent[l]] += subtree[l];
  for (const [l, { keys, mass }] of lines.entries()) {
    keys[points] = 0;
    mass[points] = -subtree[l];
    for (const [i, child] of children[l].entries()) {
      keys[points + 1 + i] = position[child];
      mass[points + 1 + i] = subtree[child];
    }
  }
  let total = 0; // of all points: their shares of the lines sum to 1
  for (let i = 0; i < points; i++) total += Math.abs(signed[i]);
  return { lines, least: rounding * total };
}

/**
 * The flow on a tree. `coordinates` [k][points] and masses of all points on every line; what the masses lack in total enters at
 * the root.
 */
export function treeFlow(
  tree: LineTree,
  coordinates: readonly Float64Array[],
  masses: SharedMasses,
): TreeFlow {
  const children = childrenOf(tree);
  const { lines, least } = treeAtoms(tree, children, coordinates, masses, treeMemory());
  const orders = sortOrders(lines.map(({ keys }) => keys));
  return {
    tree,
    children,
    points: masses.signed.length,
    lines: lines.map(({ keys, mass }, l) => {
      const order = orders[l];
      return { keys, order, flow: runningSums(mass, order, least) };
    }),
  };
}

/** The {@link flowCost} of a tree whose edges weigh their length, without keeping its flow; memory may be used again. */
export function lengthCost(
  tree: LineTree,
  coordinates: readonly Float64Array[],
  masses: SharedMasses,
  p: number,
  memory = treeMemory(),
): number {
  const { lines, least } = treeAtoms(tree, childrenOf(tree), coordinates, masses, memory);
  const atOnce = p === 1 ? flowCostOf(lines, least) : undefined;
  if (atOnce !== undefined) return atOnce;
  const orders = sortOrders(lines.map(({ keys }) => keys));
  return lines.reduce((sum, atoms, l) => sum + lineCost(atoms, orders[l], least, p), 0);
}

/** The cost of the flow from each sorted atom to the next: summed in the order of {@link flowCost}. */
function lineCost({ keys, mass }: LineAtoms, order: Int32Array, least: number, p: number): number {
  const last = order.length - 1;
  let cost = 0;
  let flow = 0;
  let atom = order[0];
  let key = keys[atom];
  for (let j = 0; j < last; j++) {
    flow += mass[atom];
    atom = order[j + 1];
    const next = keys[atom];
    const size = Math.abs(flow);
    if (size > least) cost += (next - key) * (p === 1 ? size : gapPower(flow, p));
    key = next;
  }
  return cost;
}

/** Sums of masses up to each place of an order but the last; 0 where they are at most `least`. */
function runningSums(mass: Float64Array, order: Int32Array, least: number): Float64Array {
  const sums = new Float64Array(order.length - 1);
  let sum = 0;
  for (let j = 0; j < sums.length; j++) {
    sum += mass[order[j]];
    sums[j] = Math.abs(sum) <= least ? 0 : sum;
  }
  return sums;
}

/** Weights of the edges between neighbouring atoms, and how they move with the atoms. */
export interface EdgeWeights {
  /** [k][atoms - 1], in sorted order */
  readonly weights: readonly Float64Array[];
  /** From derivatives of the weights [k][atoms - 1] to derivatives of the keys [k][atoms], unsorted. */
  readonly back: (derivatives: readonly Float64Array[]) => Float64Array[];
}

/** Edges weigh their length: the plain tree distance. */
export function lengthWeights({ lines }: TreeFlow): EdgeWeights {
  return {
    weights: lines.map(({ keys, order, flow }) => {
      const gaps = new Float64Array(flow.length);
      for (let j = 0; j < gaps.length; j++) gaps[j] = keys[order[j + 1]] - keys[order[j]];
      return gaps;
    }),
    back: (derivatives) =>
      lines.map(({ keys, order }, l) => {
        const moved = new Float64Array(keys.length);
        const ofLine = derivatives[l];
        for (let j = 0; j < ofLine.length; j++) {
          moved[order[j + 1]] += ofLine[j];
          moved[order[j]] -= ofLine[j];
        }
        return moved;
      }),
  };
}

/** Sum over edges of weight times |flow|^p, line by line. */
export const flowCost = ({ lines }: TreeFlow, { weights }: EdgeWeights, p: number): number =>
  lines.reduce((sum, { flow }, l) => {
    let cost = 0;
    for (let j = 0; j < flow.length; j++) cost += weights[l][j] * gapPower(flow[j], p);
    return sum + cost;
  }, 0);

export interface FlowDerivatives {
  /** d cost / d coordinates: [k][atoms], where the atoms of the children's sources come after those of the points and the source */
  readonly keys: readonly Float64Array[];
  /** d cost / d masses: [k][points] */
  readonly masses: readonly Float64Array[];
}

/** Potentials of a line's atoms, unsorted: what one more unit of mass there costs; Kantorovich's for p = 1. */
function potentials(
  { keys, order, flow }: LineFlow,
  weights: Float64Array,
  p: number,
): Float64Array {
  const values = new Float64Array(keys.length);
  let sum = 0;
  for (let j = flow.length - 1; j >= 0; j--) {
    sum += gapDerivative(flow[j], p) * weights[j];
    values[order[j]] = sum;
  }
  return values;
}

/** The derivatives of {@link flowCost}. */
export function flowDerivatives(flows: TreeFlow, edges: EdgeWeights, p: number): FlowDerivatives {
  const { lines, tree, children, points } = flows;
  const raised = lines.map(({ flow }) => {
    const powers = new Float64Array(flow.length);
    for (let j = 0; j < flow.length; j++) powers[j] = gapPower(flow[j], p);
    return powers;
  });
  const values = lines.map((line, l) => potentials(line, edges.weights[l], p));
  const base = new Float64Array(lines.length); // what mass on a line costs on the way from its source to the root
  lines.forEach((_, l) => {
    base[l] = -values[l][points];
    const above = tree.parent[l];
    if (above === -1) return;
    base[l] += base[above] + values[above][points + 1 + children[above].indexOf(l)];
  });
  return {
    keys: edges.back(raised),
    masses: values.map((ofLine, l) => {
      const shifted = ofLine.subarray(0, points);
      for (let i = 0; i < points; i++) shifted[i] += base[l];
      return shifted;
    }),
  };
}
