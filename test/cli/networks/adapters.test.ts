// The commands on low-rank adapters: verdicts by exit code, files that PEFT can load, and refusals that say what to do.

import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readSafetensors } from "../../../src/formats/safetensors/safetensors.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";
import { fixturePath } from "../../support/adapters/adapters.ts";

const path = fixturePath;

describe("compare", () => {
  test.each([
    [
      "identical",
      0,
      "unet-peft",
      "unet-kohya.safetensors",
      /^identical after 80 renamings: every number is equal/,
    ],
    [
      "identical but for rounding",
      0,
      "both-diffusers.safetensors",
      "both-kohya-f16.safetensors",
      /^identical after 24 renamings after rounding/,
    ],
    [
      "symmetric",
      10,
      "unet-diffusers-old.safetensors",
      "unet-peft",
      /^symmetric after 80 renamings: both adapters add the same/,
    ],
    [
      "symmetric before training",
      10,
      "llama-untrained-3",
      "llama-untrained-4",
      /2 add nothing in both files/,
    ],
    [
      "different",
      12,
      "llama",
      "llama-rslora",
      /^different: 2 of 2 layers get something else added/,
    ],
    [
      "different layers",
      12,
      "llama",
      "unet-peft",
      /^different: the adapters change no layer in common/,
    ],
  ])("%s: exit code %i", async (_, code, a, b, line) => {
    const found = await weightspace(["compare", path(a), path(b)]);
    expect(found.code, found.stderr).toBe(code);
    expect(found.stdout).toMatch(line);
  });

  test("--json has layers and what tells them apart", async () => {
    const { stdout } = await weightspace([
      "compare",
      path("llama"),
      path("llama-rslora"),
      "--json",
    ]);
    const found = JSON.parse(stdout) as {
      verdict: string;
      adapters: { layers: { relative: number }[] };
    };
    expect(found.verdict).toBe("different");
    expect(found.adapters.layers).toHaveLength(2);
    expect(found.adapters.layers.every(({ relative }) => relative > 0.5)).toBe(true);
  });

  test("many files are grouped", async () => {
    const files = [
      "unet-peft",
      "unet-kohya.safetensors",
      "unet-diffusers-old.safetensors",
      "llama",
    ];
    const { stdout, code } = await weightspace(["compare", ...files.map(path)]);
    expect(code).toBe(12);
    expect(stdout).toMatch(
      /one network: 1 .*unet-peft, 2 .*unet-kohya\.safetensors, 3 .*unet-diffusers-old/,
    );
  });

  test("a file without its adapter_config.json is refused with what to do", () =>
    inTemporaryFolder(async (folder) => {
      const bare = join(folder, "adapter_model.safetensors");
      await copyFile(path("llama/adapter_model.safetensors"), bare);
      const { code, stderr } = await weightspace(["compare", bare, path("llama-rslora")]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/no adapter_config\.json is beside the file/);
      await writeFile(join(folder, "adapter_config.json"), '{"r": 4, "lora_alpha": ');
      const broken = await weightspace(["compare", bare, path("llama")]);
      expect([broken.code, broken.stderr]).toEqual([
        1,
        expect.stringMatching(/adapter_config\.json is not valid JSON/),
      ]);
    }));

  test("names with control characters are printed as escapes", () =>
    inTemporaryFolder(async (folder) => {
      const tensor = { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) };
      const other = { shape: [2, 2], data: Float32Array.of(4, 3, 2, 2) };
      const name = "lora_unet_\u001b[2Jx";
      const make = async (file: string, up: typeof tensor) => {
        const tensors = { [`${name}.lora_down.weight`]: tensor, [`${name}.lora_up.weight`]: up };
        await writeFile(join(folder, file), writeSafetensors(tensors));
        return join(folder, file);
      };
      const [a, b] = [await make("a.safetensors", tensor), await make("b.safetensors", other)];
      const { code, stdout, stderr } = await weightspace(["compare", a, b]);
      expect(code).toBe(12);
      expect(stdout + stderr).not.toContain("\u001b");
      expect(stdout).toContain("\\x1b[2Jx");
    }));
});

describe("canonical, fingerprint and merge", () => {
  test("write files that are the same adapter, with the configuration of PEFT", () =>
    inTemporaryFolder(async (folder) => {
      const out = join(folder, "adapter_model.safetensors");
      const written = await weightspace(["canonical", path("llama"), "-o", out]);
      expect([written.code, written.stderr]).toEqual([0, expect.any(String)]);
      expect(written.stdout).toMatch(
        /7 layers, each the singular value decomposition .* ranks 2 to 4/,
      );
      const config = JSON.parse(
        await readFile(join(folder, "adapter_config.json"), "utf8"),
      ) as object;
      expect(config).toMatchObject({ r: 4, lora_alpha: 4, peft_type: "LORA" });
      expect((await weightspace(["compare", path("llama"), folder])).code).toBe(10);
      const prints = await weightspace(["fingerprint", path("llama"), folder]);
      const [first, , second] = prints.stdout.split("\n").map((line) => line.split(" ")[0]);
      expect(first).toBe(second);
      const again = await weightspace(["canonical", path("llama"), "-o", out]);
      expect([again.code, again.stderr]).toEqual([
        2,
        expect.stringMatching(/exists; give --force/),
      ]);
    }));

  test("refuse a name under which PEFT would not find the adapter", () =>
    inTemporaryFolder(async (folder) => {
      const { code, stderr } = await weightspace([
        "canonical",
        path("llama"),
        "-o",
        join(folder, "a.safetensors"),
      ]);
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/give -o <folder>\/adapter_model\.safetensors/),
      ]);
    }));

  test("average what adapters add", () =>
    inTemporaryFolder(async (folder) => {
      const out = join(folder, "mean.safetensors");
      const files = [path("unet-kohya.safetensors"), path("unet-diffusers-old.safetensors")];
      const merged = await weightspace(["merge", ...files, "-o", out]);
      expect([merged.code, merged.stderr]).toEqual([0, expect.any(String)]);
      expect(merged.stdout).toMatch(
        /the mean of what the adapters add \(scale \* B A\), not of A and of B, in 40 layers: rank 3/,
      );
      expect((await weightspace(["compare", out, path("unet-peft")])).code).toBe(10);
      const { tensors } = readSafetensors(new Uint8Array(await readFile(out)));
      expect(tensors.size).toBe(120);
    }));

  test.each([
    [
      ["merge", "llama", "llama-rslora", "--no-align", "-o", "OUT"],
      2,
      /would average A and B by themselves/,
    ],
    [
      ["merge", "llama", "llama-rslora", "--report", "OUT.html", "--data", "digits"],
      2,
      /--report needs networks that run/,
    ],
    [["merge", "llama-dora", "llama-dora", "-o", "OUT"], 1, /magnitudes \(DoRA/],
    [
      ["merge", "llama", "../files/../models/mlp.onnx", "-o", "OUT"],
      2,
      /is a low-rank adapter, .* is none/,
    ],
    [
      ["align", "llama", "llama-rslora", "-o", "OUT"],
      1,
      /low-rank adapters: .* no units to be moved/,
    ],
    [["canonical", "llama-loha", "-o", "OUT"], 1, /holds LoHa \(an entry-wise product/],
    [["symmetries", "llama-loha/adapter_model.safetensors"], 1, /holds LoHa/],
  ])("%j is refused", async (args, code, problem) =>
    inTemporaryFolder(async (folder) => {
      await mkdir(join(folder, "x"));
      const out = join(folder, "x", "adapter_model.safetensors");
      const given = args.map((arg) =>
        /^(llama|\.\.)/.test(arg) ? path(arg) : arg.replace("OUT", out),
      );
      const found = await weightspace(given);
      expect([found.code, found.stderr]).toEqual([code, expect.stringMatching(problem)]);
    }),
  );
});

describe("embed and symmetries", () => {
  test("give one vector to one adapter, in any style", async () => {
    const { stdout } = await weightspace([
      "embed",
      path("llama"),
      path("llama-rslora"),
      "--size",
      "2",
      "--json",
    ]);
    const found = JSON.parse(stdout) as { vector: number[] }[];
    expect(found).toHaveLength(2);
    expect(found.flatMap(({ vector }) => vector).every((x) => Number.isFinite(x) && x !== 0)).toBe(
      true,
    );
  });

  test("say that any basis may stand between B and A", async () => {
    const { code, stdout } = await weightspace(["symmetries", path("llama")]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/layers\.0\.self_attn\.v_proj\.rank +2 +GL\(2\) +2/);
  });
});
