// Inference and proofs as text for people.

import { visibleName } from "../../core/visible.ts";
import { formatGroup } from "../../symmetry/print.ts";
import type { Inference } from "../infer.ts";
import type { ProvedDirection } from "../proof/removed-directions.ts";
import type { Proof } from "../proof/prove.ts";

/** Why every axis is what it is, one paragraph an axis. */
export function printExplanations({ spec, explanations }: Inference): string {
  return explanations
    .map(({ axis, size, fixed, fixedBy, places, reasons, anyBasis }) => {
      const title =
        axis === null
          ? `size ${size}: fixed`
          : `${visibleName(axis)}: ${formatGroup(spec.axes[axis])}`;
      return [
        title,
        `  in ${listed(places, 6)}`,
        ...(fixed ? [`  fixed by ${fixedBy ?? "its size"}`] : []),
        ...(reasons.length > 0 ? [`  tied by ${listed(reasons, 8)}`] : []),
        ...(anyBasis
          ? [
              `  any invertible matrix would do too, as no norm stands on this stream; the spec keeps what weights can tell apart`,
            ]
          : []),
      ].join("\n");
    })
    .join("\n");
}

function listed(items: readonly string[], maxItems: number): string {
  const shown = items.slice(0, maxItems).map(visibleName).join(", ");
  return items.length > maxItems ? `${shown} and ${items.length - maxItems} more` : shown;
}

const exponent = (value: number): string => value.toExponential(1);

/** The verdict with the error of every axis, ending without a newline. */
export function printProof(proof: Proof): string {
  const { verdict, seed, tolerance, axes, together, largestError, warnings } = proof;
  const width = Math.max(0, ...axes.map(({ axis }) => axis.length));
  const lines = axes.map(({ axis, error, holds, control }) => {
    const shown =
      control === null
        ? "no control"
        : `${exponent(control.error)} when only "${visibleName(control.tensor)}" changes`;
    return `  ${visibleName(axis).padEnd(width)}  ${holds ? "holds " : "BROKEN"}  error ${exponent(error)}, ${shown}`;
  });
  return [
    `${verdict}: largest error ${exponent(largestError)} (all axes at once ${exponent(together)}), tolerance ${exponent(tolerance)}, seed ${seed}`,
    ...lines,
    ...warnings.map((warning) => visibleName(`warning: ${warning}`)),
  ].join("\n");
}

/** The directions that LayerNorm removes as text, one a line, with what was measured. */
export function printDirections(directions: readonly ProvedDirection[], seed: number): string {
  const places = directions.map(
    ({ tensor, dimension, gain }) =>
      `${visibleName(tensor)} along dimension ${dimension}${gain === undefined ? "" : `, divided by ${visibleName(gain)}`}`,
  );
  const width = Math.max(0, ...places.map(({ length }) => length));
  const lines = directions.map(
    ({ error, control }, i) =>
      `  ${places[i].padEnd(width)}  error ${exponent(error)}, ${exponent(control)} with random signs`,
  );
  const [head, one] = [
    "directions of weights change no output",
    "direction of weights changes no output",
  ];
  const count = `${directions.length} ${directions.length === 1 ? one : head}, seed ${seed}`;
  return [count, ...lines, "directions that another tensor has to balance are not looked for"].join(
    "\n",
  );
}
