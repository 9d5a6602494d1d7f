// Channel shuffles: groups that are dealt out in turn keep axes of their own, and what is claimed of them holds.

import { beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../../src/core/random.ts";
import { readOnnx } from "../../../src/formats/onnx/onnx.ts";
import { type Inference, inferSpec } from "../../../src/infer/infer.ts";
import { proveSpec } from "../../../src/infer/proof/prove.ts";
import type { Executor } from "../../../src/runtime/executor.ts";
import { onnxRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { formatAxisExpression, parseAxisExpression } from "../../../src/symmetry/expression.ts";
import { sealSpec } from "../../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../../src/symmetry/types.ts";
import { buildModel } from "../../support/graphs/architecture.ts";
import type { OnnxBuilder } from "../../support/graphs/onnx-builder.ts";
import {
  batchNorm,
  conv,
  gemm,
  relu,
  reshape,
  transpose,
} from "../../support/graphs/onnx-layers.ts";
import { freeAxes } from "../../support/structure.ts";

let executor: Executor;
beforeAll(async () => {
  executor = await onnxRuntime();
});

const width = 4;

/** One channel of every group in turn. */
function shuffle(b: OnnxBuilder, x: string, channels: number, groups: number): string {
  const apart = reshape(b, x, [-1, groups, channels / groups, width, width]);
  return reshape(b, transpose(b, apart, [0, 2, 1, 3, 4]), [-1, channels, width, width]);
}

const join = (b: OnnxBuilder, ...parts: string[]) => b.node("Concat", parts, { axis: 1 });
const channels = (b: OnnxBuilder, x: string, from: number, to: number) =>
  b.node("Slice", [x, b.constant([from]), b.constant([to]), b.constant([1])]);
const image = (b: OnnxBuilder) => b.input("image", ["batch", 3, width, width]);
const layer = (b: OnnxBuilder, x: string, name: string, from: number, to: number) =>
  relu(b, conv(b, x, name, from, to));

interface Net {
  readonly name: string;
  readonly free: readonly string[];
  /** Columns of the last weight, without powers. */
  readonly last: string;
  /** Other columns of the same size, which the proof must refute. */
  readonly wrong?: string;
  readonly build: (b: OnnxBuilder) => void;
}

const nets: readonly Net[] = [
  {
    name: "two units of halves: one half passes a branch, both are shuffled",
    free: [
      "S_2 positive",
      "S_2 positive",
      "S_2 positive",
      "S_2 positive",
      "S_4 positive",
      "S_4 positive",
      "S_4 positive",
    ],
    last: "(stem[0] & one.c[0]) & two.a",
    wrong: "(one.c[0] & stem[0]) & two.a",
    build(b) {
      const unit = (x: string, name: string) => {
        const branch = layer(b, channels(b, x, 4, 8), `${name}.a`, 4, 4);
        if (name === "two") return shuffle(b, join(b, channels(b, x, 0, 4), branch), 8, 2);
        const deep = conv(b, branch, `${name}.b`, 4, 4, { group: 4 });
        const out = relu(b, conv(b, deep, `${name}.c`, 4, 4, { kernel: 1 }));
        return shuffle(b, join(b, channels(b, x, 0, 4), out), 8, 2);
      };
      const stem = layer(b, image(b), "stem", 3, 8);
      b.output(conv(b, unit(unit(stem, "one"), "two"), "last", 8, 2));
    },
  },
  {
    name: "three groups, then two",
    free: [
      "S_2 positive",
      "S_2 positive",
      "S_2 positive",
      "S_2 positive",
      "S_2 positive",
      "S_2 positive",
      "S_6 positive",
    ],
    last: "(a[0] & b[0] & c[0]) & d",
    wrong: "d & (a[0] & b[0] & c[0])",
    build(b) {
      const x = image(b);
      const three = ["a", "b", "c"].map((name) => layer(b, x, name, 3, 4));
      const mixed = shuffle(b, join(b, ...three), 12, 3);
      const branch = layer(b, channels(b, mixed, 6, 12), "d", 6, 6);
      const both = shuffle(b, join(b, channels(b, mixed, 0, 6), branch), 12, 2);
      b.output(conv(b, both, "last", 12, 2));
    },
  },
  {
    name: "a shuffle that is undone leaves groups end to end",
    free: ["S_4 positive", "S_4 positive", "S_4 positive"],
    last: "a + b + c",
    wrong: "a & b & c",
    build(b) {
      const x = image(b);
      const parts = ["a", "b", "c"].map((name) => layer(b, x, name, 3, 4));
      const there = shuffle(b, join(b, ...parts), 12, 3);
      b.output(conv(b, shuffle(b, there, 12, 4), "last", 12, 2));
    },
  },
  {
    name: "a group that is no whole number of turns loses the entry between",
    free: ["S_2 positive", "S_2 positive", "S_2 positive", "S_2 positive", "S_5 positive"],
    last: "(a[0] & b[0]) + 1 + c",
    build(b) {
      const x = image(b);
      const mixed = shuffle(b, join(b, layer(b, x, "a", 3, 5), layer(b, x, "b", 3, 5)), 10, 2);
      const branch = layer(b, channels(b, mixed, 5, 10), "c", 5, 5);
      b.output(conv(b, join(b, channels(b, mixed, 0, 5), branch), "last", 10, 2));
    },
  },
  {
    name: "groups that begin within an axis cut it",
    free: ["S_2 positive", "S_2 positive", "S_4 positive"],
    last: "(a + b[0]) & b[1]",
    build(b) {
      const x = image(b);
      const both = join(b, layer(b, x, "a", 3, 2), layer(b, x, "b", 3, 6));
      b.output(conv(b, shuffle(b, both, 8, 2), "last", 8, 2));
    },
  },
  {
    name: "groups that are one axis are that axis times a block",
    free: ["S_4 positive"],
    last: "a * 2",
    build(b) {
      const one = layer(b, image(b), "a", 3, 4);
      b.output(conv(b, shuffle(b, join(b, one, one), 8, 2), "last", 8, 2));
    },
  },
  {
    name: "sums, norms and flattening behind a shuffle",
    free: ["S_4 positive", "S_4 positive"],
    last: "(a & b) * 16",
    build(b) {
      const x = image(b);
      const mixed = shuffle(b, join(b, layer(b, x, "a", 3, 4), layer(b, x, "b", 3, 4)), 8, 2);
      const sum = b.node("Add", [mixed, conv(b, mixed, "c", 8, 8)]);
      const flat = b.node("Flatten", [relu(b, batchNorm(b, sum, "norm", 8))], { axis: 1 });
      b.output(gemm(b, flat, "last", 128, 2));
    },
  },
  {
    name: "a grouped convolution behind a shuffle ties the groups, whose channels move in each of its own",
    free: ["S_2", "S_2 positive in S_2", "S_2 positive in S_2", "S_4 positive in S_2"],
    last: "a[0] * c[1]",
    build(b) {
      const x = image(b);
      const mixed = shuffle(b, join(b, layer(b, x, "a", 3, 4), layer(b, x, "b", 3, 4)), 8, 2);
      const grouped = relu(b, conv(b, mixed, "c", 8, 8, { group: 2 }));
      b.output(conv(b, grouped, "last", 8, 2));
    },
  },
];

const columnsOf = ({ spec }: Inference) =>
  formatAxisExpression(spec.tensors["last.weight"].axes[1]).replaceAll(/\^-1|\^0/g, "");

/** The spec with other columns of the last weight, where positive scales act inversely. */
function withColumns(spec: SymmetrySpec, columns: string): SymmetrySpec {
  const { axes, shape } = spec.tensors["last.weight"];
  const other = parseAxisExpression(columns.replaceAll(/[a-z](?:[\w.[\]]*)/g, "$&^-1"));
  const tensors = { ...spec.tensors, "last.weight": { shape, axes: axes.with(1, other) } };
  return sealSpec({ axes: spec.axes, tensors });
}

describe("shuffled channels", () => {
  test.for(nets.map((net) => [net.name, net] as const))("%s", async ([, net]) => {
    const bytes = buildModel({ ...net, axes: net.free });
    const inference = inferSpec(readOnnx(bytes));
    expect(inference.unsupported).toEqual([]);
    expect(freeAxes(inference.spec)).toEqual(net.free);
    expect(columnsOf(inference)).toBe(net.last);
    const proof = await proveSpec(bytes, inference, executor, { seed: 4 });
    expect(proof).toMatchObject({ verdict: "proved" });
    for (const { axis, control } of proof.axes) expect(control?.error, axis).toBeGreaterThan(1e-3);
    if (net.wrong === undefined) return;
    const spec = withColumns(inference.spec, net.wrong);
    const refuted = await proveSpec(bytes, { ...inference, spec }, executor, { seed: 4 });
    expect(refuted).toMatchObject({ verdict: "refuted" });
  });
});

/** Channels of 12 that are joined, sliced, shuffled, added up and passed through layers, in any order. */
function anyNet(b: OnnxBuilder, seed: number): void {
  const random = randomStream(seed);
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)];
  let names = 0;
  const x = image(b);
  const fresh = (from: string, inputs: number, size: number) =>
    layer(b, from, `l${names++}`, inputs, size);
  const pool = [fresh(x, 3, 12), join(b, fresh(x, 3, 6), fresh(x, 3, 6))];
  for (let step = 0; step < 7; step++) {
    const [one, other] = [pick(pool), pick(pool)];
    const at = pick([3, 4, 6, 8]);
    const made = [
      () => shuffle(b, one, 12, pick([2, 3, 4, 6])),
      () => shuffle(b, one, 12, pick([2, 3, 4, 6])),
      () => join(b, channels(b, one, 0, at), channels(b, other, at, 12)),
      () => join(b, channels(b, one, 0, at), fresh(channels(b, one, at, 12), 12 - at, 12 - at)),
      () => b.node("Add", [one, other]),
      () => fresh(one, 12, 12),
      () => relu(b, conv(b, one, `l${names++}`, 12, 12, { group: pick([2, 3, 12]) })),
    ];
    pool.push(pick(made)());
  }
  b.output(conv(b, pool.at(-1) ?? "", "last", 12, 2));
}

test("what is claimed of any order of shuffles, slices, sums and layers holds", async () => {
  let proved = 0;
  for (let seed = 0; seed < 8; seed++) {
    const bytes = buildModel({ name: "any", axes: [], build: (b) => anyNet(b, seed) }, seed);
    const inference = inferSpec(readOnnx(bytes));
    const { verdict } = await proveSpec(bytes, inference, executor, { seed });
    expect([seed, verdict]).not.toContain("refuted");
    if (verdict === "proved") proved++;
  }
  expect(proved).toBeGreaterThan(4);
});
