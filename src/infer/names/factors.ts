// Scale parts that names tell of: rows of a gated layer, which its output undoes, and the gain of a norm, which the linear maps
// behind it undo. Each is one factor of either sign for every index of the axis.

import type { SpecBuilder } from "./template.ts";

/** A gated layer, `down(act(gate(x)) * up(x))`: rows of `up` may be multiplied by what columns of `down` are divided by. */
export interface Gated {
  readonly up: string;
  readonly down: string;
}

/** A norm whose output nothing but these linear maps reads. */
export interface Gain {
  readonly norm: string;
  readonly readers: readonly string[];
  /** Tensors of the block that tell that it stands elsewhere. */
  readonly without?: readonly string[];
}

const withBias = (name: string): string[] => [`${name}.weight`, `${name}.bias`];

/** Declares the factors of the gated layers of a block. */
export function readGated(
  builder: SpecBuilder,
  prefix: string,
  local: string,
  gated: readonly Gated[],
): void {
  for (const { up, down } of gated) {
    const name = `${local}${up.replace(/^.*\./, "")}`;
    builder.factor(name, {
      times: [`${prefix}${up}.weight`, 0],
      with: [[`${prefix}${up}.bias`, 0]],
      over: [[`${prefix}${down}.weight`, 1]],
    });
  }
}

/**
 * Declares the factors of norms. Only where the kind of model is known to multiply by the gains as they are stored: the names of
 * Gemma, which multiplies by 1 + w, are those of Llama.
 */
export function readGains(
  builder: SpecBuilder,
  prefix: string,
  local: string,
  gains: readonly Gain[],
): void {
  for (const { norm, readers, without = [] } of gains) {
    const [weight, bias] = withBias(prefix + norm);
    if (!builder.has(weight) || without.some((name) => builder.has(`${prefix}${name}.weight`)))
      continue;
    builder.factor(`${local}${norm.replace(/^.*\./, "")}`, {
      times: [weight, 0],
      with: [[bias, 0]],
      over: readers.map((name) => [`${prefix}${name}.weight`, 1]),
    });
  }
}
