// Folders as hubs lay them out: which file is the checkpoint, what is refused, and where links may lead.

import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OptionError } from "../../src/core/errors.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { openWeights, openWeightsFiles } from "../../src/node/open-weights.ts";
import { inTemporaryFolder } from "../support/command-line.ts";
import { checkpoint, type Pickled, tensor } from "../support/files/write-pytorch.ts";

const one = (...numbers: number[]) => ({
  shape: [numbers.length],
  data: Float32Array.from(numbers),
});
const weights = (...numbers: number[]) => writeSafetensors({ w: one(...numbers) });
const torch = (name: string, ...numbers: number[]) =>
  checkpoint(
    new Map<string, Pickled>([
      [name, tensor({ shape: [numbers.length], strides: [1], key: "0", numbers: numbers.length })],
    ]),
    { "0": Float32Array.from(numbers) },
  );

async function numbers(path: string, name = "w"): Promise<number[]> {
  const source = await openWeights(path);
  try {
    return [...(await source.read(name)).data];
  } finally {
    await source.close();
  }
}

describe("a folder of one model", () => {
  test("is its safetensors file before its PyTorch file, by the names that hubs give them", () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, "config.json"), "{}");
      await writeFile(join(folder, "pytorch_model.bin"), torch("w", 1, 2));
      expect(await numbers(folder)).toEqual([1, 2]);
      await writeFile(join(folder, "model.safetensors"), weights(3, 4));
      await writeFile(join(folder, "adapter.safetensors"), weights(5, 6));
      expect(await numbers(folder)).toEqual([3, 4]);
    }));

  test("may be shards of PyTorch with their index", () =>
    inTemporaryFolder(async (folder) => {
      const shards = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];
      await writeFile(join(folder, shards[0]), torch("a", 1, 2));
      await writeFile(join(folder, shards[1]), torch("b", 3, 4));
      await writeFile(
        join(folder, "pytorch_model.bin.index.json"),
        JSON.stringify({ weight_map: { a: shards[0], b: shards[1] } }),
      );
      const source = await openWeights(folder);
      expect([source.format, ...source.entries.keys()]).toEqual(["sharded pytorch", "a", "b"]);
      await source.close();
    }));

  test("is the only file of weights of whatever format; of two one must be named", () =>
    inTemporaryFolder(async (folder) => {
      const files = join(import.meta.dirname, "../fixtures/files");
      await copyFile(join(files, "plain.gguf"), join(folder, "tiny-F16.gguf"));
      expect((await numbers(folder, "output_norm.weight")).length).toBe(4);
      await copyFile(join(files, "plain.gguf"), join(folder, "tiny-Q8_0.gguf"));
      await expect(openWeights(folder)).rejects.toThrow(
        /2 files ending in .gguf \(tiny-F16.gguf, tiny-Q8_0.gguf\).*give the path/,
      );
    }));
});

/** A hub's cache of one model: blobs, and snapshots of links to them. */
async function cache(folder: string, revisions: Record<string, Uint8Array>, main?: string) {
  await mkdir(join(folder, "blobs"));
  for (const [revision, bytes] of Object.entries(revisions)) {
    await writeFile(join(folder, "blobs", `${revision}-blob`), bytes);
    await mkdir(join(folder, "snapshots", revision), { recursive: true });
    await symlink(
      `../../blobs/${revision}-blob`,
      join(folder, "snapshots", revision, "model.safetensors"),
    );
  }
  if (main === undefined) return;
  await mkdir(join(folder, "refs"));
  await writeFile(join(folder, "refs", "main"), main);
}

describe("a hub's cache", () => {
  test("is its only snapshot, or the one that refs/main names", () =>
    inTemporaryFolder(async (folder) => {
      await cache(folder, { abc: weights(1, 2) });
      expect(await numbers(folder)).toEqual([1, 2]);
      expect(await numbers(join(folder, "snapshots", "abc"))).toEqual([1, 2]);
    }));

  test("of several snapshots without a main one is refused, and read by the folder of one", () =>
    inTemporaryFolder(async (folder) => {
      await cache(folder, { abc: weights(1, 2), def: weights(3, 4) });
      await expect(openWeights(folder)).rejects.toThrow(
        /2 snapshots \(abc, def\) and no refs\/main/,
      );
      expect(await numbers(join(folder, "snapshots", "def"))).toEqual([3, 4]);
      await mkdir(join(folder, "refs"));
      await writeFile(join(folder, "refs", "main"), "def\n");
      expect(await numbers(folder)).toEqual([3, 4]);
      await writeFile(join(folder, "refs", "main"), "../../..");
      await expect(openWeights(folder)).rejects.toThrow(/no refs\/main that names one/);
    }));

  test("links out of it are not followed: of a file, nor of a shard", () =>
    inTemporaryFolder(async (outer) => {
      await writeFile(join(outer, "secret.safetensors"), weights(7, 8));
      const folder = join(outer, "model");
      await mkdir(join(folder, "snapshots", "abc"), { recursive: true });
      const snapshot = join(folder, "snapshots", "abc");
      await symlink("../../../secret.safetensors", join(snapshot, "model.safetensors"));
      await expect(openWeights(folder)).rejects.toThrow(/is a link out of the folder/);
      await expect(openWeights(snapshot)).rejects.toThrow(/is a link out of the folder/);
      const plain = join(outer, "plain");
      await mkdir(plain);
      await symlink("../secret.safetensors", join(plain, "s.safetensors"));
      await writeFile(
        join(plain, "model.safetensors.index.json"),
        JSON.stringify({ weight_map: { w: "s.safetensors" } }),
      );
      await expect(openWeights(plain)).rejects.toThrow(/is a link out of the folder/);
      // Control: the file itself is read.
      expect(await numbers(join(outer, "secret.safetensors"))).toEqual([7, 8]);
    }));
});

describe("a pipeline of several models", () => {
  const pipeline = async (folder: string) => {
    await writeFile(
      join(folder, "model_index.json"),
      JSON.stringify({
        _class_name: "TinyPipeline",
        scheduler: ["diffusers", "DDIMScheduler"],
        unet: ["diffusers", "UNet2DModel"],
        vae: ["diffusers", "AutoencoderKL"],
        "../outside": ["x", "Y"],
      }),
    );
    for (const part of ["scheduler", "unet", "vae", "unnamed"]) await mkdir(join(folder, part));
    await writeFile(join(folder, "scheduler", "scheduler_config.json"), "{}");
    await writeFile(join(folder, "unet", "diffusion_pytorch_model.safetensors"), weights(1, 2));
    await writeFile(join(folder, "vae", "diffusion_pytorch_model.bin"), torch("v", 3, 4));
    await writeFile(join(folder, "unnamed", "model.safetensors"), weights(9, 9));
  };

  test("has the tensors of every part under its name, and of one part by key", () =>
    inTemporaryFolder(async (folder) => {
      await pipeline(folder);
      const { source, files } = await openWeightsFiles(folder);
      expect(source.format).toBe("parts");
      expect([...source.entries.keys()]).toEqual(["unet.w", "vae.v"]);
      expect([...(await source.read("vae.v")).data]).toEqual([3, 4]);
      expect(files).toHaveLength(2);
      await source.close();
      expect(await numbers(`${folder}#unet`)).toEqual([1, 2]);
      expect(await numbers(join(folder, "vae"), "v")).toEqual([3, 4]);
    }));

  test("a part that is not there is refused with the names of those that are", () =>
    inTemporaryFolder(async (folder) => {
      await pipeline(folder);
      await expect(openWeights(`${folder}#text_encoder`)).rejects.toThrow(OptionError);
      await expect(openWeights(`${folder}#text_encoder`)).rejects.toThrow(/parts are unet, vae/);
      await writeFile(join(folder, "model_index.json"), "[]");
      await expect(openWeights(folder)).rejects.toThrow(/no index of a pipeline/);
    }));
});
