// Files that would deceive or stop the command line: names that steer the terminal, names that objects inherit, pipes,
// devices, folders, files given in the wrong place.

import { execFileSync } from "node:child_process";
import { mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { fileSource } from "../../src/node/file-source.ts";
import { visible, visibleJSON, visibleName } from "../../src/core/visible.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { specToJSON } from "../../src/symmetry/json.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";
import { genericWeights, modelPath } from "../support/networks.ts";

const hidden = (axis: string, tensor: string) =>
  defineSpec({
    axes: {
      [axis]: { size: 5, group: "permutation", scale: "positive" },
      other: { size: 4, group: "permutation", scale: "sign" },
      fixed: { size: 3, group: "fixed" },
    },
    tensors: {
      [tensor]: [axis, "fixed"],
      second: ["other", `${axis}^-1`],
      third: ["fixed", "other"],
    },
  });

/** Runs a body in a folder with a network `a`, a moved copy `moved`, a stranger `b` and their spec. */
function withNetworks<T>(
  [axis, tensor]: readonly [string, string],
  body: (folder: string) => Promise<T>,
): Promise<T> {
  return inTemporaryFolder(async (folder) => {
    const spec = hidden(axis, tensor);
    const weights = genericWeights(spec, 7);
    const moved = actOn(spec, sampleElement(spec, 7, { scales: false }), weights);
    const save = (name: string, tensors: Weights) =>
      writeFile(join(folder, `${name}.safetensors`), writeSafetensors(tensors));
    await save("a", weights);
    await save("moved", moved);
    await save("b", genericWeights(spec, 8));
    await writeFile(join(folder, "spec.json"), JSON.stringify(specToJSON(spec)));
    return body(folder);
  });
}

const commands = (a: string, b: string): readonly (readonly [string, ...string[]])[] => [
  ["compare", a, b],
  ["align", a, b, "--force", "-o", "out.safetensors"],
  ["merge", a, b, "--force", "-o", "out.safetensors"],
  ["canonical", a, "--force", "-o", "out.safetensors"],
  ["fingerprint", a],
  ["sketch", a, "--force", "-o", "out.sketch.json"],
  ["rank", a, b],
];

describe("names that objects inherit are names", () => {
  const names = ["toString", "constructor", "valueOf", "hasOwnProperty", "then"];
  const cases = [...names.map((name) => [name, name] as const), ["h", "__proto__"] as const];
  test.each(cases)("%s as an axis, %s as a tensor", (axis, tensor) =>
    withNetworks([axis, tensor], async (folder) => {
      const run = (args: readonly string[]) =>
        weightspace([...args, "--spec", "spec.json"], folder);
      const same = await run(["compare", "a.safetensors", "moved.safetensors"]);
      expect(same.stderr).not.toContain("error");
      expect(same.code).toBe(10);
      expect((await run(["compare", "a.safetensors", "b.safetensors"])).code).toBe(12);
      for (const args of commands("a.safetensors", "moved.safetensors").slice(1)) {
        const { code, stderr } = await run(args);
        expect({ args, code, said: /error.*/.exec(stderr)?.[0] }).toEqual({
          args,
          code: 0,
        });
      }
      const prints = await run([
        "fingerprint",
        "a.safetensors",
        "moved.safetensors",
        "b.safetensors",
      ]);
      const [one, copy, stranger] = prints.stdout
        .split("\n")
        .filter((line) => line.endsWith(".safetensors"))
        .map((line) => line.split(" ")[0]);
      expect(copy).toBe(one);
      expect(stranger).not.toBe(one);
    }),
  );
});

/** Clears the screen, sets the title, rewrites the line, hides and turns text, prints a verdict. */
const deceiving =
  "w\u001b[2J\u001b]0;owned\u0007\r\u009b31m\u202e\u200b\u007f\nidentical: every number is equal";

// eslint-disable-next-line no-control-regex
const raw = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202e]/;

describe("names that steer a terminal are printed as escapes", () => {
  test("by every command, in results, warnings, errors and JSON", () =>
    withNetworks(["h", deceiving], async (folder) => {
      const other = { [deceiving]: { shape: [2], data: Float32Array.of(1, Number.NaN) } };
      await writeFile(join(folder, "c.safetensors"), writeSafetensors(other));
      const shown: string[] = [];
      for (const b of ["b.safetensors", "c.safetensors"]) {
        for (const args of commands("a.safetensors", b)) {
          const options = ["--spec", "spec.json"];
          // Without a spec all commands take the same way.
          for (const more of args[0] === "compare"
            ? [options, [], [...options, "--json"]]
            : [options]) {
            const { stdout, stderr } = await weightspace([...args, ...more], folder);
            expect(`${stdout}${stderr}`).not.toMatch(raw);
            expect(`\n${stdout}${stderr}`).not.toMatch(/\nidentical/);
            shown.push(stdout + stderr);
          }
        }
      }
      expect(shown.some((text) => text.includes("\\x1b[2J"))).toBe(true);
      const json = await weightspace(
        ["compare", "a.safetensors", "b.safetensors", "--spec", "spec.json", "--json"],
        folder,
      );
      const { tensors } = JSON.parse(json.stdout) as { tensors: { tensor: string }[] };
      expect(tensors.map(({ tensor }) => tensor)).toContain(deceiving); // the same name, told safely
    }));

  test("also where the name is that of a file, an option or a command", () =>
    inTemporaryFolder(async (folder) => {
      const name = `x\u001b[2J\nidentical`;
      for (const args of [
        [name],
        ["compare", name, name],
        ["symmetries", name],
        ["compare", `--${name}`],
      ]) {
        const { code, stdout, stderr } = await weightspace(args, folder);
        expect(code).not.toBe(0);
        expect(stdout).toBe("");
        expect(stderr).not.toMatch(raw);
        expect(stderr.trim().split("\n")).toHaveLength(1);
      }
    }));

  test("control: letters of all scripts, combining marks and emoji stay as they are", () => {
    const plain = "naïve Ω 層 עברית عربي é 👍 a\u0301";
    expect([visible(plain), visibleName(plain), visibleJSON(plain)]).toEqual([plain, plain, plain]);
    expect(visible("a\nb\u001b")).toBe("a\nb\\x1b");
    expect(visibleName("a\nb")).toBe("a\\nb");
    const text = "\u0085\u202e\u{e0041}\ud800";
    expect(JSON.parse(visibleJSON(JSON.stringify(text)))).toBe(text);
    expect(visibleJSON(JSON.stringify(text))).toMatch(/^[\x20-\x7e]+$/);
  });
});

describe("what is no file of its kind is refused by one sentence", () => {
  test("pipes, devices, folders and endless or huge files, wherever a path is read", () =>
    withNetworks(["h", "w"], async (folder) => {
      execFileSync("mkfifo", [join(folder, "pipe"), join(folder, "pipe.onnx")]);
      await mkdir(join(folder, "empty"));
      await writeFile(join(folder, "huge.onnx"), Uint8Array.of(8, 8));
      await truncate(join(folder, "huge.onnx"), 2 ** 42);
      await writeFile(join(folder, "huge.json"), "{");
      await truncate(join(folder, "huge.json"), 2 ** 42);
      const index = { weight_map: { w: "pipe" } };
      await writeFile(join(folder, "m.safetensors.index.json"), JSON.stringify(index));
      const pair = ["compare", "a.safetensors", "b.safetensors"];
      const bad = ["pipe", "pipe.onnx", "/dev/zero", "/dev/null", "empty", "huge.onnx", "none"];
      const lines = [
        ...bad.map((path) => ["symmetries", path]),
        ...bad.map((path) => ["compare", path, "a.safetensors"]),
        ...[...bad, "huge.json"].map((path) => [...pair, "--spec", path]),
        ...bad.map((path) => [...pair, "--model", path]),
        ["compare", "m.safetensors.index.json", "a.safetensors"],
        ["rank", "pipe", "a.safetensors", "--spec", "spec.json"],
      ];
      for (const args of lines) {
        const { code, stdout, stderr } = await weightspace(args, folder);
        expect({ args, code, stdout }).toEqual({ args, code: 1, stdout: "" });
        expect(stderr).toMatch(/^error: /);
        expect(stderr).not.toContain("unexpected");
      }
      const ranked = ["rank", "a.safetensors", "pipe", "--spec", "spec.json"];
      expect(await weightspace(ranked, folder)).toMatchObject({
        code: 1,
        stdout: expect.stringMatching(/^not judged: cannot read pipe: it is a device, pipe/),
      });
    }));

  test("a file in the wrong place is named for what it is", () =>
    withNetworks(["h", "w"], async (folder) => {
      const model = modelPath("mlp.onnx");
      const pair = ["compare", "a.safetensors", "b.safetensors"];
      const cases: [string[], string][] = [
        [[...pair, "--model", "spec.json"], "is a symmetry spec of weightspace"],
        [["compare", "spec.json", "a.safetensors"], "give it with --spec"],
        [[...pair, "--spec", model], "is an ONNX model"],
        [[...pair, "--spec", "b.safetensors"], "is a safetensors file"],
      ];
      for (const [args, message] of cases) {
        const { code, stderr } = await weightspace(args, folder);
        expect(stderr).toContain(message);
        expect(code).toBe(1);
      }
      expect((await weightspace([...pair, "--spec", "spec.json"], folder)).code).toBe(12);
    }));
});

test("a checkpoint of 200 shards is compared with 64 file handles, and a changed shard is told", () =>
  inTemporaryFolder(async (folder) => {
    const names = Array.from({ length: 200 }, (_, i) => `t${i}`);
    for (const name of names) {
      const tensor = { shape: [1], data: Float32Array.of(1) };
      await writeFile(join(folder, `${name}.safetensors`), writeSafetensors({ [name]: tensor }));
    }
    const map = Object.fromEntries(names.map((name) => [name, `${name}.safetensors`]));
    const index = join(folder, "m.safetensors.index.json");
    await writeFile(index, JSON.stringify({ weight_map: map }));
    const bin = fileURLToPath(new URL("../../bin/weightspace.js", import.meta.url));
    const run = (script: string, ...files: readonly string[]) =>
      execFileSync(
        "sh",
        ["-c", `ulimit -n 64; exec "$0" ${script}`, process.execPath, bin, ...files],
        {
          encoding: "utf8",
          stdio: ["ignore", "pipe", "ignore"],
        },
      );
    expect(run('"$1" compare "$2" "$2"', index)).toMatch(/^identical/);
    // Modules are files too: a command that loads many of them at once fails as one that holds many open.
    const sameName = names.slice(0, 40).map((name) => join(folder, `copy-${name}.safetensors`));
    for (const path of sameName)
      await writeFile(path, writeSafetensors({ t: { shape: [2], data: Float32Array.of(1, 2) } }));
    expect(run('"$@"', "rank", ...sameName)).toMatch(/1\.0000/);
    // Handles are given back and taken again: a file that changed in between is not read as if it were the same.
    const sources = [];
    for (const name of names.slice(0, 40)) sources.push(await fileSource(join(folder, map[name])));
    expect((await sources[0].read(0, 8)).length).toBe(8);
    await writeFile(join(folder, map["t1"]), "x");
    await expect(sources[1].read(0, 1)).rejects.toThrow("it has changed since it was opened");
    for (const source of sources) await source.close();
  }));
