// A family of convolutional networks is a table: one that nobody knew is read once it is registered, as the traced network says;
// a table with words that are none is refused.

import { nn, numpy as np } from "@jax-js/jax";
import { describe, expect, test } from "vitest";
import { OptionError, SpecError, UnsupportedError } from "../../../../src/core/errors.ts";
import type { ImageStream, ImageStyle } from "../../../../src/infer/names/images/image-table.ts";
import { inferSpecFromNames } from "../../../../src/infer/names/infer-names.ts";
import type { NamedShape } from "../../../../src/infer/names/template.ts";
import { pluginRegistry } from "../../../../src/plugins/plugin.ts";
import { specDifference } from "../../../../src/symmetry/same-spec.ts";
import { inferSpecFromFunction } from "../../../../src/trace/infer-function.ts";
import { batchNormOf, convOf, linearOf, listed } from "../../../support/families/tensors.ts";
import { verdictOn } from "../../../support/graphs/function-oracle.ts";
import { batchNorm, conv, linear, type W } from "../../../support/graphs/traced-layers.ts";
import { withoutFactors, withoutPartScales } from "../../../support/structure.ts";

/** Two stages of blocks that normalise before their convolutions, as wide ResNets do. */
const blocks = [
  ["block1.layer.0", 6, 9],
  ["block1.layer.1", 9, 9],
  ["block2.layer.0", 9, 14],
] as const;

const tensors = listed(
  convOf("conv1", 6, 3),
  ...blocks.flatMap(([at, from, to]) => [
    batchNormOf(`${at}.bn1`, from),
    convOf(`${at}.conv1`, to + 1, from),
    batchNormOf(`${at}.bn2`, to + 1),
    convOf(`${at}.conv2`, to, to + 1),
    from === to ? [] : convOf(`${at}.convShortcut`, to, from, 1),
  ]),
  batchNormOf("bn1", 14),
  linearOf("fc", 5, 14),
);

function wideResnet(w: W, image: np.Array): np.Array {
  const normed = (name: string, x: np.Array) => nn.relu(batchNorm(w, name, x));
  let x = conv(w, "conv1", image);
  for (const [at, from, to] of blocks) {
    const active = normed(`${at}.bn1`, x.ref);
    const inner = normed(`${at}.bn2`, conv(w, `${at}.conv1`, active.ref));
    const beside = from === to ? x : conv(w, `${at}.convShortcut`, active);
    x = np.add(beside, conv(w, `${at}.conv2`, inner));
  }
  return linear(w, "fc", np.mean(normed("bn1", x), [2, 3]));
}

const style: ImageStream = {
  layout: "torch",
  anchors: ["conv1.weight", "block1.layer.0.bn1.running_mean"],
  stem: [{ conv: "conv1", axis: "stem" }],
  blocks: [
    {
      kind: "residual",
      at: "block{i}.layer.{j}.",
      from: [1, 0],
      scope: "block{i}.{j}",
      parts: [{ norm: "bn1" }, { conv: "conv1", norm: "bn2", axis: ".inner" }, { conv: "conv2" }],
      shortcut: { conv: "convShortcut" },
      out: ".out",
    },
  ],
  after: [{ norm: "bn1" }],
  heads: ["fc"],
};

/** The same network under names of Keras: kernels [height, width, in, out], blocks counted by letters. */
const kerasTensors = tensors.map(({ name, shape }): NamedShape => ({
  name: name
    .replace(/^block(\d)\.layer\.(\d)\./, (_, i: string, j: string) => `block${i}${"ab"[+j]}_`)
    .replace(/((?:bn\d))\.weight$/, "$1/gamma")
    .replace(/((?:bn\d))\.bias$/, "$1/beta")
    .replace(".running_mean", "/moving_mean")
    .replace(".running_var", "/moving_variance")
    .replace(/\.weight$/, "/kernel")
    .replace(/\.bias$/, "/bias"),
  shape: shape.toReversed(),
}));

const kerasStyle: ImageStream = {
  ...style,
  layout: "keras",
  anchors: ["conv1/kernel", "block1a_bn1/gamma"],
  blocks: [{ ...style.blocks[0], at: "block{i}{a}_" }],
};

describe("a family that is a table of its own", () => {
  test("is read once it is registered, as the traced network says", async () => {
    expect(() => inferSpecFromNames(tensors)).toThrow(UnsupportedError);
    pluginRegistry.family({ name: "wide-resnet", styles: [style] });
    const named = inferSpecFromNames(tensors);
    expect([named.family, named.warnings, named.unknown]).toEqual(["wide-resnet", [], []]);
    const shapes = Object.fromEntries(tensors.map(({ name, shape }) => [name, { shape }]));
    const input = [2, 3, 8, 8];
    const traced = await inferSpecFromFunction(wideResnet, shapes, [{ shape: input }]);
    const plain = withoutFactors(withoutPartScales(traced.spec));
    expect(specDifference(named.spec, plain)).toBeNull();
    const { together, control } = await verdictOn(wideResnet, input, named.spec, 5);
    expect(together).toBeLessThan(2e-4);
    expect(control).toBeGreaterThan(1e-3);
  });

  test("refuses any matrix of another shape", () => {
    for (const [at, { name, shape }] of tensors.entries())
      for (const dimension of [0, 1].slice(0, shape.length)) {
        const changed = tensors.with(at, {
          name,
          shape: shape.with(dimension, shape[dimension] + 1),
        });
        // The channels of images may be any number, and so may classes, but not for their bias.
        if (name === "conv1.weight" && dimension === 1)
          expect(inferSpecFromNames(changed).family).toBe("wide-resnet");
        else expect(() => inferSpecFromNames(changed), `${name} ${dimension}`).toThrow(SpecError);
      }
  });

  test("is the same family under the names and in the layout of Keras", () => {
    pluginRegistry.family({ name: "wide-resnet-keras", styles: [kerasStyle] });
    const named = inferSpecFromNames(kerasTensors);
    expect([named.family, named.warnings, named.unknown]).toEqual(["wide-resnet-keras", [], []]);
    const { axes } = inferSpecFromNames(tensors).spec;
    expect(named.spec.axes).toEqual(axes);
    const other = kerasTensors.map(({ name, shape }) => ({ name, shape: shape.toReversed() }));
    expect(() => inferSpecFromNames(other)).toThrow(SpecError);
  });
});

const [first] = style.blocks;

test.each<readonly [string, unknown, RegExp]>([
  ["no styles", [], /styles expected a list of at least 1/],
  ["no list", "torch", /styles expected a list/],
  [
    "an unknown layout",
    [{ ...style, layout: "jax" }],
    /styles\[0\]\.layout expected torch or keras/,
  ],
  ["no anchors", [{ ...style, anchors: [] }], /anchors expected a list of at least 1/],
  ["a stranger", [{ ...style, tail: [] }], /expected layout, .*, got "tail"/],
  ["a misspelt part", [{ ...style, stem: [{ convolution: "a" }] }], /stem\[0\] expected norm, got/],
  [
    "an unknown kind",
    [{ ...style, blocks: [{ ...first, kind: "sum" }] }],
    /kind expected residual or inverted or dense or plain/,
  ],
  [
    "a list whose entries have no number, which would not end",
    [{ ...style, blocks: [{ ...first, parts: { from: 0, parts: [{ conv: "conv1" }] } }] }],
    /parts\.parts\[0\]\.conv expected a text with \{k\}/,
  ],
  ["a chain without layers", [{ layout: "torch", anchors: ["a"], chain: [] }], /chain expected/],
])("a table with %s is refused", (_what, styles, message) => {
  const register = () =>
    pluginRegistry.family({ name: "strange", styles: styles as readonly ImageStyle[] });
  expect(register).toThrow(OptionError);
  expect(register).toThrow(message);
  // What is refused is not registered: the name is free.
  expect(() => inferSpecFromNames(tensors, { family: "strange" })).toThrow(/unknown family/);
});
