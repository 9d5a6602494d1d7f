import { numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../../src/engine/start.ts";
import { randomStream } from "../../../src/core/random.ts";
import { attention, causalMask } from "../../../src/populations/layers/attention.ts";
import { conv } from "../../../src/populations/layers/conv.ts";
import {
  embedding,
  linearWithPositions,
  patches,
  positions,
} from "../../../src/populations/layers/embedding.ts";
import {
  type Layer,
  residual,
  runForward,
  sequence,
} from "../../../src/populations/layers/layer.ts";
import { layerNorm } from "../../../src/populations/layers/layer-norm.ts";
import { linear, scores } from "../../../src/populations/layers/linear.ts";
import { meanOverPositions, meanOverTokens } from "../../../src/populations/layers/mean-pool.ts";
import {
  type ActivationName,
  activations,
  compiledActivations,
} from "../../../src/populations/layers/pointwise.ts";
import { recurrence } from "../../../src/populations/layers/recurrence.ts";
import { sine } from "../../../src/populations/layers/sine.ts";
import {
  expectLayerLaws,
  type LawOptions,
  networks,
  normalArray,
  randomTensors,
} from "../../support/layer-laws.ts";

beforeAll(() => startEngine());

const width = 8;
/** Two examples of four tokens. */
const rows = { input: [8, width] };
const heads = { width, heads: 2, tokens: 4 };
const symbols = (seed: number) => {
  const random = randomStream(seed);
  return np.array(
    Float32Array.from({ length: networks * 8 }, () => random.integer(5)),
    {
      shape: [networks, 8],
    },
  );
};
/** An activation as a layer of its own. */
const pointwise = (name: ActivationName): Layer => ({
  shapes: {},
  apply: (_, x) => activations[name].apply(x),
  run(x, { hold }) {
    const y = hold(compiledActivations[name].apply(x));
    return [y.ref, (at) => compiledActivations[name].through(at, y)];
  },
});
const small = linear("b", { inputs: width, outputs: width });

const layers: Record<string, [Layer, LawOptions]> = {
  linear: [linear("a", { inputs: width, outputs: 5 }), rows],
  "linear with relu": [linear("a", { inputs: width, outputs: 5, activation: "relu" }), rows],
  "linear with tanh": [linear("a", { inputs: width, outputs: 5, activation: "tanh" }), rows],
  scores: [scores("a", { inputs: width, outputs: 5 }), rows],
  relu: [pointwise("relu"), rows],
  tanh: [pointwise("tanh"), rows],
  sine: [sine("a", { inputs: width, outputs: 5, omega: 3 }), rows],
  "layer norm": [layerNorm, rows],
  attention: [attention("a", heads), { ...rows, idle: ["a.k.bias"] }],
  recurrence: [recurrence("a", { hidden: width, tokens: 4 }), rows],
  "causal attention": [
    attention("a", { ...heads, mask: causalMask(4) }),
    { ...rows, idle: ["a.k.bias"] },
  ],
  positions: [positions("p", { tokens: 4, width }), rows],
  "linear with positions": [linearWithPositions("a", { inputs: width, width: 5, tokens: 4 }), rows],
  embedding: [
    embedding("e", { symbols: 5, width: 6 }),
    { input: [8], x: symbols, differentiable: false },
  ],
  patches: [patches(4, { height: 2, width: 1 }), { input: [3, 16] }],
  "mean over tokens": [meanOverTokens(4), rows],
  "mean over positions": [meanOverPositions(2), rows],
  "conv with stride": [
    conv("c", { inputs: 2, outputs: 3, side: 5, stride: 2, activation: "relu" }),
    { input: [4, 50] },
  ],
  "conv of one pixel": [
    conv("c", { inputs: 2, outputs: 3, side: 3, stride: 1, kernel: 1, activation: "tanh" }),
    { input: [4, 18] },
  ],
  "conv of five pixels": [
    conv("c", { inputs: 1, outputs: 2, side: 4, stride: 1, kernel: 5, activation: "tanh" }),
    { input: [4, 16] },
  ],
  residual: [residual(sequence(layerNorm, small)), rows],
  sequence: [
    sequence(
      pointwise("tanh"),
      small,
      residual(pointwise("tanh")),
      scores("c", { inputs: width, outputs: 3 }),
    ),
    rows,
  ],
  "a sequence without tensors": [sequence(pointwise("tanh"), layerNorm), rows],
  "one tensor used twice": [sequence(small, pointwise("tanh"), small), rows],
};

describe("n networks compute what the definition says of each, and gradients go back as those of its automatic derivative", () => {
  test.each(Object.keys(layers))("%s", async (name) => {
    const [layer, options] = layers[name];
    await expectLayerLaws(layer, options);
  });
});

test("data that all networks share gives what copies of it give; the networks differ", async () => {
  for (const layer of [
    linear("a", { inputs: width, outputs: 5 }),
    sine("a", { inputs: width, outputs: 5, omega: 3 }),
    linearWithPositions("a", { inputs: width, width: 5, tokens: 4 }),
  ]) {
    const weights = randomTensors(layer.shapes, 1);
    const one = normalArray([1, 8, width], 2);
    const copies = np.broadcastTo(one.ref, [networks, 8, width]);
    const shared = await runForward(layer, weights, one).data();
    expect(await runForward(layer, weights, copies).data()).toEqual(shared);
    expect(shared.slice(0, 40)).not.toEqual(shared.slice(40, 80)); // control
  }
});

test("a causal token reads no later one: outputs change from the changed token on, and everywhere without a mask", async () => {
  const layer = (mask?: boolean[][]) => attention("a", { ...heads, ...(mask && { mask }) });
  const weights = randomTensors(layer().shapes, 1);
  const inputs = normalArray([networks, 4, width], 2);
  const values = Float32Array.from(await inputs.ref.data());
  values[2 * width] += 1; // the third token of the first network
  const changed = () => np.array(values, { shape: [networks, 4, width] });
  const changedTokens = async (mask?: boolean[][]) => {
    const before = await runForward(layer(mask), weights, inputs.ref).data();
    const after = await runForward(layer(mask), weights, changed()).data();
    return [0, 1, 2, 3].filter((token) =>
      before
        .slice(token * width, (token + 1) * width)
        .some((v, i) => v !== after[token * width + i]),
    );
  };
  expect(await changedTokens(causalMask(4))).toEqual([2, 3]);
  expect(await changedTokens()).toEqual([0, 1, 2, 3]);
  expect(() => layer([[true]])).toThrow('attention: mask of "a" expected 4 rows of 4');
  expect(() => layer(causalMask(4).map((row) => row.map(() => false)))).toThrow(
    "at least one true",
  );
});

test("numbers that are no symbols embed as zeros", async () => {
  const layer = embedding("e", { symbols: 5, width: 6 });
  const weights = randomTensors(layer.shapes, 1);
  const x = np.array([[0, 5, -1]]);
  const values = await runForward(layer, weights, x).data();
  expect(values.slice(6, 18).every((value) => value === 0)).toBe(true);
  expect(values.slice(0, 6)).toEqual((await weights["e"].ref.data()).slice(0, 6)); // control
});

test("options that make no layer are refused by name", () => {
  const options = { inputs: 1, outputs: 1, side: 4, stride: 1, activation: "relu" } as const;
  expect(() => conv("c", { ...options, kernel: 2 })).toThrow('conv: kernel of "c" expected an odd');
  expect(() => attention("a", { width: 8, heads: 3, tokens: 4 })).toThrow("a multiple of 3 heads");
  expect(conv("c", { ...options, kernel: 3 }).shapes["c.weight"]).toEqual([1, 1, 3, 3]); // control
});
