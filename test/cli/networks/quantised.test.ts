// Quantised checkpoints on the command line: they are read, and what would have to write them says so.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { UnsupportedError } from "../../../src/core/errors.ts";
import { quantisedCheck } from "../../../src/checkpoints/quantised-check.ts";
import { openTensorSource } from "../../../src/formats/open.ts";
import { streamSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";
import { float32, gguf } from "../../support/files/write-gguf.ts";

/** One block of 32 whole numbers with a scale of 1/16. */
const q8 = (seed: number) => ({
  shape: [1, 32],
  type: 8,
  data: Uint8Array.from([0x00, 0x2c, ...Array.from({ length: 32 }, (_, i) => (i * seed) % 100)]),
});

/** A layer as int8 files hold it: whole numbers, and a scale for every row. */
async function int8(scale: number, first = 1): Promise<Uint8Array> {
  const tensors = {
    "fc.weight": { dtype: "I8", shape: [2, 2], data: Uint8Array.of(first, 2, 3, 4) },
    "fc.weight_scale": {
      dtype: "F32",
      shape: [2],
      data: new Uint8Array(Float32Array.of(scale, 1).buffer),
    },
  } as const;
  const pieces: Uint8Array[] = [];
  const entries = Object.entries(tensors);
  for await (const piece of streamSafetensors(
    entries,
    async (name) => tensors[name as "fc.weight"],
  ))
    pieces.push(piece);
  return Buffer.concat(pieces);
}

test("blocks are merged and written as plain numbers, which is said", () =>
  inTemporaryFolder(async (out) => {
    for (const [name, seed] of [
      ["a.gguf", 3],
      ["b.gguf", 7],
    ] as const)
      await writeFile(join(out, name), gguf({ "fc.weight": q8(seed), n: float32([1], [seed]) }));
    const { code, stderr } = await weightspace(
      ["merge", "a.gguf", "b.gguf", "--no-align", "-o", "m.safetensors"],
      out,
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(/quantised forms are read, not written: .*1 of Q8_0.*plain numbers/);
    const { stdout } = await weightspace(["compare", "m.safetensors", "a.gguf", "--json"], out);
    expect(stdout).toContain('"different"');
    const plain = gguf({ "fc.weight": float32([1, 32], Array(32).fill(1)), n: float32([1], [1]) });
    await writeFile(join(out, "plain.gguf"), plain);
    const quiet = await weightspace(
      ["merge", "plain.gguf", "plain.gguf", "--no-align", "-o", "p.safetensors"],
      out,
    );
    expect([quiet.code, quiet.stderr.includes("quantised")]).toEqual([0, false]);
  }));

test("whole numbers with scales of their own have no average", () =>
  inTemporaryFolder(async (out) => {
    await writeFile(join(out, "a.safetensors"), await int8(0.5));
    await writeFile(join(out, "b.safetensors"), await int8(0.25));
    await writeFile(join(out, "c.safetensors"), await int8(0.5, 9));
    for (const other of ["b.safetensors", "c.safetensors"]) {
      const args = ["merge", "a.safetensors", other, "--no-align", "-o", "m.safetensors"];
      const { code, stderr } = await weightspace(args, out);
      expect([other, code]).toEqual([other, 1]);
      expect(stderr).toMatch(/"fc.weight" is stored as I8.*quantised forms are read, not written/);
    }
    const same = ["merge", "a.safetensors", "a.safetensors", "--no-align", "-o", "s.safetensors"];
    expect((await weightspace(same, out)).code).toBe(0);
  }));

test("convert into a quantised form is refused with what to do", () =>
  inTemporaryFolder(async (out) => {
    const plain = float32(
      [1, 32],
      Float32Array.from({ length: 32 }, (_, i) => ((i * 3) % 100) / 16),
    );
    await writeFile(join(out, "plain.gguf"), gguf({ "fc.weight": plain }));
    await writeFile(join(out, "q8.gguf"), gguf({ "fc.weight": q8(3) }));
    const into = await weightspace(
      ["convert", "plain.gguf", "q8.gguf", "-o", "o.safetensors"],
      out,
    );
    expect(into.code).toBe(1);
    expect(into.stderr).toMatch(/"fc.weight" is quantised.*read, not written; give a second file/);
    const back = await weightspace(
      ["convert", "q8.gguf", "plain.gguf", "-o", "o.safetensors"],
      out,
    );
    expect(back.code).toBe(0);
    expect((await weightspace(["compare", "o.safetensors", "plain.gguf"], out)).code).toBe(0);
  }));

test("numbers with scales of their own may be reordered, not scaled", async () => {
  const source = await openTensorSource(await int8(0.5));
  const check = quantisedCheck(source);
  const moved = (data: readonly number[]) => ({ shape: [2, 2], data: Float32Array.from(data) });
  expect(() => check("fc.weight", moved([3, 4, 1, 2]))).not.toThrow();
  expect(() => check("fc.weight", moved([1.5, 2, 3, 4]))).toThrow(UnsupportedError);
  expect(() => check("fc.weight_scale", moved([1.5, 2, 3, 4]))).not.toThrow();
});
