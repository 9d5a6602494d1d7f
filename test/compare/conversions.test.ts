// Conversions between files of one network: found, undone, and never claimed of numbers that are others.

import { describe, expect, test } from "vitest";
import { weightsSource } from "../../src/formats/tensor-source.ts";
import {
  type Change,
  converted,
  decoder,
  fuse,
  kindsOf,
  mapNames,
  perGroup,
  projections,
  stack,
  turned,
} from "../support/conversions.ts";

interface Case {
  readonly name: string;
  readonly change: Change;
  readonly kinds: readonly string[];
}

const cases: readonly Case[] = [
  { name: "a prefix", change: mapNames((name) => `_orig_mod.${name}`), kinds: ["prefix"] },
  {
    name: "a prefix that no wrapper has",
    change: mapNames((name) => `language.tower.${name}`),
    kinds: ["prefix"],
  },
  {
    name: "other names",
    change: mapNames((name) =>
      name
        .replace("self_attn", "attention")
        .replace(/(\w)_proj/, "w$1")
        .replace("model.layers", "h"),
    ),
    kinds: ["rename"],
  },
  { name: "matrices turned round", change: turned, kinds: ["transpose"] },
  {
    name: "fused projections",
    change: (weights) =>
      fuse(
        "gate_up_proj",
        ["gate_proj", "up_proj"],
        stack,
      )(fuse("qkv_proj", projections, stack)(weights)),
    kinds: ["concatenate"],
  },
  {
    name: "fused by group",
    change: fuse("query_key_value", projections, (...parts) => perGroup(2, ...parts)),
    kinds: ["regroup"],
  },
  {
    name: "fused, turned and renamed",
    change: (weights) =>
      mapNames((name) => name.replace(/^model\./, "net.").replace(".self_attn.", ".attn."))(
        turned(fuse("qkv", projections, stack)(weights)),
      ),
    kinds: ["concatenate", "rename", "transpose"],
  },
];

describe("files of the same numbers", () => {
  const weights = decoder();
  test.each(cases)("$name", async ({ change, kinds }) => {
    const other = change(weights);
    for (const [from, to] of [
      [weights, other],
      [other, weights],
    ]) {
      const { plan, verdict } = await converted(weightsSource(from), weightsSource(to));
      expect([verdict, plan.lacking, plan.unused, plan.refused]).toEqual(["identical", [], [], []]);
      const found = kindsOf(plan.conversions);
      const back = kinds.map((kind) => (kind === "concatenate" ? "split" : kind));
      expect(found).toEqual((from === weights ? kinds : back).toSorted());
      // The control: one number is another, and nothing is claimed of that tensor by its numbers.
      const last = Object.keys(to).find(
        (name) => /down|w?d/.test(name) && to[name].shape.length > 1,
      )!;
      const data = to[last].data.slice();
      data[3] += 1;
      const changed = { ...to, [last]: { ...to[last], data } };
      const control = await converted(weightsSource(from), weightsSource(changed));
      expect(control.verdict).toBe("different");
      for (const one of control.plan.conversions)
        if (one.to.includes(last)) expect(one.by).toBe("names");
    }
  });
});

describe("parts in another order than the name of the whole says", () => {
  const weights = decoder();
  const orders: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["gate_up_proj", ["gate_proj", "up_proj"], ["up_proj", "gate_proj"]],
    ["qkv_proj", projections, ["v_proj", "k_proj", "q_proj"]],
    ["qkv_proj", projections, ["k_proj", "q_proj", "v_proj"]],
  ];
  test.each(orders)("%s: %j as %j", async (whole, parts, otherwise) => {
    const right = fuse(whole, parts, stack)(weights);
    const wrong = fuse(whole, otherwise, stack)(weights);
    for (const flip of [false, true]) {
      const [split, joined, control] = [weights, wrong, right].map((one) => weightsSource(one));
      const compared = (one: typeof joined) =>
        flip ? converted(one, split) : converted(split, one);
      const { verdict, plan } = await compared(joined);
      expect(verdict).not.toBe("identical");
      expect(plan.refused.join()).toContain("in another order than these names say");
      const kept = await compared(control);
      expect([kept.verdict, kept.plan.refused]).toEqual(["identical", []]);
    }
  });
});
