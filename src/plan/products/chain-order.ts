// The order in which chains of products visit axes: strongly connected components of the graph whose edges are the tensors
// that lead from one axis to another, and in every component the axes that act as streams, which all its cycles pass.

/** A tensor that leads from one axis to another. */
export interface ChainEdge {
  readonly from: number;
  readonly to: number;
}

/** Axes that reach each other. Without cycles: one axis, no streams. */
export interface ChainComponent {
  /** Every cycle passes one of them. */
  readonly streams: readonly number[];
  /** The others, in an order that follows the edges between them. */
  readonly inner: readonly number[];
}

/** Strongly connected components in the order of the edges (Tarjan 1972), of the given nodes in the given order. */
function componentsOf(nodes: readonly number[], edges: readonly ChainEdge[]): number[][] {
  const index = new Map<number, number>();
  const low = new Map<number, number>();
  const open: number[] = [];
  const found: number[][] = [];
  const visit = (node: number): void => {
    const number = index.size;
    index.set(node, number);
    let lowest = number;
    open.push(node);
    for (const { from, to } of edges) {
      if (from !== node) continue;
      if (!index.has(to)) visit(to);
      else if (!open.includes(to)) continue;
      lowest = Math.min(lowest, low.get(to) ?? index.get(to) ?? number);
    }
    low.set(node, lowest);
    if (lowest === number) found.push(open.splice(open.indexOf(node)));
  };
  for (const node of nodes) if (!index.has(node)) visit(node);
  return found.toReversed();
}

const hasCycle = (nodes: readonly number[], edges: readonly ChainEdge[]): boolean => {
  const inside = edges.filter(({ from, to }) => nodes.includes(from) && nodes.includes(to));
  return (
    inside.some(({ from, to }) => from === to) ||
    componentsOf(nodes, inside).some(({ length }) => length > 1)
  );
};

/**
 * Components in the order of the edges. Streams are chosen greedily: the axis with most edges inside the component first, then
 * with most ends of chains (`endsAt`), then by `nameOf`: the order of tensors and axes does not matter.
 */
export function chainOrder(
  axes: readonly number[],
  edges: readonly ChainEdge[],
  nameOf: (axis: number) => string,
  endsAt: (axis: number) => number,
): ChainComponent[] {
  const byName = (a: number, b: number) => (nameOf(a) < nameOf(b) ? -1 : 1);
  const sorted = axes.toSorted(byName);
  return componentsOf(sorted, edges).map((component): ChainComponent => {
    const within = (nodes: readonly number[]) =>
      edges.filter(({ from, to }) => nodes.includes(from) && nodes.includes(to));
    const streams: number[] = [];
    let rest = component.toSorted(byName);
    while (hasCycle(rest, edges)) {
      const inside = within(rest);
      const degree = (axis: number) =>
        inside.filter(({ from, to }) => from === axis || to === axis).length;
      const [stream] = rest.toSorted(
        (a, b) => degree(b) - degree(a) || endsAt(b) - endsAt(a) || byName(a, b),
      );
      streams.push(stream);
      rest = rest.filter((axis) => axis !== stream);
    }
    return { streams, inner: componentsOf(rest, within(rest)).flat() };
  });
}
