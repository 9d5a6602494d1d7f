// Checkpoints that hold more than one network's tensors, on the command line: what is read, what is refused, `--key`.

import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { withKey } from "../../../src/cli/networks/with-key.ts";
import { UsageError } from "../../../src/cli/app/usage-error.ts";
import { readSafetensors } from "../../../src/formats/safetensors/safetensors.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";
import { npz } from "../../support/files/write-npz.ts";

const folder = fileURLToPath(new URL("../../fixtures/checkpoints/", import.meta.url));
const at = (name: string) => join(folder, name);

/** Runs a command on the fixtures with --json and gives the code and the value. */
async function json(...args: string[]) {
  const { code, stdout, stderr } = await weightspace([...args, "--json"], folder);
  return { code, stderr, value: stdout === "" ? undefined : (JSON.parse(stdout) as never) };
}

describe("a tensor beside the state dict is not taken for the network", () => {
  test.each([
    ["best-acc-tensor-a.pth", "best-acc-tensor-b.pth", "state_dict"],
    ["best-loss-tensor-a.pt", "best-loss-tensor-b.pt", "model"],
    ["tutorial-loss-tensor-a.pt", "tutorial-loss-tensor-b.pt", "model_state_dict"],
  ])("%s and %s are different networks; each is itself", async (a, b, key) => {
    const { code, value } = await json("compare", a, b);
    expect(code).toBe(12);
    const one = { path: [key], key, tensors: 4, parameters: 44, unread: [] };
    expect(value).toMatchObject({
      verdict: "different",
      taken: [
        { file: a, ...one },
        { file: b, ...one },
      ],
    });
    const same = await weightspace(["compare", a, a], folder);
    expect(same.code).toBe(0);
    expect(same.stderr).toContain(`${a}: took "${key}" (4 tensors, 44 parameters)\n`);
  });

  test("merge averages the weights, not the loss", () =>
    inTemporaryFolder(async (out) => {
      const [a, b] = ["tutorial-loss-tensor-a.pt", "tutorial-loss-tensor-b.pt"];
      const merged = join(out, "m.safetensors");
      const { code } = await weightspace(["merge", "--no-align", a, b, "-o", merged], folder);
      expect(code).toBe(0);
      const { tensors } = readSafetensors(await readFile(merged));
      expect([...tensors.keys()].sort()).toEqual([
        "fc1.bias",
        "fc1.weight",
        "fc2.bias",
        "fc2.weight",
      ]);
    }));
});

describe("where two dictionaries could be meant", () => {
  test("they are listed and the command ends; a key says which", async () => {
    const refused = await weightspace(["compare", "timm-ema.pth", "timm-ema.pth"], folder);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(/timm-ema.pth: .*2 dictionaries/);
    expect(refused.stderr.split("\n").slice(1)).toEqual([
      '  - "state_dict": 2 tensors, 24 parameters',
      '  - "state_dict_ema": 2 tensors, 24 parameters',
      expect.stringMatching(/^name one: --key "state_dict"/),
      "",
    ]);
    const same = await json("compare", "timm-ema.pth", "timm-ema.pth", "--key", "state_dict");
    expect(same.code).toBe(0);
    const one = "timm-ema.pth#state_dict_ema";
    const other = await json("compare", "timm-ema.pth", one, "--key", "state_dict");
    expect(other.code).toBe(12);
    const keys = [{ key: "state_dict" }, { key: "state_dict_ema" }];
    expect(other.value).toMatchObject({ verdict: "different", taken: keys });
  });

  test("networks within a dict: each is compared with its like", async () => {
    const [a, b] = ["nested-models-a.pt", "nested-models-b.pt"];
    const { code, stderr } = await weightspace(["compare", a, b], folder);
    expect(code).toBe(1);
    for (const path of ["models.G", "models.D", "stats"])
      expect(stderr).toContain(`- "${path}": 1`);
    expect((await json("compare", a, b, "--key", "models.G")).code).toBe(12);
    expect((await json("compare", a, b, "--key", "models.D")).code).toBe(12);
    expect((await json("compare", a, b, "--key", "stats")).code).toBe(0);
  });

  test("settings of another class are left unread and counted", async () => {
    const name = "with-namespace.pth";
    const { code, stderr } = await weightspace(["compare", name, name], folder);
    expect(code).toBe(0);
    expect(stderr).toContain('took "model"');
    expect(stderr).toContain('left unread: 1 object of class "argparse.Namespace"\n');
  });
});

const shape = (rows: number, columns: number, start: number) => ({
  shape: [rows, columns],
  data: Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(start + i)),
});

describe("every command that reads weights takes --key and says what was taken", () => {
  const file = "best-acc-tensor-a.pth";
  const family = ["--family", "mlp", "--activation", "relu"];
  const told = { file, key: "state_dict", tensors: 4, parameters: 44 };

  test.each([
    ["describe", []],
    ["embed", []],
    ["fingerprint", []],
    ["canonical", ["--force", "-o", "OUT/c.safetensors"]],
    ["align", [file, "--force", "-o", "OUT/b.safetensors"]],
    ["merge", [file, "--force", "-o", "OUT/m.safetensors"]],
    ["rank", [file]],
    ["sketch", ["--force", "-o", "OUT/s.sketch.json"]],
  ])("%s", (command, more) =>
    inTemporaryFolder(async (out) => {
      const rest = more.map((text) => text.replace("OUT", out));
      const { code, value } = await json(command, file, ...rest, ...family);
      expect(code).toBe(0);
      // Two networks are read by align and merge, rank lists every file once; fingerprints are a list.
      const results: unknown[] = [value].flat();
      const files = ["align", "merge"].includes(command) ? [told, told] : [told];
      expect(results).toMatchObject([{ taken: files }]);
      const wrong = await json(command, file, ...rest, ...family, "--key", "model");
      expect(wrong).toMatchObject({ code: 1, value: undefined });
      expect(wrong.stderr).toContain('the key "model" leads to nothing');
    }),
  );

  test("symmetries: the spec alone on standard output, the line on standard error", async () => {
    const { code, value, stderr } = await json("symmetries", file, ...family);
    expect(code).toBe(0);
    expect(value).not.toHaveProperty("taken");
    expect(stderr).toContain('took "state_dict" (4 tensors, 44 parameters)');
    const wrong = await json("symmetries", file, ...family, "--key", "x");
    expect(wrong).toMatchObject({ code: 1, value: undefined });
  });

  test("predict refuses --key with a population, and knows the option", async () => {
    const args = ["predict", "f.safetensors", "--zoo", "z", "--key", "a"];
    const { code, stderr } = await weightspace(args, folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(/--key is for weight files/);
  });

  test("files without dictionaries refuse a key, and need none", () =>
    inTemporaryFolder(async (out) => {
      const weights = { w: shape(2, 3, 0) };
      const array = { descr: "<f4", ...weights.w };
      await writeFile(join(out, "a.safetensors"), writeSafetensors(weights));
      await writeFile(join(out, "a.npz"), npz({ w: array }));
      for (const name of ["a.safetensors", "a.npz"]) {
        expect((await weightspace(["compare", name, name], out)).code).toBe(0);
        for (const args of [
          [name, name, "--key", "w"],
          [name, `${name}#w`],
        ]) {
          const { code, stderr } = await weightspace(["compare", ...args], out);
          expect(code).toBe(1);
          expect(stderr).toMatch(/has no dictionaries to choose from/);
        }
      }
    }));
});

describe("a name that holds #", () => {
  test("is a file's own name first; else the longest file before a #, and a key", () =>
    inTemporaryFolder(async (out) => {
      const copy = (from: string, to: string) => copyFile(at(from), join(out, to));
      await copy("timm-ema.pth", "run.pth");
      await copy("best-acc-tensor-a.pth", "run.pth#state_dict");
      await copy("timm-ema.pth", "my#run.pth");
      const taken = async (path: string, ...more: string[]) => {
        const { code, stdout, stderr } = await weightspace(
          ["compare", path, path, "--json", ...more],
          out,
        );
        return code === 0 ? (JSON.parse(stdout) as { taken: object[] }).taken[0] : stderr;
      };
      expect(await taken("run.pth#state_dict")).toMatchObject({ file: "run.pth#state_dict" });
      expect(await taken("run.pth#state_dict_ema")).toMatchObject({ key: "state_dict_ema" });
      expect(await taken("my#run.pth#state_dict")).toMatchObject({ file: "my#run.pth" });
      expect(await taken("my#run.pth", "--key", "state_dict")).toMatchObject({ key: "state_dict" });
      expect(await taken("my#run.pth")).toMatch(/2 dictionaries/);
      expect(await taken("none.pth#a")).toMatch(/cannot read none.pth#a: no such file/);
      const both = withKey([join(out, "run.pth")], "state_dict");
      await expect(both).rejects.toThrow(UsageError);
      await expect(both).rejects.toThrow(/also the name of a file/);
    }));

  test("an index keeps its shards from being overwritten", () =>
    inTemporaryFolder(async (out) => {
      const tensor = { shape: [1], data: Float32Array.of(2) };
      const shard = writeSafetensors(new Map([["a", tensor]]));
      await writeFile(join(out, "s.safetensors"), shard);
      await writeFile(
        join(out, "m.safetensors.index.json"),
        JSON.stringify({ weight_map: { a: "s.safetensors" } }),
      );
      const merge = (to: string) =>
        weightspace(
          ["merge", "--no-align", "m.safetensors.index.json", "s.safetensors", "--force", "-o", to],
          out,
        );
      expect(await merge("s.safetensors")).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("it is one of the files of m.safetensors.index.json"),
      });
      expect(await readFile(join(out, "s.safetensors"))).toEqual(Buffer.from(shard));
      expect((await merge("t.safetensors")).code).toBe(0);
    }));
});
