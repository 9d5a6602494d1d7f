// Files of theta: our own, and Celo2's as flax and PyTorch write them. The files of others are made here, in their format.

import { beforeAll, describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import { arraysFromHost, arraysToHost, type HostRecord } from "../../src/engine/arrays.ts";
import { startEngine } from "../../src/engine/start.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { readFlaxArrays } from "../../src/optimizers/flax-msgpack.ts";
import { learnedOptimizer } from "../../src/optimizers/learned-optimizer.ts";
import { loadOptimizer, openTheta } from "../../src/optimizers/load-optimizer.ts";
import { optimizerKind } from "../../src/optimizers/registry.ts";
import { readTheta, tensorList, writeTheta } from "../../src/optimizers/theta-file.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import type { Optimizer } from "../../src/train/optimizers/optimizers.ts";

beforeAll(() => startEngine());

const spec = mlpSpec([4, 3, 2]);
const ones = (seed: number): HostRecord => {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => [
      name,
      { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal()) },
    ]),
  );
};

async function firstUpdate(optimizer: Optimizer): Promise<number[]> {
  const params = arraysFromHost(ones(1));
  const [updates] = optimizer.update(arraysFromHost(ones(2)), optimizer.init(params), params);
  return Object.values(await arraysToHost(updates)).flatMap(({ data }) => [...data]);
}

const fileOf = (kind: string) => {
  const { features, specBound, program } = optimizerKind(kind);
  const theta = program(spec).initialTheta(5);
  const tensors = specBound ? tensorList(spec) : null;
  return { kind, features, tensors, training: { outerSteps: 3, seeds: [1] }, theta };
};

describe("files of theta", () => {
  test.each(["unf", "unf-small", "celo2-unf"])(
    "%s: written, read and used, it is the same",
    async (kind) => {
      const file = fileOf(kind);
      const bytes = await writeTheta(file);
      expect(await readTheta(bytes)).toEqual(file);
      const loaded = await firstUpdate(await loadOptimizer(bytes, { spec }));
      expect(loaded).toEqual(
        await firstUpdate(learnedOptimizer({ kind, spec, theta: file.theta })),
      );
      expect(loaded).not.toEqual(await firstUpdate(learnedOptimizer({ kind, spec }))); // control
    },
  );
  test("a bit that was changed anywhere is noticed", async () => {
    const bytes = await writeTheta(fileOf("celo2"));
    const random = randomStream(4);
    for (let i = 0; i < 40; i++) {
      const tampered = bytes.slice();
      tampered[random.integer(bytes.length)] ^= 1 << random.integer(8);
      await expect(loadOptimizer(tampered, { spec })).rejects.toThrow();
    }
    await expect(loadOptimizer(bytes.slice(0, -4), { spec })).rejects.toThrow(FormatError);
  });
  test("a theta that belongs to one list of tensors is refused on another, and taken on another width", async () => {
    const bytes = await writeTheta(fileOf("unf"));
    await loadOptimizer(bytes, { spec: mlpSpec([4, 9, 2]) });
    await expect(loadOptimizer(bytes, { spec: mlpSpec([4, 3, 3, 2]) })).rejects.toThrow(
      /belongs to one list of tensors/,
    );
    const free = await writeTheta(fileOf("unf-small"));
    await loadOptimizer(free, { spec: mlpSpec([4, 3, 3, 2]) });
  });
  test("an unknown name is refused with what there is", async () => {
    await expect(loadOptimizer("unf-smal", { spec })).rejects.toThrow(/no theta called "unf-smal"/);
    await expect(loadOptimizer("toString", { spec })).rejects.toThrow(/no theta called "toString"/);
  });
});

/** MessagePack of maps, texts and arrays as flax writes them. */
function pack(value: unknown): number[] {
  const text = (s: string) => [0xd9, s.length, ...new TextEncoder().encode(s)];
  if (typeof value === "string") return text(value);
  if (typeof value === "number") return value < 128 ? [value] : [0xcd, value >> 8, value & 255];
  if (value instanceof Uint8Array) return [0xc5, value.length >> 8, value.length & 255, ...value];
  if (Array.isArray(value)) return [0x90 + value.length, ...value.flatMap(pack)];
  const { shape, data } = value as { shape?: number[]; data?: Float32Array };
  if (shape !== undefined && data !== undefined) {
    const inner = pack([shape, "float32", new Uint8Array(data.buffer)]);
    return [0xc8, inner.length >> 8, inner.length & 255, 1, ...inner];
  }
  const entries = Object.entries(value as object);
  return [
    0xde,
    0,
    entries.length,
    ...entries.flatMap(([key, child]) => [...text(key), ...pack(child)]),
  ];
}

const groups = [1, 1, 1, 3, 1, 3, 1, 3, 1, 3, 3, 3, 3, 3];
const theta = optimizerKind("celo2").program(spec).initialTheta(9);
const rows = (from: number, count: number) => ({
  shape: [count, 8],
  data: Float32Array.from(theta["dense0.weight"].data.slice(from * 8, (from + count) * 8)),
});
const other = (name: string) => ({
  shape: [...theta[name].shape],
  data: Float32Array.from(theta[name].data),
});
function flaxState(): Record<string, unknown> {
  let from = 0;
  const first = groups.map((count, at) => {
    from += count;
    return [`w0__${at}`, rows(from - count, count)];
  });
  return {
    ...Object.fromEntries(first),
    b0: other("dense0.bias"),
    w1: other("dense1.weight"),
    b1: other("dense1.bias"),
    w2: other("dense2.weight"),
    b2: other("dense2.bias"),
  };
}
const flaxFile = (state: unknown) => Uint8Array.from(pack({ params: state, step: 300 }));

describe("Celo2 as others publish it", () => {
  test("a state of flax, its first layer in 14 groups of inputs", async () => {
    const file = await openTheta(flaxFile(flaxState()));
    expect(file).toMatchObject({ kind: "celo2", tensors: null });
    for (const [name, { data }] of Object.entries(theta))
      expect([...file.theta[name].data]).toEqual([...data]);
    expect(await firstUpdate(await loadOptimizer(flaxFile(flaxState()), { spec }))).toEqual(
      await firstUpdate(learnedOptimizer({ kind: "celo2", spec, theta })),
    );
  });
  test("safetensors of a PyTorch module, weights [outputs, inputs]", async () => {
    const tensors = Object.fromEntries(
      [0, 1, 2].flatMap((at) => {
        const { shape, data } = theta[`dense${at}.weight`];
        const [inputs, outputs] = shape;
        const turned = Float32Array.from(
          data,
          (_, i) => data[(i % inputs) * outputs + Math.floor(i / inputs)],
        );
        const bias = Float32Array.from(theta[`dense${at}.bias`].data);
        const entry = (own: number[], values: Float32Array) => ({
          dtype: "F32" as const,
          shape: own,
          data: new Uint8Array(values.buffer),
        });
        return [
          [`network.${2 * at}.weight`, entry([outputs, inputs], turned)],
          [`network.${2 * at}.bias`, entry([outputs], bias)],
        ];
      }),
    );
    const file = await openTheta(writeSafetensors(tensors));
    for (const [name, { data }] of Object.entries(theta))
      expect([...file.theta[name].data]).toEqual([...data]);
  });
  test("states of other optimizers are refused by what they hold", async () => {
    const { w1: _, ...less } = flaxState();
    const narrow = { ...flaxState(), w1: { shape: [8, 4], data: new Float32Array(32) } };
    const more = { ...flaxState(), lstm: { shape: [2], data: new Float32Array(2) } };
    for (const state of [less, narrow, more, {}])
      await expect(openTheta(flaxFile(state))).rejects.toThrow(UnsupportedError);
    await expect(openTheta(flaxFile(more))).rejects.toThrow(/w0__0 \[1, 8\]/);
  });
  test("cut off or changed anywhere, a state is refused or read; it never hangs and never gives half an array", async () => {
    const bytes = flaxFile(flaxState());
    for (let length = 0; length < bytes.length; length += 7)
      expect(() => readFlaxArrays(bytes.subarray(0, length))).toThrow(FormatError);
    const random = randomStream(8);
    for (let i = 0; i < 300; i++) {
      const changed = bytes.slice();
      changed[random.integer(bytes.length)] = random.integer(256);
      try {
        for (const { shape, data } of readFlaxArrays(changed).values())
          expect(data).toHaveLength(sizeOf(shape));
      } catch (error) {
        expect(error instanceof FormatError || error instanceof UnsupportedError).toBe(true);
      }
    }
    for (const text of ["<!doctype html>", "version https://git-lfs.github.com/spec/v1", ""])
      await expect(openTheta(new TextEncoder().encode(text))).rejects.toThrow();
  });
});
