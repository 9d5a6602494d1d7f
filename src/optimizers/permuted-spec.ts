// Kernel positions as axes of their own: UNF gives every dimension an axis that it permutes, while specs read off networks leave
// kernel positions as blocks that nothing moves.

import { frozenRecord } from "../core/records.ts";
import type { Axis, SymmetrySpec } from "../symmetry/types.ts";

/**
 * The spec with an axis of its own for every dimension that is a bare block, of tensors of at most `maxRank` dimensions; the same spec where
 * there is none.
 */
export function blocksAsAxes(spec: SymmetrySpec, maxRank = Infinity): SymmetrySpec {
  const axes: [string, Axis][] = [];
  const tensors = Object.entries(spec.tensors).map(([name, tensor], t) => {
    const { shape, axes: expressions } = tensor;
    const named = expressions.map((expression, dimension) => {
      if (expression.kind !== "block" || shape.length > maxRank) return expression;
      const axis = freshName(spec, `block${t}.${dimension}`);
      axes.push([axis, { size: expression.size, group: "permutation" }]);
      return { kind: "axis", name: axis, inverse: false } as const;
    });
    return [name, { ...tensor, axes: named }] as const;
  });
  if (axes.length === 0) return spec;
  return Object.freeze({
    ...spec,
    axes: frozenRecord([...Object.entries(spec.axes), ...axes]),
    tensors: frozenRecord(tensors),
  });
}

function freshName(spec: SymmetrySpec, wanted: string): string {
  let name = wanted;
  while (Object.hasOwn(spec.axes, name)) name = `${name}_`;
  return name;
}
