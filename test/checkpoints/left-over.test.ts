// A spec moves a checkpoint only where it names all of it, or what it leaves out is known to stay.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findSpec, type RequestedSpec } from "../../src/checkpoints/find-spec.ts";
import type { FoundSpec } from "../../src/checkpoints/found-spec.ts";
import { ownGraph } from "../../src/checkpoints/graph-fit.ts";
import { checkNothingLeft } from "../../src/checkpoints/left-over.ts";
import { type Network, onnxModel, onnxNetwork } from "../../src/checkpoints/network.ts";
import type { Tensor, Weights } from "../../src/core/tensors.ts";
import { readSafetensors } from "../../src/formats/safetensors/safetensors.ts";
import { weightsSource } from "../../src/formats/tensor-source.ts";
import { inferSpecFromNames } from "../../src/infer/names/infer-names.ts";
import { specFromJSON, specToJSON } from "../../src/symmetry/json.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { gpt2Tensors } from "../support/files/model-tensors.ts";
import {
  fixture,
  mlp,
  modelOf,
  network,
  stored,
  withFixtures,
} from "../support/graphs/graph-fit.ts";

const zeros = (...shape: number[]): Tensor => ({
  shape,
  data: new Float32Array(shape.reduce((x, y) => x * y, 1)),
});

const graphSpec = async (name: string): Promise<SymmetrySpec> =>
  ownGraph({
    path: name,
    onnx: onnxModel(await readFile(fixture(name))),
    ignores: () => false,
  }).spec;

/** Every tensor of a file as zeros of its shape and type. */
async function shapesOf(name: string): Promise<Network> {
  const { tensors } = readSafetensors(new Uint8Array(await readFile(fixture(name))));
  const source = weightsSource(
    Object.fromEntries([...tensors].map(([tensor, { shape }]) => [tensor, zeros(...shape)])),
  );
  const entries = new Map(
    [...source.entries].map(([tensor, entry]) => [
      tensor,
      { ...entry, dtype: tensors.get(tensor)!.dtype },
    ]),
  );
  return { path: name, source: { ...source, entries } };
}

const told = (spec: SymmetrySpec): FoundSpec => ({ spec, origin: "spec.json", warnings: [] });
const check = (of: Network, spec: SymmetrySpec, more: RequestedSpec = {}) =>
  checkNothingLeft(of, told(spec), { spec, ...more });
const bn =
  /only in the checkpoint: "bn\.bias" \[12\], .*"bn\.running_var" \[12\], "bn\.weight" \[12\]$/;

describe("the spec of a graph whose norm was folded", () => {
  test("does not move the checkpoint that has the norm; that of the unfolded graph does", async () => {
    const checkpoint = await shapesOf("norm-a.safetensors");
    const folded = await graphSpec("norm-folded.onnx");
    await expect(check(checkpoint, folded)).rejects.toMatchObject({
      message: expect.stringMatching(/name them in the spec .*--ignore <pattern>.*folding/s),
      problems: [{ message: expect.stringMatching(bn) }],
    });
    await check(checkpoint, await graphSpec("norm-kept.onnx"));
  });

  test("may be told what stays: by name in the spec, by a pattern; or nothing moves", async () => {
    const checkpoint = await shapesOf("norm-a.safetensors");
    const folded = specToJSON(await graphSpec("norm-folded.onnx"));
    const norm = ["bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"];
    const withFixed = (names: readonly string[]) =>
      specFromJSON({
        ...folded,
        tensors: {
          ...folded.tensors,
          ...Object.fromEntries(names.map((name) => [name, { shape: [12], axes: ["12"] }])),
        },
      });
    await check(checkpoint, withFixed(norm));
    await expect(check(checkpoint, withFixed(norm.slice(1)))).rejects.toThrow(
      /"bn\.weight" \[12\]/,
    );
    await check(checkpoint, specFromJSON(folded), { ignore: ["bn.*"] });
    await expect(
      check(checkpoint, specFromJSON(folded), { ignore: ["bn.running_*"] }),
    ).rejects.toThrow(/: "bn\.bias" \[12\], "bn\.weight" \[12\]$/);
    const still = Object.entries(folded.axes).map(([name, { size }]) => [
      name,
      { size, group: "fixed" },
    ]);
    await check(checkpoint, specFromJSON({ ...folded, axes: Object.fromEntries(still) }));
  });

  test.each(["canonical", "align", "merge"])("%s writes nothing", (command) =>
    withFixtures(["norm-a.safetensors", "norm-b.safetensors"], async (run, folder) => {
      const spec = specToJSON(await graphSpec("norm-folded.onnx"));
      await writeFile(join(folder, "s.json"), JSON.stringify(spec));
      const files = await readdir(folder);
      const pair = command === "canonical" ? ["norm-a.safetensors"] : files.slice(0, 2);
      const args = [command, ...pair, "--spec", "s.json", "-o", "o.safetensors"];
      const { code, stderr } = await run(...args);
      expect([code, stderr.trimEnd()]).toEqual([1, expect.stringMatching(bn)]);
      expect((await readdir(folder)).toSorted()).toEqual(files.toSorted());
      // The control: whoever says that the network does not compute with them is believed.
      expect((await run(...args, "--ignore", "bn.*")).code).toBe(0);
    }),
  );

  test("compares nothing otherwise: --ignore has a use only where weights are moved", () =>
    withFixtures(["norm-a.safetensors"], async (run, folder) => {
      await writeFile(
        join(folder, "s.json"),
        JSON.stringify(specToJSON(await graphSpec("norm-folded.onnx"))),
      );
      const args = ["fingerprint", "norm-a.safetensors", "--spec", "s.json"];
      expect((await run(...args)).code).toBe(0);
      expect((await run(...args, "--ignore", "bn.*")).code).toBe(2);
    }));
});

describe("tensors that a spec need not name", () => {
  const bytes = modelOf(mlp);
  const own = stored(bytes);
  const { spec } = ownGraph({ path: "m.onnx", onnx: onnxModel(bytes), ignores: () => false });

  test("counters and tables by name, single numbers, whole numbers; any other is refused", async () => {
    const more: Weights = {
      "n.num_batches_tracked": zeros(2),
      "rotary.inv_freq": zeros(9),
      position_ids: zeros(1, 9),
      scale: zeros(1),
      temperature: zeros(),
    };
    await check(network({ ...own, ...more }), spec);
    const { source } = network({ ...own, lookup: zeros(9) });
    const entries = new Map([
      ...source.entries,
      ["lookup", { dtype: "I64" as const, shape: [9], bytes: 72 }],
    ]);
    await check({ path: "a.safetensors", source: { ...source, entries } }, spec);
    await expect(check({ path: "a.safetensors", source }, spec)).rejects.toThrow(/"lookup" \[9\]$/);
  });

  test("but an ONNX file computes with all of its own", async () => {
    const model = onnxNetwork(bytes, "m.onnx");
    await check(model, spec);
    const { "g.bias": forgotten, ...tensors } = spec.tensors;
    expect(forgotten.shape).toEqual([3]);
    await expect(check(model, { ...spec, tensors })).rejects.toThrow(/"g\.bias" \[3\]$/);
  });
});

describe("a spec that names told", () => {
  const shapes = gpt2Tensors();
  const decoder = (more: Weights = {}): Network =>
    network({
      ...Object.fromEntries(shapes.map(({ name, shape }) => [name, zeros(...shape)])),
      ...more,
    });
  const named = (of: Network, heads = 3) =>
    inferSpecFromNames(
      [...of.source.entries].map(([name, { shape }]) => ({ name, shape })),
      { heads, tied: true },
    ).spec;
  const mask = { "h.0.attn.bias": zeros(1, 1, 5, 5) };
  const extra = { "reward.weight": zeros(1, shapes[0].shape[1]) };
  const facts = { names: { heads: 3, tied: true } };

  test("moves a file with the masks and tables of its family", async () => {
    await check(decoder(mask), named(decoder(mask)));
    await check(decoder(mask), named(decoder()));
  });

  test("moves a file with tensors that no family knows where it holds still what they read", async () => {
    await check(decoder(extra), named(decoder(extra)), facts);
    await expect(check(decoder(extra), named(decoder(extra)))).rejects.toThrow(
      /with options such as --config or --heads, give these again/,
    );
    // The control: told by a file without them, it moves what they read.
    await expect(check(decoder(extra), named(decoder()), facts)).rejects.toThrow(
      /"reward\.weight"/,
    );
  });

  test("of one file does not move another that holds more", async () => {
    const found = await findSpec(decoder(), facts);
    if (!("spec" in found)) throw new Error(found.reason);
    await checkNothingLeft(decoder(mask), found, facts);
    await expect(checkNothingLeft(decoder(extra), found, facts)).rejects.toMatchObject({
      message: expect.stringMatching(/give the graph with --model, or a spec that names them/),
    });
  });
});
