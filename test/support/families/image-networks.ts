// Image networks: small ResNets for CIFAR, VGG, DenseNet, inverted residuals with gates, ConvNeXt V2.

import { lax, nn, numpy as np } from "@jax-js/jax";
import { batchNorm, conv, linear, type W } from "../graphs/traced-layers.ts";
import { batchNormOf, convNormOf, convOf, linearOf, listed, normOf, numbers } from "./tensors.ts";

const mean = (x: np.Array) => np.mean(x, [2, 3]);

const convNorm = (w: W, [at, norm]: readonly string[], x: np.Array, stride = 1, groups = 1) =>
  batchNorm(w, norm, conv(w, at, x, stride, groups));

export const cifarTensors = listed(
  convNormOf("conv1", "bn1", 6, 3),
  ...(
    [
      ["layer1.0", 6, 6],
      ["layer2.0", 6, 9],
    ] as const
  ).flatMap(([at, from, to]) => [
    convNormOf(`${at}.conv1`, `${at}.bn1`, to, from),
    convNormOf(`${at}.conv2`, `${at}.bn2`, to, to),
    from === to ? [] : convNormOf(`${at}.shortcut.0`, `${at}.shortcut.1`, to, from, 1),
  ]),
  linearOf("linear", 5, 9),
);

/** A ResNet for CIFAR: two basic blocks, of which the second has a shortcut. */
export function cifarResnet(w: W, image: np.Array): np.Array {
  let x = nn.relu(convNorm(w, ["conv1", "bn1"], image));
  for (const at of ["layer1.0", "layer2.0"]) {
    const stride = at === "layer2.0" ? 2 : 1;
    const first = nn.relu(convNorm(w, [`${at}.conv1`, `${at}.bn1`], x.ref, stride));
    const second = convNorm(w, [`${at}.conv2`, `${at}.bn2`], first);
    const short =
      w[`${at}.shortcut.0.weight`] === undefined
        ? x
        : convNorm(w, [`${at}.shortcut.0`, `${at}.shortcut.1`], x, stride);
    x = nn.relu(np.add(second, short));
  }
  return linear(w, "linear", mean(x));
}

export const vggTensors = (normed: boolean) => {
  const [second, list] = normed ? [3, true] : [2, false];
  return listed(
    convOf("features.0", 6, 3),
    [["features.0.bias", 6]],
    list ? batchNormOf("features.1", 6) : [],
    convOf(`features.${second}`, 7, 6),
    [[`features.${second}.bias`, 7]],
    list ? batchNormOf(`features.${second + 1}`, 7) : [],
    linearOf("classifier.0", 10, 7 * 4),
    linearOf("classifier.3", 9, 10),
    linearOf("classifier.6", 5, 9),
  );
};

/** VGG: convolutions with maxima between them, a flattening, three linear layers. */
export function vgg(w: W, image: np.Array): np.Array {
  let x = image;
  for (const at of numbers(4)) {
    if (w[`features.${at}.weight`]?.shape.length !== 4) continue;
    const y = conv(w, `features.${at}`, x);
    const has = w[`features.${at + 1}.running_mean`] !== undefined;
    const z = nn.relu(has ? batchNorm(w, `features.${at + 1}`, y) : y);
    x = lax.reduceWindow(z, np.max, [2, 2], [2, 2]);
  }
  const flat = x.reshape([2, -1]);
  const hidden = nn.relu(linear(w, "classifier.0", flat));
  return linear(w, "classifier.6", nn.relu(linear(w, "classifier.3", hidden)));
}

const denseLayer = (at: string, from: number) => [
  batchNormOf(`${at}.norm1`, from),
  convOf(`${at}.conv1`, 8, from, 1),
  batchNormOf(`${at}.norm2`, 8),
  convOf(`${at}.conv2`, 3, 8),
];

export const densenetTensors = listed(
  convOf("features.conv0", 6, 3),
  batchNormOf("features.norm0", 6),
  ...denseLayer("features.denseblock1.denselayer1", 6),
  ...denseLayer("features.denseblock1.denselayer2", 9),
  batchNormOf("features.transition1.norm", 12),
  convOf("features.transition1.conv", 7, 12, 1),
  ...denseLayer("features.denseblock2.denselayer1", 7),
  batchNormOf("features.norm5", 10),
  linearOf("classifier", 5, 10),
);

export function densenet(w: W, image: np.Array): np.Array {
  const norm = (name: string, x: np.Array) => nn.relu(batchNorm(w, `features.${name}`, x));
  const step = (name: string, x: np.Array) => {
    const at = `features.${name}`;
    const inner = conv(w, `${at}.conv1`, norm(`${name}.norm1`, x.ref));
    return np.concatenate([x, conv(w, `${at}.conv2`, norm(`${name}.norm2`, inner))], 1);
  };
  let x = norm("norm0", conv(w, "features.conv0", image));
  x = step("denseblock1.denselayer2", step("denseblock1.denselayer1", x));
  x = conv(w, "features.transition1.conv", norm("transition1.norm", x));
  x = step("denseblock2.denselayer1", x);
  return linear(w, "classifier", mean(norm("norm5", x)));
}

/** Names of the blocks of EfficientNet: without a wide axis, with one that adds its input, and onto another width. */
export const gatedTensors = listed(
  convNormOf("features.0.0", "features.0.1", 6, 3),
  convNormOf("features.1.0.block.0.0", "features.1.0.block.0.1", 6, 1),
  gateOf("features.1.0.block.1", 2, 6),
  convNormOf("features.1.0.block.2.0", "features.1.0.block.2.1", 7, 6, 1),
  convNormOf("features.2.0.block.0.0", "features.2.0.block.0.1", 14, 7, 1),
  convNormOf("features.2.0.block.1.0", "features.2.0.block.1.1", 14, 1),
  gateOf("features.2.0.block.2", 3, 14),
  convNormOf("features.2.0.block.3.0", "features.2.0.block.3.1", 7, 14, 1),
  convNormOf("features.3.0", "features.3.1", 16, 7, 1),
  linearOf("classifier.1", 5, 16),
);

function gateOf(at: string, inner: number, channels: number) {
  return [
    [`${at}.fc1.weight`, inner, channels, 1, 1],
    [`${at}.fc1.bias`, inner],
    [`${at}.fc2.weight`, channels, inner, 1, 1],
    [`${at}.fc2.bias`, channels],
  ] as [string, ...number[]][];
}

/** Deep networks of random weights grow faint; a factor keeps every layer heard. */
const heard = (x: np.Array) => np.multiply(x, 12);

export function gated(w: W, image: np.Array): np.Array {
  const step = (at: string, x: np.Array, groups = 1) =>
    nn.silu(heard(convNorm(w, [`${at}.0`, `${at}.1`], x, 1, groups)));
  const gate = (at: string, x: np.Array) => {
    const pooled = np.mean(x.ref, [2, 3], { keepdims: true });
    const inner = nn.silu(conv(w, `${at}.fc1`, pooled));
    return np.multiply(x, nn.sigmoid(conv(w, `${at}.fc2`, inner)));
  };
  const plain = (at: string, x: np.Array) => heard(convNorm(w, [`${at}.0`, `${at}.1`], x));
  let x = step("features.0", image);
  const first = "features.1.0.block";
  x = plain(`${first}.2`, gate(`${first}.1`, step(`${first}.0`, x, 6)));
  const second = "features.2.0.block";
  const wide = step(`${second}.1`, step(`${second}.0`, x.ref), 14);
  x = np.add(x, plain(`${second}.3`, gate(`${second}.2`, wide)));
  return linear(w, "classifier.1", mean(step("features.3", x)));
}

/** The blocks of MobileNet V2. */
export const mobileTensors = listed(
  convNormOf("features.0.0", "features.0.1", 6, 3),
  convNormOf("features.1.conv.0.0", "features.1.conv.0.1", 6, 1),
  convNormOf("features.1.conv.1", "features.1.conv.2", 7, 6, 1),
  convNormOf("features.2.conv.0.0", "features.2.conv.0.1", 14, 7, 1),
  convNormOf("features.2.conv.1.0", "features.2.conv.1.1", 14, 1),
  convNormOf("features.2.conv.2", "features.2.conv.3", 7, 14, 1),
  convNormOf("features.3.0", "features.3.1", 16, 7, 1),
  linearOf("classifier.1", 5, 16),
);

export function mobile(w: W, image: np.Array): np.Array {
  const capped = (x: np.Array) => np.minimum(nn.relu(x), 60);
  const step = (at: readonly string[], x: np.Array, groups = 1) =>
    capped(heard(convNorm(w, at, x, 1, groups)));
  let x = step(["features.0.0", "features.0.1"], image);
  x = step(["features.1.conv.0.0", "features.1.conv.0.1"], x, 6);
  x = heard(convNorm(w, ["features.1.conv.1", "features.1.conv.2"], x));
  const wide = step(["features.2.conv.0.0", "features.2.conv.0.1"], x.ref);
  const deep = step(["features.2.conv.1.0", "features.2.conv.1.1"], wide, 14);
  x = np.add(x, heard(convNorm(w, ["features.2.conv.2", "features.2.conv.3"], deep)));
  return linear(w, "classifier.1", mean(step(["features.3.0", "features.3.1"], x)));
}

const convnextBlock = (at: string, c: number) => [
  [
    [`${at}.conv_dw.weight`, c, 1, 7, 7],
    [`${at}.conv_dw.bias`, c],
    [`${at}.gamma`, c],
    [`${at}.mlp.grn.weight`, 17],
    [`${at}.mlp.grn.bias`, 17],
  ] as [string, ...number[]][],
  normOf(`${at}.norm`, c),
  linearOf(`${at}.mlp.fc1`, 17, c),
  linearOf(`${at}.mlp.fc2`, c, 17),
];

export const convnextTensors = listed(
  [
    ["stem.0.weight", 6, 3, 4, 4],
    ["stem.0.bias", 6],
  ],
  normOf("stem.1", 6),
  ...convnextBlock("stages.0.blocks.0", 6),
  normOf("stages.1.downsample.0", 6),
  [
    ["stages.1.downsample.1.weight", 9, 6, 2, 2],
    ["stages.1.downsample.1.bias", 9],
  ],
  ...convnextBlock("stages.1.blocks.0", 9),
  normOf("head.norm", 9),
  linearOf("head.fc", 5, 9),
);

/** ConvNeXt with the response normalisation of version 2 and the layer gains of version 1. */
export function convnext(w: W, image: np.Array): np.Array {
  const last = (x: np.Array) => x.transpose([0, 2, 3, 1]);
  const first = (x: np.Array) => x.transpose([0, 3, 1, 2]);
  const normed = (name: string, x: np.Array) => {
    const centred = np.subtract(x.ref, np.mean(x, -1, { keepdims: true }));
    const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
    const normal = np.divide(centred, np.sqrt(np.add(variance, 1e-6)));
    return np.add(np.multiply(normal, w[`${name}.weight`].ref), w[`${name}.bias`].ref);
  };
  const cut = (name: string, x: np.Array, step: number) =>
    np.add(
      lax.convGeneralDilated(x, w[`${name}.weight`].ref, [step, step], "VALID"),
      w[`${name}.bias`].ref.reshape([1, -1, 1, 1]),
    );
  const response = (name: string, x: np.Array) => {
    const size = np.sqrt(np.sum(np.square(x.ref), [1, 2], { keepdims: true }));
    const share = np.divide(size.ref, np.add(np.mean(size, -1, { keepdims: true }), 1e-6));
    const scaled = np.multiply(np.multiply(x.ref, share), w[`${name}.weight`].ref);
    return np.add(np.add(scaled, w[`${name}.bias`].ref), x);
  };
  const block = (at: string, x: np.Array) => {
    const c = x.shape[1];
    const deep = last(conv(w, `${at}.conv_dw`, x.ref, 1, c));
    const wide = nn.gelu(linear(w, `${at}.mlp.fc1`, normed(`${at}.norm`, deep)));
    const down = linear(w, `${at}.mlp.fc2`, response(`${at}.mlp.grn`, wide));
    return np.add(x, first(np.multiply(down, w[`${at}.gamma`].ref)));
  };
  let x = first(normed("stem.1", last(cut("stem.0", image, 4))));
  x = block("stages.0.blocks.0", x);
  x = cut("stages.1.downsample.1", first(normed("stages.1.downsample.0", last(x))), 2);
  x = block("stages.1.blocks.0", x);
  return linear(w, "head.fc", normed("head.norm", mean(x)));
}
