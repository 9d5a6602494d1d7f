// `weightspace zoo import <folder>`: networks in folders named after their classes, as the published sets of image networks are.

import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Weights } from "../../../src/core/tensors.ts";
import { randomStream } from "../../../src/core/random.ts";
import { initSiren } from "../../../src/populations/networks/siren.ts";
import { sineChainSpec } from "../../../src/datasets/published/class-folders.ts";
import { formatAxisExpression } from "../../../src/symmetry/expression.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";
import { checkpoint, tensor } from "../../support/files/write-pytorch.ts";

const sizes = { inputs: 2, hidden: 4, outputs: 1, depth: 2 } as const;
/** Names of the published files: layers of a sequence. */
const publishedNames = ["seq.0", "seq.1", "seq.2"];

/** A state dictionary as PyTorch saves it. */
function writePyTorch(tensors: Weights): Uint8Array {
  const entries = Object.entries(tensors).map(([name, { shape, data }], i) => {
    const strides = shape.map((_, at) => shape.slice(at + 1).reduce((a, b) => a * b, 1));
    return [name, tensor({ shape, strides, key: String(i), numbers: data.length })] as const;
  });
  const storages = Object.values(tensors).map(({ data }, i) => [String(i), data] as const);
  return checkpoint(new Map(entries), Object.fromEntries(storages));
}

/** The bytes of one network, whose first bias tells its class. */
function network(seed: number, label: number): Uint8Array {
  const layers = Object.entries(initSiren(sizes, randomStream(seed)));
  return writePyTorch(
    Object.fromEntries(
      layers.map(([name, tensor], i) => [
        `${publishedNames[Math.floor(i / 2)]}.${i % 2 === 0 ? "weight" : "bias"}`,
        name === "out.bias" ? { ...tensor, data: Float32Array.of(label) } : tensor,
      ]),
    ),
  );
}

async function writeSet(folder: string, classes: readonly string[]): Promise<void> {
  for (const [label, name] of classes.entries())
    for (const prefix of ["fashion_training", "fashion_testing"]) {
      const at = join(folder, `${prefix}_${name}s`);
      await mkdir(at, { recursive: true });
      for (const i of [0, 2, 10])
        await writeFile(join(at, `net${i}.pth`), network(10 * label + i, label));
    }
}

test("classes come from the names of folders; the population is read by experiments", async () => {
  await inTemporaryFolder(async (folder) => {
    const run = (text: string) => weightspace(text.split(" "), folder);
    await writeSet(join(folder, "digits"), ["0", "1", "2"]);
    await writeFile(join(folder, "digits", "readme.txt"), "no network");
    const imported = await run("zoo import digits -o mine");
    expect(imported.stderr).toBe("");
    expect(imported.stdout).toMatch(/mine: 18 networks, target label: 3 classes \(0, 1, 2\)/);
    expect(imported.stdout).toMatch(/taken for sine networks/);
    const { metrics, spec } = JSON.parse((await run("--json zoo info mine")).stdout);
    expect(metrics).toMatchObject([{ name: "label", classes: 3 }]);
    expect(spec.axes.h1).toEqual({ size: 4, group: "permutation", scale: "sign" });
    const inr = await run(
      "experiment inr --zoo mine --models stat-nn --seeds 1 --epochs 20 --split 0.5,0.2,0.3 -o out",
    );
    expect(inr.stdout).toMatch(/stat-nn +mine +given/);
    const again = await run("zoo import digits -o mine");
    expect([again.code, again.stderr]).toEqual([
      2,
      expect.stringMatching(/holds a population already/),
    ]);
    await writeSet(join(folder, "clothes"), ["Bag", "Ankle boot"]);
    expect((await run("zoo import clothes -o clothing")).stdout).toMatch(
      /2 classes \(Ankle boot, Bag\)/,
    );
  });
});

test("what is no such folder is refused: no classes, one class, another network, files without a table", async () => {
  await inTemporaryFolder(async (folder) => {
    const run = (text: string) => weightspace(text.split(" "), folder);
    await mkdir(join(folder, "empty"));
    const help = /give --table and --target, .*; or one folder with folders <prefix>_<class>s/;
    for (const text of ["empty", "nowhere", "a.pth b.pth"]) {
      const refused = await run(`zoo import ${text} -o mine`);
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(help)]);
    }
    await writeSet(join(folder, "set"), ["0", "1"]);
    const broken = join(folder, "set", "fashion_testing_1s", "net2.pth");
    await writeFile(
      broken,
      writePyTorch({ "seq.0.weight": { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) } }),
    );
    const refused = await run("zoo import set -o mine");
    expect(refused.stderr).toMatch(
      /1 of 12 files cannot be imported[^]*fashion_testing_1s.net2.pth/,
    );
    await rm(join(folder, "set", "fashion_testing_1s"), { recursive: true });
    await rm(join(folder, "set", "fashion_training_1s"), { recursive: true });
    expect((await run("zoo import set -o mine")).stderr).toMatch(
      /networks of one class only \("0"\)/,
    );
  });
});

test("the spec of a chain lets hidden units change place and sign; other tensors are refused by name", () => {
  const tensors = [
    { name: "a.weight", shape: [4, 2] },
    { name: "a.bias", shape: [4] },
    { name: "b.weight", shape: [3, 4] },
    { name: "b.bias", shape: [3] },
  ];
  const { axes, tensors: placed } = sineChainSpec(tensors);
  expect(placed["b.weight"].axes.map(formatAxisExpression)).toEqual(["out", "h1^-1"]);
  expect([axes["h1"].scale, axes["out"].group]).toEqual(["sign", "fixed"]);
  expect(() => sineChainSpec(tensors.slice(0, 2))).toThrow(
    /"a.weight" stands without a hidden layer/,
  );
  expect(() => sineChainSpec(tensors.slice(0, 3))).toThrow(/"b.weight" has no bias after it/);
  const wide = { name: "b.weight", shape: [3, 5] };
  expect(() => sineChainSpec([...tensors.slice(0, 2), wide, tensors[3]])).toThrow(
    /"b.weight" has shape \[3, 5\]/,
  );
  const long = { name: "b.bias", shape: [4] };
  expect(() => sineChainSpec([...tensors.slice(0, 3), long])).toThrow(
    /"b.bias" has shape \[4\] after "b.weight"/,
  );
});
