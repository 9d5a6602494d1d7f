// Random operations that choose: a maximum with 0, the larger or the positive entries, rows written by position.

import { sizeOf } from "../../../src/core/shapes.ts";
import { pick, type Step } from "./random-steps.ts";

export const reluInWords: Step = ({ b, random }, { name, shape }) => {
  const zero = b.constant([random.uniform() < 0.8 ? 0 : 0.5], "float", []);
  if (random.uniform() < 0.3) return { name: b.node("Max", [name, zero]), shape };
  const compared = b.node(pick(random, ["Greater", "Less", "GreaterOrEqual"]), [name, zero]);
  const other = random.uniform() < 0.5 ? zero : b.node("Neg", [name]);
  return { name: b.node("Where", [compared, name, other]), shape };
};

export const chosen: Step = ({ b, random, pool }, { name, shape }) => {
  const alike = pool.filter((held) => held.shape.join() === shape.join());
  const [first, second, third] = [0, 1, 2].map(() => pick(random, alike).name);
  const compared = b.node(pick(random, ["Greater", "LessOrEqual"]), [first, second]);
  return { name: b.node("Where", [compared, name, third]), shape };
};

export const written: Step = ({ b, random, weight }, { name, shape }) => {
  if (shape.length < 2 || sizeOf(shape) > 200) return null;
  const rows = shape[0] + 1;
  const positions = Array.from({ length: shape[0] }, () => random.integer(rows));
  const memory = weight([rows, ...shape.slice(1)]);
  const indices = b.constant(positions, "int64", [shape[0], 1]);
  return {
    name: b.node("ScatterND", [memory, indices, name], { reduction: "add" }),
    shape: [rows, ...shape.slice(1)],
  };
};

export const inlineBias: Step = ({ b, random }, { name, shape }) => {
  const size = shape[shape.length - 1];
  const bias = b.constant(
    Array.from({ length: size }, () => random.normal()),
    "float",
  );
  return { name: b.node("Add", [name, bias]), shape };
};
