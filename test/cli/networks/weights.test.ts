// Weights on disk: files, indices and folders are opened, and a write that is stopped leaves the old file alone.

import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fileSource } from "../../../src/node/file-source.ts";
import { openWeights } from "../../../src/node/open-weights.ts";
import { weightsDataset } from "../../../src/cli/experiments/weight-files.ts";
import { writeWeights } from "../../../src/node/write-weights.ts";
import { EnvironmentError, FormatError, SpecError } from "../../../src/core/errors.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { randomWeights } from "../../../src/testing/random.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";
import { digitsSpec } from "../../support/digits-spec.ts";
import { npz } from "../../support/files/write-npz.ts";

const one = (...numbers: number[]) => ({
  shape: [numbers.length],
  data: Float32Array.from(numbers),
});
const entries = [
  ["a", { dtype: "F32", shape: [2] }],
  ["b", { dtype: "F16", shape: [1] }],
] as const;
const read = (name: string) => Promise.resolve(name === "a" ? one(1, 2) : one(3));

/** Writes over an old file in some way and gives the error, after checking that the old file is all there is. */
async function overOldFile(write: (path: string) => Promise<unknown>): Promise<unknown> {
  return inTemporaryFolder(async (folder) => {
    const path = join(folder, "w.safetensors");
    await writeFile(path, "old");
    const error: unknown = await write(path).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["w.safetensors"]);
    return error;
  });
}

describe("writeWeights", () => {
  test("makes folders on the way, replaces the old file, and may replace the file it reads", () =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, "new/w.safetensors");
      await writeWeights(path, entries, read, { metadata: { note: "one" } });
      const first = await readFile(path);
      const source = await openWeights(path);
      expect(source).toMatchObject({ format: "safetensors", metadata: { note: "one" } });
      expect(await source.read("a")).toEqual(one(1, 2));
      await writeWeights(path, source.entries, source.read, { metadata: source.metadata });
      await source.close();
      expect(await readFile(path)).toEqual(first);
      expect(await readdir(join(folder, "new"))).toEqual(["w.safetensors"]);
    }));

  test("a tensor that cannot be read leaves the old file and passes its error on", async () => {
    const error = await overOldFile((path) =>
      writeWeights(path, entries, (name) =>
        name === "b" ? Promise.reject(new FormatError("b is damaged")) : read(name),
      ),
    );
    expect(error).toBeInstanceOf(FormatError);
    expect((error as Error).message).toBe("b is damaged");
  });

  test("an abort between two tensors leaves the old file", async () => {
    const controller = new AbortController();
    const error = await overOldFile((path) =>
      writeWeights(
        path,
        entries,
        (name) => {
          if (name === "b") controller.abort();
          return read(name);
        },
        { signal: controller.signal },
      ),
    );
    expect(error).toMatchObject({ name: "AbortError" });
  });

  test("a place that cannot be written to is one clear error with its name", () =>
    inTemporaryFolder(async (folder) => {
      await mkdir(join(folder, "taken"));
      const written = writeWeights(join(folder, "taken"), entries, read);
      await expect(written).rejects.toThrow(EnvironmentError);
      await expect(written).rejects.toThrow(/cannot write .*taken: it is a folder/);
      expect(await readdir(folder)).toEqual(["taken"]);
    }));
});

/** A command line whose one command writes a large file, stopped by signals in the middle of it. */
async function stopped(signals: NodeJS.Signals[]): Promise<{ code: unknown; left: string[] }> {
  const module = (name: string) =>
    JSON.stringify(new URL(`../../../dist/${name}.js`, import.meta.url).href);
  return inTemporaryFolder(async (folder) => {
    const path = join(folder, "w.safetensors");
    await writeFile(path, "old");
    const program = `
      import { main } from ${module("cli/main")};
      import { writeWeights } from ${module("node/write-weights")};
      const entries = Array.from({ length: 1e6 }, (_, i) => ["t" + i, { dtype: "F32", shape: [2] }]);
      const waits = ${signals.length > 1};
      const command = (program, cli) => program.command("work").action(() =>
        writeWeights(${JSON.stringify(path)}, entries.slice(0, 5000), async (name) => {
          if (name === "t1000") process.stderr.write("ready\\n");
          if (name === "t1000" && waits) await new Promise((go) => setTimeout(go, 1e6));
          await new Promise((go) => setTimeout(go, 1));
          return { shape: [2], data: new Float32Array(2) };
        }, { signal: cli.signal }));
      process.exitCode = await main(["work"], [command]);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program]);
    child.stderr.on("data", () => {
      const next = signals.shift();
      if (next !== undefined) child.kill(next);
    });
    const code = await new Promise((resolve) => {
      child.on("close", (status, signal) => resolve(status ?? signal));
    });
    expect(await readFile(path, "utf8")).toBe("old");
    return { code, left: (await readdir(folder)).filter((name) => name !== "w.safetensors") };
  });
}

describe("Ctrl-C in the middle of a large file", () => {
  test("once: the old file stays and nothing is left over", async () => {
    expect(await stopped(["SIGINT"])).toEqual({ code: 130, left: [] });
  });
  test("twice, which ends the process at once: the same", async () => {
    expect(await stopped(["SIGINT", "SIGINT"])).toEqual({ code: 130, left: [] });
  });
  test("the control: kill -9 leaves the old file too, but the unfinished one beside it", async () => {
    const { code, left } = await stopped(["SIGKILL"]);
    expect(code).toBe("SIGKILL");
    expect(left).toHaveLength(1);
    expect(left[0]).toMatch(/^\.w\.safetensors\..*\.tmp$/);
  });
});

describe("openWeights", () => {
  const index = JSON.stringify({ weight_map: { a: "s1.safetensors", b: "s2.safetensors" } });

  test("opens an index with its shards, and the folder that has it; a missing shard is named", () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, "m.safetensors.index.json"), index);
      await writeFile(join(folder, "s1.safetensors"), writeSafetensors({ a: one(1) }));
      await expect(openWeights(folder)).rejects.toThrow(/the shard "s2.safetensors" is missing/);
      await writeFile(join(folder, "s2.safetensors"), writeSafetensors({ b: one(2, 3) }));
      for (const path of [folder, join(folder, "m.safetensors.index.json")]) {
        const source = await openWeights(path);
        expect(source.format).toBe("sharded safetensors");
        expect(await source.read("b")).toEqual(one(2, 3));
        await source.close();
      }
    }));

  test("opens a folder with one safetensors file; none or several are an error with the way out", () =>
    inTemporaryFolder(async (folder) => {
      await expect(openWeights(folder)).rejects.toThrow(/no .safetensors file and no .index.json/);
      await writeFile(join(folder, "x.safetensors"), writeSafetensors({ a: one(1) }));
      const source = await openWeights(folder);
      expect(await source.read("a")).toEqual(one(1));
      await source.close();
      await writeFile(join(folder, "y.safetensors"), writeSafetensors({ a: one(1) }));
      await expect(openWeights(folder)).rejects.toThrow(
        /has 2 files.*x.safetensors, y.safetensors/,
      );
      await expect(openWeights(join(folder, "z"))).rejects.toThrow(/no such file or folder/);
    }));

  test("a file that shrinks while it is read, and one that is closed, are errors of the environment", () =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, "a");
      await writeFile(path, "0123456789");
      const file = await fileSource(path);
      expect(new TextDecoder().decode(await file.read(2, 5))).toBe("234");
      await writeFile(path, "01");
      await expect(file.read(0, 10)).rejects.toThrow(/ends at byte 2, earlier than when/);
      await file.close();
      await expect(file.read(0, 1)).rejects.toThrow(EnvironmentError);
      await expect(fileSource(folder)).rejects.toThrow(/it is a folder/);
    }));
});

describe("commands read any kind of file", () => {
  const weights = randomWeights(digitsSpec, 6);
  // In the order of a safetensors file: the tensors of a spec keep the order of their file.
  const arrays = Object.entries(weights)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([name, { shape, data }]) =>
        [name, { descr: "<f4", shape, data: Float32Array.from(data) }] as const,
    );

  test("networks to predict from: safetensors, NumPy and shards give the same dataset", () =>
    inTemporaryFolder(async (folder) => {
      const [first, ...rest] = Object.entries(weights);
      await mkdir(join(folder, "shards"));
      const map = { [first[0]]: "a.safetensors" };
      for (const [name] of rest) map[name] = "b.safetensors";
      const files: [string, Uint8Array | string][] = [
        ["n.safetensors", writeSafetensors(weights)],
        ["n.npz", npz(Object.fromEntries(arrays), { level: 6 })],
        ["shards/a.safetensors", writeSafetensors([first])],
        ["shards/b.safetensors", writeSafetensors(rest)],
        ["shards/m.index.json", JSON.stringify({ weight_map: map })],
      ];
      for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
      const paths = ["n.safetensors", "n.npz", "shards/m.index.json"];
      const { tensors, size } = await weightsDataset(
        paths.map((name) => join(folder, name)),
        digitsSpec,
      );
      expect(size).toBe(3);
      for (const [name, { data }] of Object.entries(weights)) {
        const expected = Float32Array.from([...data, ...data, ...data]);
        expect(tensors[name].data).toEqual(expected);
      }
      const lacking = join(folder, "shards/b.safetensors");
      await expect(weightsDataset([lacking], digitsSpec)).rejects.toThrow(SpecError);
    }));

  test("symmetries, describe and embed by tensor names: a .npz is the same model as its safetensors file", () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, "n.safetensors"), writeSafetensors(weights));
      await writeFile(join(folder, "n.npz"), npz(Object.fromEntries(arrays)));
      const results = async (command: string) => {
        const outputs: string[] = [];
        for (const file of ["n.safetensors", "n.npz"]) {
          const args = [command, file, "--family", "mlp", "--activation", "relu", "--json"];
          const { code, stdout } = await weightspace(args, folder);
          expect(code).toBe(0);
          outputs.push(stdout.replace(file, "n"));
        }
        return outputs;
      };
      for (const command of ["symmetries", "describe", "embed"]) {
        const [safetensors, numpy] = await results(command);
        expect(numpy).toBe(safetensors);
      }
      const unknown = await weightspace(["describe", "n.npz"], folder);
      expect(unknown.code).toBe(0);
      expect(unknown.stdout).toContain("warning: the symmetries of the model are not known");
      await writeFile(join(folder, "m.onnx"), "");
      const misused = await weightspace(["embed", "m.onnx", "--heads", "2"], folder);
      expect(misused.code).toBe(2);
      expect(misused.stderr).toMatch(/embed: --heads is for .safetensors, PyTorch and NumPy files/);
    }));
});
