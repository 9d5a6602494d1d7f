import { grad, jit, numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../../src/engine/start.ts";
import { keepArrays } from "../../../src/engine/arrays.ts";
import type { Params } from "../../../src/models/model.ts";
import { probes } from "../../../src/models/running/probes.ts";
import { actOn } from "../../../src/symmetry/act.ts";
import { sampleElement } from "../../../src/symmetry/element.ts";
import { mlpSpec } from "../../../src/symmetry/presets/mlp.ts";
import { cnnSpec } from "../../../src/symmetry/presets/cnn.ts";
import { pictureSpec } from "../../../src/tasks/pictures.ts";
import { batchOf } from "../../support/batches.ts";
import { genericWeights } from "../../support/networks.ts";

beforeAll(() => startEngine());

test.each([
  ["sine", () => pictureSpec(), "sine2.weight"],
  ["relu", async () => mlpSpec([3, 5, 4, 2], { scale: "positive" }), "fc2.weight"],
] as const)(
  "%s networks are told by what they compute: the same after the group acted",
  async (networks, make, moved) => {
    const spec = await make();
    const tensor =
      Object.keys(spec.tensors).find((name) => name === moved) ?? Object.keys(spec.tensors)[2];
    const weights = genericWeights(spec, 1);
    const small = Object.fromEntries(
      Object.entries(weights).map(([name, { shape, data }]) => [
        name,
        { shape, data: Float32Array.from(data, (value) => 0.1 * value) },
      ]),
    );
    const after = actOn(spec, sampleElement(spec, 2), small);
    const half = { ...small, [tensor]: after[tensor] };
    const model = probes(spec, { networks, probes: 8, omega: 3, head: [6, 4] });
    const predicted = await model.apply(model.init(0), batchOf([small, after, half])).data();
    const row = (i: number) => predicted.slice(4 * i, 4 * i + 4);
    row(0).forEach((value, i) => expect(row(1)[i]).toBeCloseTo(value, 4));
    const change = Math.max(...row(0).map((value, i) => Math.abs(value - row(2)[i])));
    expect(change).toBeGreaterThan(1e-3);
  },
);

test("compiled gradients of probes and head are those of central differences", async () => {
  const spec = await pictureSpec();
  const networks = [1, 2, 3].map((seed) => genericWeights(spec, seed));
  const model = probes(spec, { probes: 4, omega: 1, head: [5, 2] });
  const loss = (params: Params) => np.sum(np.square(model.apply(params, batchOf(networks))));
  const params = model.init(1);
  const gradients = jit(grad(loss))(keepArrays(params)) as Params;
  for (const name of [
    "probes.places",
    ...Object.keys(params).filter((key) => key !== "probes.places"),
  ]) {
    const values = (await params[name].ref.data()) as Float32Array;
    const { shape } = params[name];
    const written = await gradients[name].data();
    const at = values.length - 1;
    const moved = async (by: number) => {
      const data = Float32Array.from(values);
      data[at] += by;
      const changed = { ...keepArrays(params), [name]: np.array(data, { shape: [...shape] }) };
      return (await loss(changed).data())[0];
    };
    const step = 1e-2;
    const derivative = ((await moved(step)) - (await moved(-step))) / (2 * step);
    expect(Math.abs(written[at] - derivative)).toBeLessThan(0.03 * Math.abs(derivative) + 3e-3);
  }
});

test("networks that are no chain of linear layers are refused by the tensor that stops them", () => {
  expect(() => probes(cnnSpec({ channels: [1, 4], classes: 2 }))).toThrow(/has 4 dimensions/);
  expect(() => probes(mlpSpec([3, 4, 2]), { omega: 0 })).toThrow(/omega/);
});
