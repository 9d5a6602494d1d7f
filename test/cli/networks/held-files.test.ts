// Files as people hold them, on the command line: the same network in every format is the same network to every command.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { sizeOf } from "../../../src/core/shapes.ts";
import { openTensorSource } from "../../../src/formats/open.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";
import { ggufTensors } from "../../support/families/per-head.ts";
import { float32, gguf } from "../../support/files/write-gguf.ts";

const folder = fileURLToPath(new URL("../../fixtures/files/", import.meta.url));
const at = (name: string) => join(folder, name);
const asMlp = ["--family", "mlp", "--activation", "relu"];

/** The plain checkpoint as a GGUF file. */
async function asGguf(path: string): Promise<void> {
  const source = await openTensorSource(new Uint8Array(await readFile(at("case-plain.pt"))));
  const tensors = await Promise.all(
    [...source.entries.keys()].map(async (name) => {
      const { shape, data } = await source.read(name);
      return [name, float32(shape, data)] as const;
    }),
  );
  await writeFile(path, gguf(Object.fromEntries(tensors)));
}

test("the header of a GGUF file tells heads and architecture, and an architecture that is not covered is refused", () =>
  inTemporaryFolder(async (out) => {
    const tensors = Object.fromEntries(
      ggufTensors.map(({ name, shape }) => [name, float32(shape, new Float32Array(sizeOf(shape)))]),
    );
    const header = (kind: string) => ({
      "general.architecture": kind,
      [`${kind}.attention.head_count`]: 6,
      [`${kind}.attention.head_count_kv`]: 3,
    });
    const groupsOf = async (kind: string) => {
      const path = join(out, `${kind}.gguf`);
      await writeFile(path, gguf(tensors, header(kind)));
      const { code, stdout, stderr } = await weightspace(["symmetries", path, "--json"], out);
      if (code !== 0) return stderr;
      const { axes } = JSON.parse(stdout) as { axes: Record<string, { group: string }> };
      return [axes["layer0.head"].group, axes["layer0.v"].group, axes["residual"].group];
    };
    expect(await groupsOf("llama")).toEqual(["permutation", "general-linear", "permutation"]);
    // Slopes of a head tell heads apart.
    expect(await groupsOf("mpt")).toEqual(["fixed", "general-linear", "permutation"]);
    expect(await groupsOf("mamba")).toMatch(/describes a model of type "mamba"/);
  }));

describe("one network: saved plain, in the old layout, whole, inside a dict, as GGUF", () => {
  const files = ["case-legacy_layout.pt", "case-whole_module.pt", "case-nested_state_dict.pt"];

  test("compare says identical, and different for another one", () =>
    inTemporaryFolder(async (out) => {
      await asGguf(join(out, "plain.gguf"));
      for (const other of [...files.map(at), join(out, "plain.gguf")]) {
        const { code, stdout } = await weightspace(["compare", at("case-plain.pt"), other], out);
        expect([other, code]).toEqual([other, 0]);
        expect(stdout).toContain("identical: every number is equal");
      }
      const { code } = await weightspace(["compare", at("case-plain.pt"), at("module.pt")], out);
      expect(code).toBe(12);
      const rounded = await weightspace(["compare", at("case-plain.pt"), at("case-bf16.pt")], out);
      expect([rounded.code, rounded.stdout.split("\n")[0]]).toEqual([
        0,
        expect.stringContaining("identical after rounding"),
      ]);
    }));

  test("fingerprint gives one fingerprint, rank a similarity of 1, describe the same spec", () =>
    inTemporaryFolder(async (out) => {
      await asGguf(join(out, "plain.gguf"));
      const all = [at("case-plain.pt"), ...files.map(at), join(out, "plain.gguf")];
      const prints = await weightspace(["fingerprint", ...all, ...asMlp, "--json"], out);
      const told = JSON.parse(prints.stdout) as { fingerprint: string }[];
      expect(told).toHaveLength(all.length);
      expect(new Set(told.map(({ fingerprint }) => fingerprint)).size).toBe(1);
      const ranked = await weightspace(["rank", ...all, ...asMlp], out);
      expect(ranked.stdout.match(/1\.0000/g)).toHaveLength(all.length - 1);
      const described = await Promise.all(
        all.map(async (file) => {
          const { stdout } = await weightspace(["describe", file, ...asMlp, "--json"], out);
          return JSON.stringify((JSON.parse(stdout) as { spec: unknown }).spec);
        }),
      );
      expect(new Set(described).size).toBe(1);
      expect(described[0]).toContain('"0.weight"');
    }));

  test("merge --no-align writes the numbers that all of them hold", () =>
    inTemporaryFolder(async (out) => {
      await asGguf(join(out, "plain.gguf"));
      const merged = join(out, "m.safetensors");
      const inputs = [at("case-legacy_layout.pt"), join(out, "plain.gguf")];
      const { code } = await weightspace(["merge", "--no-align", ...inputs, "-o", merged], out);
      expect(code).toBe(0);
      const written = await openTensorSource(new Uint8Array(await readFile(merged)));
      const plain = await openTensorSource(new Uint8Array(await readFile(at("case-plain.pt"))));
      expect([...written.entries.keys()].toSorted()).toEqual([...plain.entries.keys()].toSorted());
      for (const name of plain.entries.keys())
        expect(await written.read(name)).toEqual(await plain.read(name));
    }));

  test("a module and what was left unread are told in one line", async () => {
    const compared = ["compare", "module.pt", "module-legacy.pt"];
    const { stdout, stderr } = await weightspace(compared, folder);
    expect(stdout).toContain(
      "note: this is about the tensors that were read; 2 tensors of module.pt and 2 tensors of module-legacy.pt left unread\n",
    );
    const plain = ["compare", "case-plain.pt", "case-plain.pt"]; // the control
    expect((await weightspace(plain, folder)).stdout).toBe("identical: every number is equal\n");
    expect(stderr).toContain(
      'module.pt: took the top level, a module of class "__main__.Net" (16 tensors, 40 parameters); left unread: 2 objects of class "argparse.Namespace" and 2 tensors in no dictionary of weights\n',
    );
  });
});

describe("a Keras model in its three files", () => {
  const spec = {
    format: "weightspace/spec@1",
    axes: { h: { size: 2, group: "permutation" }, in: { size: 3, group: "fixed" } },
    tensors: {
      "dense/kernel": { shape: [3, 2], axes: ["in", "h"] },
      "dense/bias": { shape: [2], axes: ["h"] },
    },
  };

  test("is identical to itself, and different from another one", async () => {
    for (const other of ["keras-cnn.h5", "keras-cnn.weights.h5"])
      expect((await weightspace(["compare", "keras-cnn.keras", other], folder)).code).toBe(0);
    expect((await weightspace(["compare", "keras-cnn.keras", "keras2.h5"], folder)).code).toBe(12);
  });

  test("has a fingerprint and a rank under a spec", () =>
    inTemporaryFolder(async (out) => {
      await writeFile(join(out, "spec.json"), JSON.stringify(spec));
      const file = at("keras2.h5");
      const print = await weightspace(["fingerprint", file, "--spec", "spec.json"], out);
      expect(print.stdout).toMatch(/^[\da-f]{32} {2}/);
      const ranked = await weightspace(["rank", file, file, "--spec", "spec.json"], out);
      expect(ranked.stdout).toMatch(/keras2\.h5 +1\.0000/);
    }));
});

describe("numbers that are only named", () => {
  /** Two layers of blocks of two bits; what they hold does not matter. */
  const quantised = (first: number) =>
    gguf({
      "0.weight": { shape: [256, 256], type: 35, data: new Uint8Array(256 * 66).fill(first) },
      "0.bias": float32([256], new Float32Array(256)),
      "2.weight": { shape: [8, 256], type: 35, data: new Uint8Array(8 * 66) },
      "2.bias": float32([8], new Float32Array(8)),
    });

  test("describe needs no numbers and works; compare and merge refuse by name and write nothing", () =>
    inTemporaryFolder(async (out) => {
      await writeFile(join(out, "q.gguf"), quantised(0));
      await writeFile(join(out, "r.gguf"), quantised(1));
      const same = await weightspace(["compare", "q.gguf", "q.gguf"], out);
      expect([same.code, same.stdout.split("\n")[0]]).toEqual([
        0,
        expect.stringContaining("identical"),
      ]);
      const described = await weightspace(["describe", "q.gguf", ...asMlp], out);
      expect([described.code, described.stderr]).toEqual([0, expect.any(String)]);
      expect(described.stdout).toMatch(/0\.weight +\[256, 256\]/);
      for (const command of [
        ["compare", "q.gguf", "r.gguf"],
        ["fingerprint", "q.gguf", ...asMlp],
        ["merge", "--no-align", "q.gguf", "q.gguf", "-o", "m.safetensors"],
      ]) {
        const { code, stderr } = await weightspace(command, out);
        expect([command[0], code]).toEqual([command[0], 1]);
        expect(stderr).toMatch(/tensor "\d\.weight" is stored as TQ2_0/);
      }
      await expect(readFile(join(out, "m.safetensors"))).rejects.toThrow(/ENOENT/);
    }));
});
