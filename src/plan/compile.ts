// Compiles a lowered spec into a plan: patterns of every tensor, grouped by signature. Patterns are worked out once per
// kind of tensor (same axes in the same order), so a 196-tensor spec with 60,000 terms takes milliseconds.

import { UnsupportedError } from "../core/errors.ts";
import type { LoweredSpec } from "../symmetry/lower.ts";
import { powerOf } from "../symmetry/parts.ts";
import { isRead, isWritten } from "../symmetry/formula.ts";
import { type OpenPattern, openPatterns, type ScaleRule, signatureOf } from "./patterns.ts";
import type { Pattern, Plan, Product, Slot } from "./plan.ts";

/** Which terms a plan has. */
export interface CompilePlanOptions {
  /** `respect` keeps only terms that also commute with scale parts and general-linear maps. @default "ignore" */
  readonly scales?: ScaleRule;
}

interface OpenProduct {
  readonly slots: Slot[];
  readonly features: Pattern[];
  readonly targets: Pattern[];
}

/** Shifts are affine: what is linear in a bias does not commute with them. @throws {UnsupportedError} naming an axis with phases */
export function refusePhases({ axes }: LoweredSpec): void {
  const phased = axes.find(({ scale }) => scale === "phase");
  if (phased !== undefined)
    throw new UnsupportedError(
      `compilePlan: axis "${phased.name}" has phases, which shift biases: no map that is linear in the weights respects them; read the network through unf-products, monomial, magep or unf (their invariant functionals gate weights by sines of the biases), or plan with scales: "ignore"`,
    );
}

/**
 * The plan of the equivariant linear maps from the tensors that are read to those that are written: without roles, from a
 * weight space to itself. Products without features or without targets are left out.
 * @throws {UnsupportedError} for axes with phases, where scale parts are to be respected
 */
export function compilePlan(
  lowered: LoweredSpec,
  { scales = "ignore" }: CompilePlanOptions = {},
): Plan {
  if (scales === "respect") refusePhases(lowered);
  const kinds = new Map<string, { signature: string; pattern: OpenPattern }[]>();
  const products = new Map<string, OpenProduct>();
  for (const tensor of lowered.tensors) {
    const [read, written] = [isRead(tensor), isWritten(tensor)];
    if (!read && !written) continue;
    const kind = tensor.dims.map((dim) => `${dim.axis}@${dim.parent}^${powerOf(dim)}`).join();
    let patterns = kinds.get(kind);
    if (patterns === undefined) {
      patterns = openPatterns(lowered, tensor, scales).map((pattern) => ({
        signature: signatureOf(pattern),
        pattern,
      }));
      kinds.set(kind, patterns);
    }
    for (const { signature, pattern } of patterns) {
      let product = products.get(signature);
      if (product === undefined) {
        product = { slots: slotsOf(lowered, pattern), features: [], targets: [] };
        products.set(signature, product);
      }
      const matchings = matchSlots(pattern, product.slots);
      for (const slots of read ? matchings : [])
        product.features.push(closePattern(tensor.id, pattern, slots));
      if (written) product.targets.push(closePattern(tensor.id, pattern, matchings[0]));
    }
  }
  const list: Product[] = [...products.values()].filter(
    ({ features, targets }) => features.length > 0 && targets.length > 0,
  );
  const terms = list.reduce(
    (sum, { features, targets }) => sum + features.length * targets.length,
    0,
  );
  return Object.freeze({ products: list, terms });
}

/** Slots in the order of the pattern's carried blocks, so that its own features need no transposition. */
function slotsOf(lowered: LoweredSpec, { blocks, carried }: OpenPattern): Slot[] {
  const kept = blocks.flatMap((_, i) => (carried[i] ? [i] : []));
  return kept.map((i) => {
    const { axis, charge, parent } = blocks[i];
    return {
      axis,
      charge,
      size: lowered.axes[axis].size,
      parent: parent === null ? null : kept.indexOf(parent),
    };
  });
}

/** All ways to match carried blocks with slots (same axis, charge and enclosing slot); the first keeps their order. */
function matchSlots({ blocks, carried }: OpenPattern, slots: readonly Slot[]): (number | null)[][] {
  const found: (number | null)[][] = [];
  const slotOf: (number | null)[] = blocks.map(() => null);
  const depth = (i: number): number => {
    const { parent } = blocks[i];
    return parent === null ? 0 : 1 + depth(parent);
  };
  const kept = blocks
    .flatMap((_, i) => (carried[i] ? [i] : []))
    .sort((a, b) => depth(a) - depth(b) || a - b);
  const visit = (at: number): void => {
    if (at === kept.length) {
      found.push([...slotOf]);
      return;
    }
    const { axis, charge, parent } = blocks[kept[at]];
    const enclosing = parent === null ? null : slotOf[parent];
    for (const [slot, candidate] of slots.entries()) {
      if (candidate.axis !== axis || candidate.charge !== charge || candidate.parent !== enclosing)
        continue;
      if (slotOf.includes(slot)) continue;
      slotOf[kept[at]] = slot;
      visit(at + 1);
      slotOf[kept[at]] = null;
    }
  };
  visit(0);
  return found;
}

function closePattern(
  tensor: number,
  { blocks }: OpenPattern,
  slots: readonly (number | null)[],
): Pattern {
  return { tensor, blocks: blocks.map(({ dims }, i) => ({ dims, slot: slots[i] })) };
}
