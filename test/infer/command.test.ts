import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { afterAll, describe, expect, test, vi } from "vitest";
import { symmetriesCommand } from "../../src/cli/commands/symmetries.ts";
import { UsageError } from "../../src/cli/app/usage-error.ts";
import { EnvironmentError, FormatError } from "../../src/core/errors.ts";
import { specFromJSON } from "../../src/symmetry/json.ts";
import { onnxBuilder } from "../support/graphs/onnx-builder.ts";
import { gemm, relu } from "../support/graphs/onnx-layers.ts";

const folder = mkdtempSync(join(tmpdir(), "symmetries-"));
afterAll(() => rmSync(folder, { recursive: true }));

function modelFile(): string {
  const b = onnxBuilder(1);
  b.output(gemm(b, relu(b, gemm(b, b.input("x", [4, 7]), "fc1", 7, 9)), "fc2", 9, 3));
  const path = join(folder, "model.onnx");
  writeFileSync(path, b.bytes());
  return path;
}

/** What the command prints on standard output. */
async function run(...args: string[]): Promise<string> {
  const written: string[] = [];
  const out = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  try {
    const program = new Command().exitOverride();
    symmetriesCommand(program);
    await program.parseAsync(["symmetries", ...args], { from: "user" });
    return written.join("");
  } finally {
    out.mockRestore();
  }
}

describe("weightspace symmetries", () => {
  test("prints a table of axes and tensors", async () => {
    const text = await run(modelFile());
    expect(text).toMatch(/fc1 +9 +S_9 with positive scales/);
    expect(text).toMatch(/fc2\.weight +\[3, 9\] +.*, fc1\^-1/);
  });

  test("--json prints a spec that reads back, and nothing else", async () => {
    const spec = specFromJSON(JSON.parse(await run(modelFile(), "--json")));
    expect(spec.axes["fc1"]).toEqual({ size: 9, group: "permutation", scale: "positive" });
  });

  test("--verify prints verdict, largest error and seed; --explain names operations", async () => {
    const text = await run(modelFile(), "--verify", "--explain", "--seed", "5");
    expect(text).toMatch(/proved: largest error .*seed 5/);
    expect(text).toMatch(/Gemm "/);
  });

  test("--directions names what LayerNorm removes, with its controls; a network without it has none", async () => {
    const block = fileURLToPath(new URL("../fixtures/models/vit_block.onnx", import.meta.url));
    const text = await run(block, "--directions", "--seed", "0");
    expect(text).toMatch(/^7 directions of weights change no output, seed 0$/m);
    expect(text).toMatch(
      /^ {2}onnx::MatMul_158 along dimension 0, divided by n1\.weight +error \S+, \S+ with random signs$/m,
    );
    expect(await run(block)).not.toMatch(/directions/);
    expect(await run(modelFile(), "--directions")).toMatch(/^0 directions of weights/m);
  });

  test("bad files, missing files and bad options are told apart", async () => {
    const broken = join(folder, "broken.onnx");
    writeFileSync(broken, "not a model");
    await expect(run(broken)).rejects.toThrow(FormatError);
    await expect(run(join(folder, "missing.onnx"))).rejects.toThrow(EnvironmentError);
    await expect(run(modelFile(), "--seed", "x")).rejects.toThrow(/whole number/);
    await expect(run(modelFile(), "--size", "batch")).rejects.toThrow(/name and a size/);
    await expect(run(modelFile(), "--size", "nowhere=2")).rejects.toThrow(UsageError);
  });
});
