// Coefficient sharing between structurally equal pairs of tensors. Two pairs are equal when their tensors have the same
// roles (names without their numbers), the same distance between those numbers (layers apart) and the same term. With
// distances cut off, a layer's parameter count no longer depends on depth. The published UNF has no such sharing;
// NFN's abandoned depth-independent layers do the same for MLPs.

import type { LoweredSpec } from "../symmetry/lower.ts";
import { membersOf } from "./merge-tensors.ts";
import type { Plan } from "./plan.ts";
import { defaultMaxDistance, distanceOf, roleOf } from "./shared-places.ts";
import { jointLabels } from "./terms.ts";

/** Which coefficients are one and the same number. */
export interface SharedCoefficients {
  /** Number of distinct coefficient blocks. */
  readonly count: number;
  /** Per product, row-major [input columns, output columns] per channel: which block each place uses. */
  readonly indices: readonly Int32Array<ArrayBuffer>[];
}

/** Which coefficients {@link shareCoefficients} ties. */
export interface ShareOptions {
  /** Tensors further apart than this share one block per direction. @default 2 */
  readonly maxDistance?: number;
}

export function shareCoefficients(
  lowered: LoweredSpec,
  plan: Plan,
  { maxDistance = defaultMaxDistance }: ShareOptions = {},
): SharedCoefficients {
  /** Per tensor and fixed entry: role and numbers of the member it belongs to, and its place in there. */
  const places = lowered.tensors.map(({ id }) =>
    membersOf(lowered, id).flatMap((member) => {
      const role = roleOf(member);
      return Array.from({ length: member.fixedSize }, (_, at) => ({ ...role, at }));
    }),
  );
  const blocks = new Map<string, number>();
  const distance = (a: readonly number[], b: readonly number[]) => distanceOf(a, b, maxDistance);
  const indices = plan.products.map(({ features, targets }) => {
    const fixed = (tensor: number) => lowered.tensors[tensor].fixedSize;
    const columns = targets.reduce((sum, { tensor }) => sum + fixed(tensor), 0);
    const rows = features.reduce((sum, { tensor }) => sum + fixed(tensor), 0);
    const index = new Int32Array(rows * columns);
    let row = 0;
    for (const feature of features) {
      let column = 0;
      for (const target of targets) {
        const labels = jointLabels(target, feature).join(".");
        for (const [i, from] of places[feature.tensor].entries()) {
          for (const [j, to] of places[target.tensor].entries()) {
            const difference = distance(from.numbers, to.numbers);
            const place = `${from.role}|${to.role}|${difference}|${labels}|${from.at}|${to.at}`;
            let block = blocks.get(place);
            if (block === undefined) {
              block = blocks.size;
              blocks.set(place, block);
            }
            index[(row + i) * columns + column + j] = block;
          }
        }
        column += fixed(target.tensor);
      }
      row += fixed(feature.tensor);
    }
    return index;
  });
  return { count: blocks.size, indices };
}
