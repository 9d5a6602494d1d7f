// Larger random operations: recurrent layers, transposed convolution, pooling, normalisation, padding, einsum.

import { pick, type Step } from "./random-steps.ts";

export const gru: Step = ({ b, random, weight }, { name, shape }) => {
  if (shape.length !== 3) return null;
  const [steps, batch, from] = shape;
  const hidden = pick(random, [2, 3, 4]);
  const directions = pick(random, [1, 2]);
  const weights = [[3 * hidden, from], [3 * hidden, hidden], [6 * hidden]].map((own) =>
    weight([directions, ...own]),
  );
  const direction = directions === 2 ? "bidirectional" : "forward";
  const [all, last] = b.nodes("GRU", [name, ...weights], 2, { hidden_size: hidden, direction });
  if (random.uniform() < 0.5) return { name: last, shape: [directions, batch, hidden] };
  const turned = b.node("Transpose", [all], { perm: [0, 2, 1, 3] });
  const joined = b.node("Reshape", [turned, b.constant([steps, batch, directions * hidden])]);
  return { name: joined, shape: [steps, batch, directions * hidden] };
};

export const transposedConvolution: Step = ({ b, random, weight }, { name, shape }) => {
  if (shape.length !== 3) return null;
  const groups = pick(
    random,
    [1, 2, 3].filter((g) => shape[1] % g === 0),
  );
  const to = pick(random, [1, 2, 3]);
  const inputs = [name, weight([shape[1], to, 2]), weight([groups * to])];
  const made = b.node("ConvTranspose", inputs, { kernel_shape: [2], strides: [2], group: groups });
  return { name: made, shape: [shape[0], groups * to, 2 * shape[2]] };
};

export const pool: Step = ({ b, random }, { name, shape }) => {
  if (shape.length !== 3 || shape[2] < 2) return null;
  const op = pick(random, ["MaxPool", "AveragePool"]);
  const made = b.node(op, [name], { kernel_shape: [2], strides: [2] });
  return { name: made, shape: shape.with(2, Math.floor(shape[2] / 2)) };
};

export const channelNorm: Step = ({ b, random, weight }, { name, shape }) => {
  if (shape.length !== 3) return null;
  const vectors = [weight([shape[1]]), weight([shape[1]])];
  if (random.uniform() < 0.5)
    return { name: b.node("InstanceNormalization", [name, ...vectors]), shape };
  const variance = b.tensor(
    `${name}.variance`,
    [shape[1]],
    Array.from({ length: shape[1] }, (_, i) => 1 + i / 3),
  );
  return {
    name: b.node("BatchNormalization", [name, ...vectors, weight([shape[1]]), variance]),
    shape,
  };
};

export const groupNorm: Step = ({ b, random, weight }, { name, shape }) => {
  if (shape.length !== 3) return null;
  const groups = pick(
    random,
    [1, 2, 3, 4].filter((g) => shape[1] % g === 0),
  );
  const apart = b.node("Reshape", [name, b.constant([0, groups, -1])]);
  const ones = [1, 0].map((value) =>
    b.constant(
      Array.from({ length: groups }, () => value),
      "float",
    ),
  );
  const normal = b.node("InstanceNormalization", [apart, ...ones]);
  const back = b.node("Reshape", [normal, b.node("Shape", [name])]);
  return { name: b.node("Mul", [back, weight([shape[1], 1])]), shape };
};

export const pad: Step = ({ b, random }, { name, shape }) => {
  const axis = random.integer(shape.length);
  const pads = [...shape, ...shape].map((_, i) => (i % shape.length === axis ? 1 : 0));
  return {
    name: b.node("Pad", [name, b.constant(pads)]),
    shape: shape.with(axis, shape[axis] + 2),
  };
};

export const einsum: Step = ({ b, random, weight }, { name, shape }) => {
  if (shape.length !== 3) return null;
  const kinds: readonly (readonly [string, readonly number[], readonly number[]])[] = [
    ["abc,cd->abd", [shape[2], 4], [shape[0], shape[1], 4]],
    ["abc,bcd->bad", [shape[1], shape[2], 3], [shape[1], shape[0], 3]],
    ["abc,bc->ab", [shape[1], shape[2]], [shape[0], shape[1]]],
    ["abc,acd->bd", [shape[0], shape[2], 5], [shape[1], 5]],
    ["abc,b->cab", [shape[1]], [shape[2], shape[0], shape[1]]],
  ];
  const [equation, own, made] = pick(random, kinds);
  return { name: b.node("Einsum", [name, weight(own)], { equation }), shape: made };
};

export const expand: Step = ({ b, random }, { name, shape }) => {
  const at = random.integer(shape.length + 1);
  const wide = b.node("Unsqueeze", [name, b.constant([at])]);
  const made = shape.toSpliced(at, 0, 2);
  return { name: b.node("Expand", [wide, b.constant(made)]), shape: made };
};

export const blocks: Step = ({ b, random }, { name, shape }) => {
  if (shape.length !== 3 || shape[1] % 4 !== 0) return null;
  const flat = b.node("Unsqueeze", [name, b.constant([3])]);
  const mode = pick(random, ["DCR", "CRD"]);
  const deep = b.node("DepthToSpace", [flat], { blocksize: 2, mode });
  const made = [shape[0], shape[1] / 4, 4 * shape[2]];
  return { name: b.node("Reshape", [deep, b.constant(made)]), shape: made };
};
