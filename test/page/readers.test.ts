// The readers that the page ships, without a browser: a network learns a sample or a drawing as it does on the page, and they read it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "weightspace/engine";
import {
  asDigit,
  boxed,
  enlarged,
  side,
  type Stroke,
  thicker,
} from "../../page/src/picture/drawing.ts";
import { probabilities, reordered, shuffled } from "../../page/src/picture/moves.ts";
import { openReaders, type ReadersFile } from "../../page/src/picture/readers.ts";
import { drawn, psnrOf, steps, teach } from "../../page/src/picture/siren.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { picturesTask } from "../../src/tasks/pictures.ts";
import { recipeNamed } from "../../src/zoo/recipes.ts";
import { trainPopulation } from "../../src/zoo/training/train-population.ts";
import { root } from "../docs/pages.ts";
import { digitStrokes } from "./strokes.ts";

let readers: ReadersFile;
const taught = (picture: Float32Array): Weights =>
  [...teach(readers.start, picture, 1)].at(-1)!.weights;

/** The likeliest digit of every network, by reader. */
async function told(networks: readonly Weights[]): Promise<Record<string, number[]>> {
  const outputs = await readers.read(networks);
  const entries = readers.note.readers.map(({ name }, at) => [
    name,
    networks.map((_, i) => {
      const said = probabilities(outputs[at].slice(10 * i, 10 * i + 10));
      return said.indexOf(Math.max(...said));
    }),
  ]);
  return Object.fromEntries(entries) as Record<string, number[]>;
}

const right = (said: readonly number[], wanted: readonly number[]): number =>
  said.filter((digit, i) => digit === wanted[i]).length;

beforeAll(async () => {
  await startEngine();
  const bytes = readFileSync(join(root, "page/src/picture/readers.safetensors"));
  readers = openReaders(new Uint8Array(bytes));
});

describe("samples that no reader has seen", () => {
  let pictures: Float32Array[];
  let networks: Weights[];
  let labels: number[];
  beforeAll(() => {
    const samples = readers.samples.slice(0, 10);
    pictures = samples.map(({ pixels }) => enlarged(pixels));
    networks = pictures.map(taught);
    labels = samples.map(({ label }) => label);
  }, 120_000);

  test("are ten digits, twice, and every network paints its own", () => {
    const digits = Array.from({ length: 10 }, (_, digit) => digit);
    expect(readers.samples.map(({ label }) => label)).toEqual([...digits, ...digits]);
    for (const [i, network] of networks.entries()) {
      expect(psnrOf(drawn(network), pictures[i])).toBeGreaterThan(24);
      expect(psnrOf(drawn(network), pictures[(i + 1) % 10])).toBeLessThan(15); // control
    }
  });

  test("are told from the weights by the functional, and not once the numbers are shuffled", async () => {
    const said = await told(networks);
    expect(right(said["unf-products"], labels)).toBeGreaterThanOrEqual(8);
    expect(right(said["probes"], labels)).toBeGreaterThanOrEqual(8);
    const after = await told(networks.map((network, i) => shuffled(network, i)));
    for (const reader of Object.values(after)) expect(right(reader, labels)).toBeLessThan(5);
  });

  test("another order of units and other signs change no picture and no answer of the functional, but those of a plain network", async () => {
    const moved = networks.map((network, i) => reordered(readers.spec, network, i + 1));
    for (const [i, network] of moved.entries()) {
      expect(network["sine2.weight"].data).not.toEqual(networks[i]["sine2.weight"].data);
      expect(psnrOf(drawn(network), drawn(networks[i]))).toBeGreaterThan(80);
    }
    const names = readers.note.readers.map(({ name }) => name);
    const [before, after] = [await readers.read(networks), await readers.read(moved)];
    const change = (name: string) => {
      const [x, y] = [before, after].map((all) => all[names.indexOf(name)]);
      return Math.max(...x.map((value, i) => Math.abs(value - y[i])));
    };
    expect(change("unf-products")).toBeLessThan(1e-2);
    expect(change("probes")).toBeLessThan(1e-2);
    expect(change("flat-mlp")).toBeGreaterThan(1);
    const plain = [await told(networks), await told(moved)].map((said) =>
      right(said["flat-mlp"], labels),
    );
    expect(plain[0]).toBeGreaterThanOrEqual(8);
    expect(plain[1]).toBeLessThan(5);
  });

  test("edited in weight space they are nearer to the thicker picture than before", async () => {
    let nearer = 0;
    for (const [i, network] of networks.entries()) {
      const wanted = thicker(pictures[i]);
      const edited = await readers.edit(network);
      if (psnrOf(edited, wanted) > psnrOf(drawn(network), wanted) + 1) nearer++;
    }
    expect(nearer).toBeGreaterThanOrEqual(9);
  });

  test("the page teaches as the library does: as near to the picture, from the same start", async () => {
    const task = await picturesTask("one", {
      count: 1,
      shape: [side, side],
      inputs: pictures[0],
      labels: Uint8Array.of(0),
    });
    const recipe = { ...recipeNamed("pictures-digits-28-shared"), name: "one" };
    expect(recipe.steps.range).toEqual([steps, steps]);
    const start = () => readers.start;
    const { runs } = await trainPopulation({ task, recipe, seed: 1, indices: [0], start });
    const here = psnrOf(drawn(networks[0]), pictures[0]);
    expect(Math.abs(here - (runs[0].metrics["psnr"] ?? 0))).toBeLessThan(2);
  });
});

describe("drawings", () => {
  const moved = (strokes: readonly Stroke[], scale: number, x: number, y: number) =>
    strokes.map((stroke) => stroke.map(([a, b]) => [scale * a + x, scale * b + y] as const));

  test("become the same digit wherever and however large they are drawn", () => {
    for (const [number, strokes] of digitStrokes.entries()) {
      const digit = asDigit(strokes);
      expect(asDigit(moved(strokes, 0.5, 3, 12))).toEqual(digit);
      expect(Math.max(...digit)).toBeGreaterThan(0.9);
      const turned = asDigit(moved(strokes, -1, 28, 28)); // upside down
      if (number !== 0) expect(turned).not.toEqual(digit);
      const ink = digit.reduce((sum, value) => sum + value, 0) / 64;
      expect(ink).toBeGreaterThan(0.1);
      expect(ink).toBeLessThan(0.5);
    }
  });

  test("stand in the box as they were drawn; a dot and a line are drawings too", () => {
    const line: Stroke[] = [
      [
        [4.5, 14.5],
        [20.5, 14.5],
      ],
    ];
    const inBox = boxed(line);
    expect(inBox[14 * side + 10]).toBe(1);
    expect(inBox[5 * side + 10]).toBe(0);
    for (const strokes of [[[[9, 9]]], line] as Stroke[][]) {
      const digit = asDigit(strokes);
      expect(digit.every((value) => value >= 0 && value <= 1)).toBe(true);
      expect(Math.max(...digit)).toBeGreaterThan(0.2);
    }
  });

  test("of ten drawn digits the functional tells eight, the probes nine, as the page says", async () => {
    const networks = digitStrokes.map((strokes) => taught(enlarged(asDigit(strokes))));
    const digits = digitStrokes.map((_, digit) => digit);
    const said = await told(networks);
    expect(right(said["unf-products"], digits)).toBe(8);
    expect(right(said["probes"], digits)).toBe(9);
  });
});
