// Random specs whose axes carry scale parts or are general linear, with networks' habits: layers from an input to one or two
// outputs, residual streams and loops (cycles), channels in groups (axes within axes), concatenated inputs, attention.

import { randomStream, type RandomStream } from "../../../src/core/random.ts";
import { defineSpec } from "../../../src/symmetry/spec.ts";
import type { Axis, AxisScale, SymmetrySpec } from "../../../src/symmetry/types.ts";

/** What a random spec has, to see that tests meet all of it. */
export interface ChargedSpec {
  readonly spec: SymmetrySpec;
  readonly traits: readonly string[];
}

type Draft = {
  axes: Record<string, Axis>;
  tensors: Record<string, string[]>;
  traits: Set<string>;
};

const chance = (random: RandomStream, share: number) => random.uniform() < share;

/** A hidden axis, plain or in groups; returns how it is written, and its inverse. */
function hidden(draft: Draft, random: RandomStream, name: string): [string, string] {
  const draw = random.uniform();
  const scale: AxisScale | undefined = draw < 0.45 ? "positive" : draw < 0.85 ? "sign" : undefined;
  if (scale !== undefined) draft.traits.add(scale);
  const part = scale === undefined ? {} : { scale };
  const inverse = scale === undefined ? "" : "^-1";
  const size = 2 + random.integer(3);
  if (chance(random, 0.2)) {
    draft.traits.add("within");
    draft.axes[`${name}g`] = { size: 2, group: "permutation" };
    draft.axes[name] = { size, group: "permutation", within: `${name}g`, ...part };
    return [`${name}g * ${name}`, `${name}g * ${name}${inverse}`];
  }
  draft.axes[name] = { size, group: "permutation", ...part };
  return [name, name + inverse];
}

/** Queries, keys, values and outputs over a plain stream. */
function attention(draft: Draft, random: RandomStream): void {
  draft.traits.add("general-linear");
  const { axes, tensors } = draft;
  axes["head"] = { size: 2, group: "permutation" };
  axes["qk"] = { size: 2 + random.integer(2), group: "general-linear", within: "head" };
  axes["vo"] = { size: 2, group: "general-linear", within: "head" };
  axes["width"] = { size: 3, group: chance(random, 0.5) ? "permutation" : "fixed" };
  tensors["q.weight"] = ["head * qk", "width"];
  tensors["k.weight"] = ["head * qk^-1", "width"];
  tensors["v.weight"] = ["head * vo", "width"];
  tensors["o.weight"] = ["width", "head * vo^-1"];
  if (chance(random, 0.5)) {
    tensors["q.bias"] = ["head * qk"];
    tensors["v.bias"] = ["head * vo"];
  }
}

/** The same spec for the same seed. */
export function randomChargedSpec(seed: number): ChargedSpec {
  const random = randomStream(seed);
  const draft: Draft = { axes: {}, tensors: {}, traits: new Set() };
  const { axes, tensors, traits } = draft;
  axes["in"] = { size: 2 + random.integer(9), group: "fixed" };
  axes["out"] = { size: 1 + random.integer(3), group: "fixed" };
  let [to, from] = hidden(draft, random, "h0");
  tensors["l0.weight"] = [to, "in"];
  tensors["l0.bias"] = [to];
  const depth = 1 + random.integer(3);
  for (let i = 1; i <= depth; i++) {
    const before = from;
    const start = to;
    [to, from] = hidden(draft, random, `h${i}`);
    const joined = chance(random, 0.2);
    if (joined) traits.add("concatenation");
    tensors[`l${i}.weight`] = [to, joined ? `${before} + in` : before];
    if (chance(random, 0.3)) tensors[`l${i}.weight`].push("3");
    if (chance(random, 0.8)) tensors[`l${i}.bias`] = [to];
    if (chance(random, 0.35)) {
      traits.add("cycle");
      tensors[`l${i}.back`] = [start, from];
    }
    if (chance(random, 0.15)) {
      traits.add("loop");
      tensors[`l${i}.loop`] = [to, from];
    }
  }
  tensors["head.weight"] = chance(random, 0.3) ? ["out", from, "2"] : ["out", from];
  tensors["head.bias"] = ["out"];
  if (chance(random, 0.3)) {
    traits.add("two outputs");
    axes["other"] = { size: 2, group: "fixed" };
    tensors["second.weight"] = ["other", from];
  }
  if (chance(random, 0.3)) attention(draft, random);
  return { spec: defineSpec({ axes, tensors }), traits: [...traits] };
}
