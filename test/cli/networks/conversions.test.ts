// compare, convert and fingerprint on files of one network under other names, in other shapes and layouts.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readSafetensors } from "../../../src/formats/safetensors/safetensors.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";
import { float32, gguf, type GgufTensor } from "../../support/files/write-gguf.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
const names = (name: string) => fixture(`names/${name}`);
const rank = (name: string) => fixture(`rank/${name}`);

const gqa = ["--config", names("gqa-config.json")];
const tied = ["--config", rank("tied-config.json")];

interface Case {
  readonly name: string;
  readonly files: readonly [string, string];
  readonly told?: readonly string[];
  readonly code: number;
  readonly line: RegExp;
  readonly kinds: Readonly<Record<string, number>>;
}

const cases: readonly Case[] = [
  {
    name: "a prefix of compiled modules",
    files: [names("gqa-hf.safetensors"), names("prefix-orig-mod.safetensors")],
    told: gqa,
    code: 0,
    line: /^identical after 1 change of prefix/,
    kinds: { prefix: 1 },
  },
  {
    name: "gamma and beta",
    files: [names("bert-gamma-beta.safetensors"), names("bert-new-names.safetensors")],
    told: ["--heads", "3"],
    code: 0,
    line: /^identical after 8 renamings: every number is equal/,
    kinds: { rename: 8 },
  },
  {
    name: "Conv1D against Linear, square matrices among them",
    files: [names("gpt2-hf.safetensors"), names("gpt2-nano.safetensors")],
    told: ["--heads", "3"],
    code: 0,
    line: /^identical after 8 transpositions/,
    kinds: { transpose: 8 },
  },
  {
    name: "channels last against channels first",
    files: [names("conv-hwio.safetensors"), names("conv-oihw.safetensors")],
    code: 0,
    line: /^identical after 1 transposition and 1 reordering of dimensions/,
    kinds: { permute: 1, transpose: 1 },
  },
  {
    name: "split against fused projections",
    files: [names("phi3-split.safetensors"), names("phi3-fused.safetensors")],
    told: gqa,
    code: 0,
    line: /^identical after 4 concatenations/,
    kinds: { concatenate: 4 },
  },
  {
    name: "fused against split projections",
    files: [names("phi3-fused.safetensors"), names("phi3-split.safetensors")],
    told: gqa,
    code: 0,
    line: /^identical after 4 splits/,
    kinds: { split: 4 },
  },
  {
    name: "an output matrix that one file leaves out",
    files: [rank("tied-with-head.safetensors"), rank("tied-without-head.safetensors")],
    told: tied,
    code: 0,
    line: /^identical after 1 tied copy/,
    kinds: { tie: 1 },
  },
  {
    name: "the gates of TensorFlow 1 under the same names: another function to whoever loads it",
    files: [names("lstm-keras.npz"), names("lstm-tf1-order.npz")],
    code: 11,
    line: /^reordered: .*i f c o \(Keras, PyTorch\).*i j f o \(LSTMCell of TensorFlow 1\)/s,
    kinds: {},
  },
  {
    name: "rotary rows under the same names",
    files: [names("gqa-hf.safetensors"), names("gqa-gguf-order.safetensors")],
    told: gqa,
    code: 11,
    line: /^reordered: .*heads of 8/s,
    kinds: {},
  },
  {
    name: "adapters that one file has more",
    files: [names("lora-left.safetensors"), names("gqa-hf.safetensors")],
    told: gqa,
    code: 12,
    line: /^different\n\nonly in the first file: .*lora_A/,
    kinds: {},
  },
  {
    name: "a fine-tuned copy with added tokens: the rows that both have are compared",
    files: [rank("vocab-base.safetensors"), rank("vocab-plus2-finetuned.safetensors")],
    told: ["--config", rank("config.json")],
    code: 12,
    line: /^different after 2 tables with other rows/,
    kinds: { "add-rows": 2 },
  },
];

const counted = (conversions: readonly { readonly kind: string }[]) => {
  const counts: Record<string, number> = {};
  for (const { kind } of conversions) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
};

describe("compare says the verdict after conversions", () => {
  test.each(cases)("$name", async ({ files, told = [], code, line, kinds }) => {
    const text = await weightspace(["compare", ...files, ...told]);
    expect([text.code, text.stdout]).toEqual([code, expect.stringMatching(line)]);
    const { code: same, stdout } = await weightspace(["compare", ...files, ...told, "--json"]);
    const value = JSON.parse(stdout);
    expect([same, counted(value.conversions)]).toEqual([code, kinds]);
    for (const { from, to, by } of value.conversions)
      expect([Array.isArray(from), Array.isArray(to), by]).toEqual([
        true,
        true,
        expect.stringMatching(/^(names|numbers)$/),
      ]);
  });

  test("--strict makes any conversion different", async () => {
    const files = [names("conv-hwio.safetensors"), names("conv-oihw.safetensors")];
    const { code, stdout } = await weightspace(["compare", ...files, "--strict"]);
    expect([code, stdout]).toEqual([12, expect.stringMatching(/^different: .*1 transposition/)]);
    const json = JSON.parse(
      (await weightspace(["compare", ...files, "--strict", "--json"])).stdout,
    );
    expect([json.verdict, json.afterConversions]).toEqual(["different", "identical"]);
    const own = [files[0], files[0], "--strict"];
    expect((await weightspace(["compare", ...own])).code).toBe(0);
  });

  test("one number that is another is found after the conversion", () =>
    inTemporaryFolder(async (folder) => {
      const { tensors } = readSafetensors(
        new Uint8Array(await readFile(names("phi3-fused.safetensors"))),
      );
      const changed = new Map(tensors);
      const name = "model.layers.1.mlp.gate_up_proj.weight";
      const { data, ...rest } = changed.get(name)!;
      const bytes = data.slice();
      bytes[3] ^= 1;
      changed.set(name, { ...rest, data: bytes });
      const path = join(folder, "changed.safetensors");
      await writeFile(path, writeSafetensors(changed));
      const args = ["compare", names("phi3-split.safetensors"), path, ...gqa, "--json"];
      const { code, stdout } = await weightspace(args);
      const value = JSON.parse(stdout);
      expect([code, value.tensors.length]).toEqual([12, 1]);
      expect(value.conversions.filter(({ by }: { by: string }) => by === "names").length).toBe(1);
    }));
});

describe("convert", () => {
  const pairs = [
    ["gpt2-nano.safetensors", "gpt2-hf.safetensors"],
    ["phi3-fused.safetensors", "phi3-split.safetensors"],
    ["phi3-split.safetensors", "phi3-fused.safetensors"],
    ["conv-oihw.safetensors", "conv-hwio.safetensors"],
    ["lstm-tf1-order.npz", "lstm-keras.npz"],
    ["gqa-gguf-order.safetensors", "gqa-hf.safetensors"],
  ] as const;

  test.each(pairs)("%s in the form of %s: compare needs no conversion afterwards", (a, b) =>
    inTemporaryFolder(async (folder) => {
      const out = join(folder, "out.safetensors");
      const made = await weightspace(["convert", names(a), names(b), "-o", out]);
      expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/^wrote .* after \d/)]);
      const compared = await weightspace(["compare", out, names(b), "--strict", "--json"]);
      expect([compared.code, JSON.parse(compared.stdout).conversions]).toEqual([0, []]);
    }),
  );

  test("a tensor without numbers is refused; --fill-from-b takes it, and nothing else, of b", () =>
    inTemporaryFolder(async (folder) => {
      const out = join(folder, "out.safetensors");
      const [a, b] = [rank("vocab-base.safetensors"), rank("vocab-plus2-finetuned.safetensors")];
      const refused = await weightspace(["convert", a, b, "-o", out]);
      expect([refused.code, refused.stderr]).toEqual([
        1,
        expect.stringMatching(/22 rows, and the first file has numbers for 20.*/s),
      ]);
      await expect(readFile(out)).rejects.toThrow("ENOENT");
      const filled = await weightspace(["convert", a, b, "-o", out, "--fill-from-b", "--json"]);
      expect(JSON.parse(filled.stdout).filled.length).toBe(2);
      const read = async (path: string) =>
        readSafetensors(new Uint8Array(await readFile(path))).tensors.get(
          "model.embed_tokens.weight",
        )!.data;
      const [own, first, second] = [await read(out), await read(a), await read(b)];
      expect(own.subarray(0, first.length)).toEqual(first);
      expect(own.subarray(first.length)).toEqual(second.subarray(first.length));
      const other = [names("conv-hwio.safetensors"), a, "-o", join(folder, "o.safetensors")];
      expect((await weightspace(["convert", ...other])).stderr).toMatch(/only in the second file/);
    }));
});

describe("fingerprints agree where the function does", () => {
  test.each([
    [[names("plain.pt"), names("dataparallel_prefix.pt")], [], /names without module\./],
    [
      [names("gqa-hf.safetensors"), names("prefix-orig-mod.safetensors")],
      gqa,
      /names without _orig_mod\./,
    ],
    [
      [names("bert-gamma-beta.safetensors"), names("bert-new-names.safetensors")],
      ["--heads", "3"],
      /is a copy of/,
    ],
    [
      [rank("tied-with-head.safetensors"), rank("tied-without-head.safetensors")],
      tied,
      /lm_head\.weight is a copy of model\.embed_tokens\.weight/,
    ],
  ] as const)("%s", async (files, told, note) => {
    const { code, stdout } = await weightspace(["fingerprint", ...files, ...told, "--json"]);
    const prints: { fingerprint: string; notes: string[] }[] = JSON.parse(stdout);
    expect([code, new Set(prints.map(({ fingerprint }) => fingerprint)).size]).toEqual([0, 1]);
    expect(prints.flatMap(({ notes }) => notes).join("\n")).toMatch(note);
  });

  test("a chain of layers with a word behind their numbers has symmetries", async () => {
    const told = ["--family", "mlp", "--activation", "sine", "--json"];
    const { stdout } = await weightspace(["symmetries", names("inr-siren-names.pth"), ...told]);
    const { axes } = JSON.parse(stdout);
    expect(axes.h1).toEqual({ size: 8, group: "permutation", scale: "sign" });
  });
});

describe("quantised blocks of a GGUF file", () => {
  /** Two blocks of 32 whole numbers with a scale of 1/16. */
  const wholes = Array.from({ length: 64 }, (_, i) => ((i * 37) % 201) - 100);
  const scale = [0x00, 0x2c]; // 1/16 as a float of 16 bits
  const q8 = {
    shape: [2, 32],
    type: 8,
    data: Uint8Array.from([0, 1].flatMap((i) => [...scale, ...wholes.slice(32 * i, 32 * i + 32)])),
  };
  const bias = float32([2], [1, 2]);
  /** The real numbers, each off by a share of its step. */
  const real = (share: number) =>
    float32(
      [2, 32],
      wholes.map((whole, i) => (whole + share * Math.cos(i)) / 16),
    );

  test("are the real numbers that lie within a step, and no others", () =>
    inTemporaryFolder(async (out) => {
      const write = (name: string, weight: GgufTensor) =>
        writeFile(join(out, name), gguf({ "fc.weight": weight, "fc.bias": bias }));
      await write("q8.gguf", q8);
      await write("near.gguf", real(0.5));
      await write("far.gguf", real(2));
      for (const files of [
        ["q8.gguf", "near.gguf"],
        ["near.gguf", "q8.gguf"],
      ]) {
        const { code, stdout } = await weightspace(["compare", ...files], out);
        expect([code, stdout.split("\n")[0]]).toEqual([
          0,
          "identical after 1 quantised weight: every number is equal or within its step",
        ]);
      }
      expect((await weightspace(["compare", "q8.gguf", "near.gguf", "--strict"], out)).code).toBe(
        12,
      );
      expect((await weightspace(["compare", "q8.gguf", "far.gguf"], out)).code).toBe(12);
      const same = await weightspace(["compare", "q8.gguf", "q8.gguf"], out);
      expect([same.code, same.stdout.split("\n")[0]]).toEqual([
        0,
        "identical: every number is equal",
      ]);
    }));

  test("that are not read are identical by their bytes, and refused where these differ", () =>
    inTemporaryFolder(async (out) => {
      const blocks = (seed: number) => ({
        shape: [1, 256],
        type: 17,
        data: Uint8Array.from({ length: 74 }, (_, i) => (i * seed) % 251),
      });
      for (const [name, seed] of [
        ["a.gguf", 3],
        ["same.gguf", 3],
        ["other.gguf", 5],
      ] as const)
        await writeFile(join(out, name), gguf({ "fc.weight": blocks(seed), "fc.bias": bias }));
      expect((await weightspace(["compare", "a.gguf", "same.gguf"], out)).code).toBe(0);
      const other = await weightspace(["compare", "a.gguf", "other.gguf"], out);
      expect(other.code).toBe(1);
      expect(other.stderr).toMatch(/"fc.weight" is stored as IQ2_XS in both files.*bytes differ/);
    }));

  test("that are not read are compared by their bytes beside others that are put together, and under other names", () =>
    inTemporaryFolder(async (out) => {
      const unread = (seed: number) => ({
        shape: [1, 256],
        type: 17,
        data: Uint8Array.from({ length: 74 }, (_, i) => (i * seed) % 251),
      });
      const numbers = Float32Array.from({ length: 32 }, (_, i) => i - 16);
      const q8 = {
        shape: [1, 32],
        type: 8,
        data: Uint8Array.of(0, 0x3c, ...Array.from(numbers, (x) => x & 255)), // scale 1
      };
      const files = {
        "a.gguf": { "fc.weight": unread(3), "out.weight": q8 },
        "plain.gguf": { "fc.weight": unread(3), "out.weight": float32([1, 32], numbers) },
        "other.gguf": { "fc.weight": unread(5), "out.weight": float32([1, 32], numbers) },
        "renamed.gguf": { "fc.weight": unread(3), "head.weight": float32([1, 32], numbers) },
      };
      for (const [name, tensors] of Object.entries(files))
        await writeFile(join(out, name), gguf(tensors));
      for (const [first, second] of [
        ["a.gguf", "plain.gguf"],
        ["plain.gguf", "a.gguf"],
        ["plain.gguf", "renamed.gguf"],
      ]) {
        const { code, stdout, stderr } = await weightspace(["compare", first, second], out);
        expect([code, stderr, stdout.slice(0, 15)]).toEqual([
          0,
          expect.not.stringContaining("error"),
          "identical after",
        ]);
      }
      const other = await weightspace(["compare", "a.gguf", "other.gguf"], out);
      expect(other.code).toBe(1); // control
      expect(other.stderr).toMatch(/"fc.weight" is stored as IQ2_XS in both files.*bytes differ/);
    }));
});
