// TS-Sobolev edge weights (tree-sliced Sobolev transport): an edge weighs the integral of (1 + length beyond)^(1 - p) over its
// points, where the length beyond is that of the whole subtree on the far side from the root.

import type { EdgeWeights, TreeFlow } from "./tree-flow.ts";

/** The integral of s^(1 - p) from s to s + gap, with all digits where the gap is small. */
export function sobolevIntegral(s: number, gap: number, p: number): number {
  const logarithm = Math.log1p(gap / s);
  return p === 2 ? logarithm : (s ** (2 - p) * Math.expm1((2 - p) * logarithm)) / (2 - p);
}

/** Where everything lies on the sorted atoms of a line. */
interface Places {
  /** Place of the source. */
  readonly root: number;
  /** Children and the places of their sources. */
  readonly children: readonly { readonly line: number; readonly place: number }[];
}

function placesOf({ lines, children, points }: TreeFlow): Places[] {
  return lines.map(({ order }, l) => {
    const place = new Int32Array(order.length);
    order.forEach((atom, j) => (place[atom] = j));
    return {
      root: place[points],
      children: children[l].map((line, i) => ({ line, place: place[points + 1 + i] })),
    };
  });
}

const isBeyond = (place: number, edge: number, root: number): boolean =>
  edge >= root ? place > edge : place <= edge;

/** Lengths of all subtrees. */
function subtreeLengths({ lines, tree }: TreeFlow): Float64Array {
  const lengths = Float64Array.from(
    lines,
    ({ keys, order }) => keys[order[order.length - 1]] - keys[order[0]],
  );
  for (let l = lines.length - 1; l >= 0; l--)
    if (tree.parent[l] !== -1) lengths[tree.parent[l]] += lengths[l];
  return lengths;
}

/** Edge weights of TS-Sobolev for order p; with p = 1 an edge weighs its length. */
export function sobolevWeights(flows: TreeFlow, p: number): EdgeWeights {
  const { lines } = flows;
  const places = placesOf(flows);
  const lengths = subtreeLengths(flows);
  /** 1 + length beyond an edge. */
  const far = lines.map(({ keys, order, flow }, l) => {
    const { root, children } = places[l];
    const [first, last] = [keys[order[0]], keys[order[flow.length]]];
    return flow.map((_, j) => {
      const beyond = j >= root ? last - keys[order[j + 1]] : keys[order[j]] - first;
      const attached = children.filter(({ place }) => isBeyond(place, j, root));
      return attached.reduce((sum, { line }) => sum + lengths[line], 1 + beyond);
    });
  });
  const gap = (l: number, j: number) =>
    lines[l].keys[lines[l].order[j + 1]] - lines[l].keys[lines[l].order[j]];
  const weights = far.map((ofLine, l) => ofLine.map((s, j) => sobolevIntegral(s, gap(l, j), p)));
  const back = (derivatives: readonly Float64Array[]): Float64Array[] => {
    const lengthDerivatives = new Float64Array(lines.length);
    return lines.map(({ keys, order }, l) => {
      const moved = new Float64Array(keys.length);
      const { root, children } = places[l];
      const [first, last] = [order[0], order[order.length - 1]];
      moved[last] += lengthDerivatives[l];
      moved[first] -= lengthDerivatives[l];
      for (const { line } of children) lengthDerivatives[line] += lengthDerivatives[l];
      derivatives[l].forEach((derivative, j) => {
        const s = far[l][j];
        const near = derivative * (s + gap(l, j)) ** (1 - p);
        const beyond = near - derivative * s ** (1 - p);
        moved[order[j + 1]] += near;
        moved[order[j]] -= near;
        moved[j >= root ? last : order[j]] += beyond;
        moved[j >= root ? order[j + 1] : first] -= beyond;
        for (const { line, place } of children)
          if (isBeyond(place, j, root)) lengthDerivatives[line] += beyond;
      });
      return moved;
    });
  };
  return { weights, back };
}
