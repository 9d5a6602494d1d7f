// The parts of the page that need no browser: which files are meant, arcs, sentences, the walk through the group.

import { describe, expect, test } from "vitest";
import { bytesText, sentence, shareText } from "../../page/src/app/text.ts";
import { arcsOf } from "../../page/src/file/arcs.ts";
import { headlineOf, leadOf } from "../../page/src/file/headline.ts";
import { fitMoons, moons } from "../../page/src/group/fit.ts";
import { functionOf, mapOf, moved, numbersOf } from "../../page/src/group/network.ts";
import { axes, cyclesText, steps, unitsAt, walk } from "../../page/src/group/path.ts";
import { chooseFiles } from "../../page/src/work/dropped.ts";
import { identityElement } from "../../src/symmetry/element.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";

const file = (name: string) => new File(["x"], name);

describe("which files are meant", () => {
  const kindOf = (...names: string[]) => chooseFiles(names.map(file));

  test("one, one with its data beside it, two, two with their graph", () => {
    expect(kindOf("a.onnx").kind).toBe("one");
    const beside = kindOf("a.onnx.data", "a.onnx");
    expect(beside.kind === "one" && [beside.one.file.name, beside.one.beside[0].name]).toEqual([
      "a.onnx",
      "a.onnx.data",
    ]);
    expect(kindOf("a.pt", "b.safetensors").kind).toBe("two");
    const graph = kindOf("a.safetensors", "m.onnx", "b.safetensors");
    expect(graph.kind === "two" && graph.graph?.file.name).toBe("m.onnx");
  });

  test("an index with its shards is one checkpoint; a shard alone is one too", () => {
    const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const found = kindOf(...shards, "model.safetensors.index.json");
    expect(found.kind === "one" && found.one.beside.length).toBe(2);
    expect(kindOf(shards[0]).kind).toBe("one");
  });

  test("nothing, and too many, are asked about", () => {
    for (const names of [[], ["a.pt", "b.pt", "c.pt"], ["a.onnx", "b.onnx", "c.onnx"]]) {
      const choice = kindOf(...names);
      expect(choice.kind === "unclear" && choice.message).toMatch(/dropped/);
    }
  });
});

test("arcs join axes that a tensor has together, thick where many do", () => {
  const found = arcsOf(
    [{ name: "in" }, { name: "h" }, { name: "out" }],
    [
      { axes: ["in", "h"] },
      { axes: ["h"] },
      { axes: ["h", "in"] },
      { axes: ["h", "out"] },
      { axes: ["h", "unknown"] },
    ],
  );
  expect(found.map(({ from, to, tensors }) => [from, to, tensors])).toEqual([
    [0, 1, 2],
    [1, 2, 1],
  ]);
});

describe("the sentence says no more than what was run", () => {
  const axis = (name: string, free: boolean) => ({
    name,
    size: 3,
    group: free ? "S_3" : "fixed",
    free,
    tensors: [],
    why: "",
  });
  const results = new Map([["h", { axis: "h", error: 1, holds: false, control: null }]]);
  const none = { state: "none", results: new Map() } as const;
  const two = {
    axes: [axis("h", true), axis("g", true), axis("in", false)],
    from: "graph",
  } as const;
  const proof = (verdict: "proved" | "refuted" | "nothing to prove") =>
    ({
      state: "done",
      results,
      result: { verdict, together: 0.5, tolerance: 1e-4, seed: 0, warnings: [] },
    }) as const;

  test.each([
    [none, "2 free axes."],
    [{ ...none, state: "running" } as const, "2 free axes."],
    [proof("proved"), "2 free axes, all proved on this file."],
    [proof("refuted"), "Refuted: 1 of 2 free axes changed the output."],
    [proof("nothing to prove"), "2 free axes; no output shows whether they hold."],
    [
      { ...none, state: "failed" } as const,
      "2 free axes; this browser could not run the model to prove them.",
    ],
    [
      { ...none, state: "stopped" } as const,
      "2 free axes; 0 of them put to the test before it was stopped.",
    ],
  ])("%#", (state, expected) => {
    expect(headlineOf(two, state)).toBe(expected);
  });

  test("names are never called a proof", () => {
    const said = headlineOf({ ...two, from: "names" }, none);
    expect(said).not.toContain("proved");
    expect(headlineOf({ axes: [axis("in", false)], from: "graph" }, none)).toContain(
      "No free axis",
    );
    const lead = leadOf({ ...two, from: "names", origin: "tensor names" } as never, none);
    expect(lead).toContain("A proof needs the graph");
  });
});

describe("the group at work", () => {
  const examples = moons(1);
  const weights = fitMoons(examples, 1);
  const elements = walk(1);

  test("the network learns its points, and is the same again from its seed", () => {
    const value = functionOf(weights);
    const right = examples.filter(({ x, y, inside }) => value(x, y) > 0.5 === inside).length;
    expect(right / examples.length).toBeGreaterThan(0.97);
    expect(numbersOf(fitMoons(examples, 1))).toEqual(numbersOf(weights));
    expect(Object.keys(weights)).toEqual(Object.keys(mlpSpec([2, 6, 5, 1]).tensors));
  });

  test("along the walk numbers move and the function stands still; broken, it does not", () => {
    expect(elements).toHaveLength(steps + 1);
    const map = mapOf(weights);
    const change = (step: number, torn: boolean) => {
      const now = mapOf(moved(weights, elements[step], torn));
      return Math.max(...now.map((value, i) => Math.abs(value - map[i])));
    };
    for (const step of [0, 1, 7, steps]) expect(change(step, false)).toBeLessThan(1e-5);
    expect(change(steps, true)).toBeGreaterThan(0.1);
    const numbers = numbersOf(moved(weights, elements[7], false));
    expect(numbers).not.toEqual(numbersOf(weights));
    const sorted = (values: number[]) => values.toSorted((a, b) => a - b);
    expect(sorted(numbers)).toEqual(sorted(numbersOf(weights)));
  });

  test("cycles and places tell the same order", () => {
    const identity = identityElement(mlpSpec([2, 6, 5, 1]));
    expect(cyclesText(identity, axes[0])).toBe("every unit in place");
    expect(unitsAt(identity, axes[0])).toEqual([0, 1, 2, 3, 4, 5]);
    const element = { ...identity, [axes[0]]: { permutations: [[1, 2, 0, 3, 5, 4]] } };
    expect(cyclesText(element, axes[0])).toBe("(1 2 3)(5 6)");
    expect(unitsAt(element, axes[0])).toEqual([2, 0, 1, 3, 5, 4]);
  });
});

test("numbers as people read them", () => {
  expect([0, 999, 3400, 2e6, 3.2e9].map(bytesText)).toEqual([
    "0 bytes",
    "999 bytes",
    "3.4 kB",
    "2.0 MB",
    "3.2 GB",
  ]);
  expect([0, 1e-8, 0.5, Infinity].map(shareText)).toEqual(["0", "1e-8", "50.0%", "–"]);
  expect(sentence("symmetric: the same")).toBe("Symmetric: the same.");
});
