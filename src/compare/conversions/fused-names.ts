// Names of projections that programs store as one tensor, and the order of parts that such a name promises.

import type { TensorPiece } from "./conversion.ts";
import { type SearchState, shapeIn } from "./search-state.ts";

/** Projections that programs store as one: the name of the whole, those of its parts in order. */
export const fusedNames: readonly (readonly [fusedName: string, parts: readonly string[]])[] = [
  ["qkv_proj", ["q_proj", "k_proj", "v_proj"]],
  ["attn.qkv", ["attn.q", "attn.k", "attn.v"]],
  ["to_qkv", ["to_q", "to_k", "to_v"]],
  ["Wqkv", ["Wq", "Wk", "Wv"]],
  ["gate_up_proj", ["gate_proj", "up_proj"]],
  ["w12", ["w1", "w2"]],
];

/** A name with other words in place of some of its own, or undefined where it does not hold them. */
export const replacedWords = (name: string, from: string, to: string): string | undefined => {
  const at = `.${name}`.lastIndexOf(`.${from}.`);
  return at === -1 ? undefined : name.slice(0, at) + to + name.slice(at + from.length);
};

/** Which fused projections names hold, for a line to people; undefined where they hold none. */
export function fusedNote(names: readonly string[]): string | undefined {
  const found = fusedNames.filter(([whole]) =>
    names.some((name) => replacedWords(name, whole, whole) !== undefined),
  );
  if (found.length === 0) return undefined;
  const wholes = found.map(([whole]) => whole).join(", ");
  const parts = found.flatMap(([, some]) => some).join(", ");
  return `${wholes} as one tensor: a copy that stores ${parts} apart has another fingerprint; convert one to the names of the other first (weightspace convert)`;
}

/**
 * Whether equal rows stand where names say that other parts are: up before gate in `gate_up_proj`, the first half of it as
 * `up_proj`. Whoever loads such a file by its names computes something else, so this is no conversion.
 */
export function contradictsNames(
  state: SearchState,
  to: string,
  pieces: readonly TensorPiece[],
): boolean {
  return fusedNames.some(
    ([fusedName, parts]) =>
      joinsOtherwise(to, pieces, fusedName, parts) ||
      cutsElsewhere(state, to, pieces, fusedName, parts),
  );
}

function joinsOtherwise(
  to: string,
  pieces: readonly TensorPiece[],
  fusedName: string,
  parts: readonly string[],
): boolean {
  const found = pieces.map(({ tensor }) =>
    parts.findIndex((part) => replacedWords(to, fusedName, part) === tensor),
  );
  return found.length > 1 && !found.includes(-1) && found.some((part, i) => part !== i);
}

function cutsElsewhere(
  state: SearchState,
  to: string,
  pieces: readonly TensorPiece[],
  fusedName: string,
  parts: readonly string[],
): boolean {
  const [{ tensor, rows }] = pieces;
  const at = parts.findIndex((part) => replacedWords(to, part, fusedName) === tensor);
  if (at === -1 || pieces.length > 1 || rows === undefined) return false;
  let start = 0;
  for (const part of parts.slice(0, at)) {
    const name = replacedWords(to, parts[at], part);
    if (name === undefined || !state.b.entries.has(name)) return false;
    start += shapeIn(state.b, name)[0];
  }
  return rows[0] !== start;
}
