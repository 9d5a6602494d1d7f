import { grad, numpy as np, vmap } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../../src/engine/start.ts";
import type { WeightBatch } from "../../../src/models/model.ts";
import type { Cell } from "../../../src/populations/layers/cell.ts";
import { gruCell } from "../../../src/populations/layers/gru.ts";
import { forwardPass, gatherGradients } from "../../../src/populations/layers/layer.ts";
import { readout } from "../../../src/populations/layers/readout.ts";
import {
  distance,
  distances,
  keep,
  networks,
  normalArray,
  randomTensors,
} from "../../support/layer-laws.ts";

beforeAll(() => startEngine());

const hidden = 8;
const batch = 4;
const inputs = 5;
/** Widths of rows that the cells read: the GRU's carry a 1 and zeros. */
const cells: Record<string, [Cell, width: number]> = {
  GRU: [gruCell("g", { inputs, hidden, width: 8 }), 8],
};

/** Three times of random inputs [networks, batch, inputs]; padded to a width with a 1 and zeros. */
const times = [11, 12, 13].map((seed) => () => normalArray([networks, batch, inputs], seed));
const padded = (x: np.Array, width: number): np.Array =>
  width === inputs
    ? x
    : np.concatenate(
        [x, np.ones([networks, batch, 1]), np.zeros([networks, batch, width - inputs - 1])],
        2,
      );
const start = () => normalArray([networks, batch, hidden], 3);

test.each(Object.keys(cells))(
  "the %s of n networks follows its definition through time, and gradients come back through time",
  async (name) => {
    const [cell, width] = cells[name];
    const weights = randomTensors(cell.shapes, 1);
    const definition = (w: WeightBatch, state: np.Array) => {
      const one = (v: WeightBatch, s: np.Array, ...xs: np.Array[]) =>
        xs.reduce((before, x) => cell.apply(v, before, x), s);
      return vmap(one)(w, state, ...times.map((x) => x()));
    };
    const { pass, release } = forwardPass(weights);
    const open = cell.open(pass);
    let state = start();
    for (const x of times) [state] = open.step(state, padded(x(), width));
    release();
    open.close();
    const expected = () => definition(keep(weights), start());
    expect(await distance(state, expected())).toBeLessThan(2e-5);
    expect(await distance(start(), expected())).toBeGreaterThan(1e-2); // control: before reading

    const at = (seed: number) => normalArray([networks, batch, hidden], seed);
    const written = (seed: number) => {
      let atStart: np.Array | undefined;
      const gradients = gatherGradients(weights, (backward) => {
        const opened = cell.open(backward);
        let s = start();
        const backs = times.map((x) => {
          const [next, back] = opened.step(s, padded(x(), width));
          s = next;
          return back;
        });
        s.dispose();
        atStart = backs.reduceRight((gradient, back) => back(gradient), at(seed));
        opened.close();
      });
      return { ...gradients, start: atStart as np.Array };
    };
    const total = ({ start: s, ...w }: WeightBatch) => np.sum(np.multiply(definition(w, s), at(5)));
    const automatic = () => grad(total)({ ...keep(weights), start: start() }) as WeightBatch;
    for (const error of Object.values(await distances(written(5), automatic())))
      expect(error).toBeLessThan(2e-5);
    for (const error of Object.values(await distances(written(6), automatic())))
      expect(error).toBeGreaterThan(1e-2); // control: another gradient at the end
  },
);

test("a readout opened once follows its definition at every time, and sums gradients over times", async () => {
  const head = readout("dense", { hidden, outputs: 3 });
  const weights = randomTensors(head.shapes, 1);
  const states = [21, 22].map((seed) => () => normalArray([networks, batch, hidden], seed));
  const at = (seed: number) => normalArray([networks, 3, batch], seed);
  const definition = (w: WeightBatch, state: np.Array) =>
    vmap((v: WeightBatch, s: np.Array) => head.apply(v, s))(w, state);
  const written = (seed: number) =>
    gatherGradients(weights, (pass) => {
      const open = head.open(pass);
      for (const [t, state] of states.entries()) {
        const [found, back] = open.step(state());
        found.dispose();
        back(at(seed + t)).dispose();
      }
      open.close();
    });
  const total = (w: WeightBatch) =>
    states
      .map((state, t) => np.sum(np.multiply(definition(keep(w), state()), at(5 + t))))
      .reduce((sum, term) => np.add(sum, term));
  const automatic = () => grad(total)(keep(weights)) as WeightBatch;
  for (const error of Object.values(await distances(written(5), automatic())))
    expect(error).toBeLessThan(2e-5);
  for (const error of Object.values(await distances(written(9), automatic())))
    expect(error).toBeGreaterThan(1e-2); // control
  const { pass, release } = forwardPass(weights);
  const open = head.open(pass);
  const [found] = open.step(states[0]());
  release();
  open.close();
  expect(await distance(found, definition(keep(weights), states[0]()))).toBeLessThan(2e-5);
});
