// Files whose weights were scaled by tools that keep the function: for quantisation, or to fold the gains of norms.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readSafetensors } from "../../../src/formats/safetensors/safetensors.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";

const at = (name: string) =>
  fileURLToPath(new URL(`../../fixtures/scales/${name}`, import.meta.url));
const told = ["--config", at("gqa-config.json")];
const base = at("awq-base.safetensors");

test("rows of a gated layer and gains of norms that were moved into the next matrix: symmetric, by names alone", async () => {
  const rows = await weightspace(["compare", base, at("awq-up-down.safetensors"), ...told]);
  expect(rows.code).toBe(10);
  expect(rows.stdout).toMatch(/^layer0\.up_proj +in place +scaled by 0\.25 to 4$/m);
  expect(rows.stdout).toContain("equal up to rounding: at most 0 of");
  const folded = await weightspace(["compare", base, at("fold-norm.safetensors"), ...told]);
  expect(folded.code).toBe(10);
  expect(folded.stdout).toMatch(/^layer1\.input_layernorm +in place +scaled by/m);
  const prints = await weightspace([
    "fingerprint",
    base,
    at("awq-up-down.safetensors"),
    at("fold-norm.safetensors"),
    ...told,
    "--json",
  ]);
  const found = JSON.parse(prints.stdout) as { fingerprint: string }[];
  expect(new Set(found.map(({ fingerprint }) => fingerprint)).size).toBe(1);
});

test("rows that the next matrix does not undo, and gains without a config: different", () =>
  inTemporaryFolder(async (out) => {
    const { tensors } = readSafetensors(await readFile(at("awq-up-down.safetensors")));
    const name = "model.layers.0.mlp.down_proj.weight";
    const original = readSafetensors(await readFile(base)).tensors;
    const half = new Map(
      [...tensors].map(([key, t]) => [key, key === name ? (original.get(key) ?? t) : t]),
    );
    await writeFile(join(out, "half.safetensors"), writeSafetensors(half));
    const wrong = await weightspace(["compare", base, join(out, "half.safetensors"), ...told]);
    expect(wrong.code).toBe(12);
    const heads = ["--heads", "4", "--key-value-heads", "2"];
    const unsure = await weightspace(["compare", base, at("fold-norm.safetensors"), ...heads]);
    expect(unsure.code).toBe(12);
  }));
