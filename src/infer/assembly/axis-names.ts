// Names for axes: after the smallest tensor that has them, short and unique, within the alphabet of axis names.

import { axisNamePattern } from "../../symmetry/expression.ts";
import { type Atom, leavesOf } from "../index-sets/atoms.ts";
import type { Value } from "../walk/value.ts";

/** A base for names of axes of this tensor; generated tensor names say nothing and give `h`. */
function baseOf(tensor: string): string {
  const trimmed = tensor.replace(/[._/](weight|bias|kernel|gamma|beta|W|B|R)$/i, "");
  const plain = trimmed.replace(/^[^A-Za-z_]+/, "");
  return tensor.startsWith("onnx::") || !axisNamePattern.test(plain) || plain.length > 60
    ? "h"
    : plain;
}

const portName = /^(input|output) "(.*)"$/;

/**
 * A name for every leaf that needs one: those that move, those that enclose one that moves, and the network's input and
 * output axes. Other fixed leaves are written as plain sizes.
 */
export function nameAxes(
  weights: readonly Value[],
  parents: ReadonlyMap<Atom, Atom>,
): Map<Atom, string> {
  const enclosing = new Set(parents.values());
  const names = new Map<Atom, string>();
  const counts = new Map<string, number>();
  const assign = (leaf: Atom, base: string) => {
    const count = (counts.get(base) ?? 0) + 1;
    counts.set(base, count);
    names.set(leaf, count === 1 ? base : `${base}_${count}`);
  };
  const inOrder = weights.map((value, i) => {
    return { value, i, leaves: new Set(value.dims.flatMap(leavesOf)) };
  });
  const ranked = inOrder.toSorted((a, b) => a.value.dims.length - b.value.dims.length || a.i - b.i);
  const best = new Map<Atom, { tensor: string; place: number; of: number }>();
  for (const { value, leaves } of ranked) {
    const distinct = [...leaves].filter((leaf) => !leaf.fixed || enclosing.has(leaf));
    for (const [place, leaf] of distinct.entries()) {
      if (!best.has(leaf)) best.set(leaf, { tensor: value.name, place, of: distinct.length });
    }
  }
  for (const { leaves } of inOrder) {
    for (const leaf of leaves) {
      if (names.has(leaf)) continue;
      const place = best.get(leaf);
      const port = portName.exec(leaf.because ?? "")?.[2];
      if (place !== undefined) {
        const base = baseOf(place.tensor);
        assign(leaf, place.of > 1 && base !== "h" ? `${base}[${place.place}]` : base);
      } else if (port !== undefined) {
        const plain = port.replace(/^[^A-Za-z_]+/, "");
        assign(leaf, axisNamePattern.test(plain) && plain.length <= 60 ? plain : "port");
      }
    }
  }
  return uniqueNames(names);
}

/** A counted name may equal another tensor's plain name; then it counts on. */
function uniqueNames(names: ReadonlyMap<Atom, string>): Map<Atom, string> {
  const taken = new Set<string>();
  const result = new Map<Atom, string>();
  for (const [leaf, name] of names) {
    let unique = name;
    for (let i = 2; taken.has(unique); i++) unique = `${name}_${i}`;
    taken.add(unique);
    result.set(leaf, unique);
  }
  return result;
}
