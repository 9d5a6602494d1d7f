// Two networks from bytes alone, as a page has them: opened, compared and moved without a file system.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkMoved } from "../../src/checkpoints/check-moved.ts";
import { alignCompared, compareNetworks } from "../../src/checkpoints/compare-networks.ts";
import { findSpec } from "../../src/checkpoints/find-spec.ts";
import { openNetwork } from "../../src/checkpoints/network.ts";
import { differencePanels } from "../../src/checkpoints/difference-panels.ts";
import { movesSentence, verdictSentence } from "../../src/compare/comparison-words.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { root } from "../docs/pages.ts";

const fileOf = (path: string) => {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return new File([readFileSync(join(root, path))], name);
};
const fileWith = (weights: Weights, name: string) =>
  new File([new Uint8Array(writeSafetensors(weights))], `${name}.safetensors`);
const mlp = "test/fixtures/models/mlp.onnx";
const opened = await openNetwork(fileOf(mlp));

/** The fixture's weights after an element acted on them, as a file. */
async function movedFile(change: (weights: Weights) => Weights = (weights) => weights) {
  const found = await findSpec(opened);
  if (!("spec" in found)) throw new Error(found.reason);
  const names = Object.keys(found.spec.tensors);
  const weights = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await opened.source.read(name)] as const)),
  );
  const element = sampleElement(found.spec, 3, { scales: false });
  const moved = change(actOn(found.spec, element, weights));
  return { spec: found.spec, file: fileWith(moved, "moved") };
}

test("a reordered copy is the same network, one with another number is not", async () => {
  const { file } = await movedFile();
  const same = await compareNetworks(opened, await openNetwork(file));
  expect(same.comparison.verdict).toBe("symmetric");
  expect(verdictSentence(same.comparison)).toMatch(/^symmetric: the same network/);
  expect("origin" in same.found && same.found.origin).toBe("the graph of mlp.onnx");

  const { file: changed } = await movedFile((weights) => {
    const [name] = Object.keys(weights);
    weights[name].data[0] += 1;
    return weights;
  });
  const other = await compareNetworks(opened, await openNetwork(changed));
  expect(other.comparison.verdict).toBe("different");
});

test("a verdict that is told before the alignment is that of both together; the same network needs none", async () => {
  const { file: changed } = await movedFile((weights) => {
    const [name] = Object.keys(weights);
    weights[name].data[0] += 1;
    return weights;
  });
  const second = await openNetwork(changed);
  const told: string[] = [];
  const verdict = await compareNetworks(opened, second, { align: false });
  expect(verdict.comparison.verdict).toBe("different");
  expect(verdict.comparison.alignment).toBeUndefined();
  const whole = await alignCompared(verdict, { onStep: (step) => told.push(step) });
  expect(whole.comparison).toEqual((await compareNetworks(opened, second)).comparison);
  expect(whole.comparison.alignment?.similarity).toBeGreaterThan(0.9);
  expect(told[0]).toBe("different; aligning");

  const same = await compareNetworks(opened, await openNetwork((await movedFile()).file));
  expect(await alignCompared(same)).toEqual(same);
  const stopped = { signal: AbortSignal.abort(new Error("stopped")) };
  await expect(alignCompared(verdict, stopped)).rejects.toThrow("stopped");
});

test("pictures: a reordered copy differs before the alignment and not after it", async () => {
  const { file } = await movedFile();
  const same = await compareNetworks(opened, await openNetwork(file));
  const panels = await differencePanels(same);
  expect(panels.map(({ tensor }) => tensor).sort()).toEqual(
    same.comparison.tensors.map(({ tensor }) => tensor).sort(),
  );
  for (const { before, after, relative, relativeAfter, axes } of panels) {
    expect(relative).toBeGreaterThan(0.1);
    expect(Math.max(...before.cells)).toBeGreaterThan(0.1);
    expect(relativeAfter).toBeLessThan(1e-6);
    expect(Math.max(...(after?.cells ?? [1]))).toBeLessThan(1e-6);
    expect(axes?.length).toBeGreaterThan(0);
  }
  expect(await differencePanels(same, { top: 1 })).toEqual(panels.slice(0, 1));
  expect(movesSentence(same.comparison.symmetry!.axes)).toMatch(
    /^\d+ of 11 units of f\.0 in another order, \d+ of 13 units of f\.2 in another order/,
  );
  expect(movesSentence([])).toBe("");
});

test("a graph that is given belongs to two files without one", async () => {
  const { file } = await movedFile();
  const a = await openNetwork(fileOf("docs/guide/files/mlp.safetensors"));
  const b = await openNetwork(file);
  const { comparison, found } = await compareNetworks(a, b, { requested: { model: opened } });
  expect(comparison.verdict).toBe("symmetric");
  expect("graph" in found).toBe(true);
});

test("options without a use are refused: patterns of left-out tensors where names tell", async () => {
  const a = await openNetwork(fileOf("docs/guide/files/mlp.safetensors"));
  const sources: string[] = [];
  const requested = { ignore: ["*"], onSource: (source: string) => sources.push(source) };
  await expect(findSpec(a, requested)).rejects.toThrow("checkpoints with a graph");
  await findSpec(opened, { onSource: (source) => sources.push(source) });
  expect(sources).toEqual(["names", "graph"]);
});

test("a moved file is looked at by moving it back; another file is noticed", async () => {
  const { spec, file } = await movedFile();
  const written = await openNetwork(file);
  const { comparison } = await compareNetworks(opened, written);
  const element = comparison.symmetry!.element;
  const back = actOn(
    spec,
    element,
    Object.fromEntries(
      await Promise.all(
        Object.keys(spec.tensors).map(
          async (name) => [name, await written.source.read(name)] as const,
        ),
      ),
    ),
  );
  const aligned = await openNetwork(fileWith(back, "aligned"));
  const check = (out: string, source: typeof aligned.source) =>
    checkMoved(out, written, source, spec, element);
  expect((await check("aligned", aligned.source)).largestDeviation).toBeLessThan(1e-6);
  await expect(check("other", written.source)).rejects.toThrow("moved back differs");
});

test("bytes that are no file of weights are refused by name", async () => {
  await expect(openNetwork(new File(["hello there"], "notes.txt"))).rejects.toThrow("notes.txt");
});
