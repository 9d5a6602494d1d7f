// A dataset after a random group element acted on every network: same functions, other weights. Which part of the group acts
// beside permutations is a choice: functionals that ignore scales fail under scales, and that is what is measured.

import { OptionError } from "../../core/errors.ts";
import { deriveSeed, randomStream } from "../../core/random.ts";
import { sizeOf } from "../../core/shapes.ts";
import { actOn } from "../../symmetry/act.ts";
import { type GroupElement, sampleElement } from "../../symmetry/element.ts";
import type { Axis, SymmetrySpec } from "../../symmetry/types.ts";
import type { WeightDataset } from "../../train/dataset.ts";

/**
 * What acts on networks beside permutations: positive factors drawn uniformly from [1, 10^exponent] (as published for
 * Monomial-NFN), signs, well-conditioned bases of general-linear axes, or phases: signs and up to so many windings each way.
 */
export type Move =
  | { readonly kind: "scales"; readonly exponent: number }
  | { readonly kind: "phases"; readonly windings: number }
  | { readonly kind: "signs" | "bases" };

/** `scales:2`, `signs`, `bases`, `phases` (3 windings), `phases:40`. @throws {OptionError} for other texts. */
export function parseMove(text: string): Move {
  if (text === "signs" || text === "bases") return { kind: text };
  const windings = /^phases(?::(\d{1,6}))?$/.exec(text);
  if (windings !== null) return { kind: "phases", windings: Number(windings[1] ?? 3) };
  const found = /^scales:(\d+(?:\.\d+)?)$/.exec(text);
  const exponent = Number(found?.[1]);
  if (found === null || exponent > 8)
    throw new OptionError(
      `move: expected scales:K with K from 0 to 8, signs, phases, phases:K or bases, got ${JSON.stringify(text)}`,
    );
  return { kind: "scales", exponent };
}

const concerns = ({ kind }: Move, { scale, group }: Axis): boolean => {
  if (kind === "bases") return group === "general-linear";
  if (kind === "signs") return scale === "sign" || scale === "phase";
  return scale === (kind === "phases" ? "phase" : "positive");
};

/** @throws {OptionError} when no axis of the networks has the part of the group that is to act. */
export function checkMove(spec: SymmetrySpec, move: Move): void {
  if (Object.values(spec.axes).some((axis) => concerns(move, axis))) return;
  const what = {
    scales: "positive scales",
    signs: "signs",
    bases: "a basis of its own",
    phases: "phases",
  }[move.kind];
  const hasSigns = Object.values(spec.axes).some(({ scale }) => scale === "sign");
  const remedy =
    move.kind === "phases" && hasSigns
      ? "; where its signs are those of sine layers, say their frequency: --phases 30"
      : "";
  throw new OptionError(
    `move: no axis of these networks has ${what}, so ${move.kind} cannot act${remedy}`,
  );
}

/** A random element: permutations, and of scales and bases what the move says. */
export function movingElement(spec: SymmetrySpec, seed: number, move: Move | null): GroupElement {
  const element = sampleElement(spec, seed, {
    scales: move !== null,
    ...(move?.kind === "phases" && { windings: move.windings }),
  });
  if (move === null) return element;
  return Object.fromEntries(
    Object.entries(element).map(([name, { permutations, scales, windings, matrices }]) => {
      if (!concerns(move, spec.axes[name])) return [name, { permutations }];
      const isWound = move.kind === "phases" && windings !== undefined;
      if (move.kind !== "scales")
        return [
          name,
          {
            permutations,
            ...(scales && { scales }),
            ...(isWound && { windings }),
            ...(matrices && { matrices }),
          },
        ];
      const random = randomStream(deriveSeed(seed, "factors", name));
      const maxScale = 10 ** move.exponent;
      const factors = permutations.map((list) =>
        list.map(() => 1 + (maxScale - 1) * random.uniform()),
      );
      return [name, { permutations, scales: factors }];
    }),
  );
}

/** Every network moved by an element of its own. Permutations alone, which all functionals but controls respect, unless a move says more. */
export function moveDataset(
  dataset: WeightDataset,
  seed: number,
  move: Move | null = null,
): WeightDataset {
  const { spec, size, tensors } = dataset;
  if (move !== null) checkMove(spec, move);
  const moved = Object.fromEntries(
    Object.entries(tensors).map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
  );
  for (let network = 0; network < size; network++) {
    const element = movingElement(spec, deriveSeed(seed, "move", network), move);
    const weights = Object.entries(tensors).map(([name, { shape, data }]) => {
      const entries = sizeOf(shape);
      return [
        name,
        { shape, data: data.subarray(network * entries, (network + 1) * entries) },
      ] as const;
    });
    for (const [name, { shape, data }] of Object.entries(
      actOn(spec, element, Object.fromEntries(weights)),
    )) {
      moved[name].data.set(data, network * sizeOf(shape));
    }
  }
  return { ...dataset, tensors: moved };
}
