// Habits that all commands share: one spelling of the output, nothing replaced unasked, `-`, suggestions, colour, errors.

import { spawn } from "node:child_process";
import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { isColored, paint } from "../../src/cli/app/color.ts";
import { context } from "../../src/cli/app/context.ts";
import { messageOf } from "../../src/cli/app/output.ts";
import { commands } from "../../src/cli/commands/index.ts";
import { checkNode, runChecks } from "../../src/cli/doctor/checks.ts";
import { FormatError } from "../../src/core/errors.ts";
import { withoutFunctionNames } from "../../src/core/plain-message.ts";
import { readSafetensors } from "../../src/formats/safetensors/safetensors.ts";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";
import { modelPath } from "../support/networks.ts";

const bin = fileURLToPath(new URL("../../bin/weightspace.js", import.meta.url));

/** Runs a command with bytes on standard input; standard output as bytes. */
function piped(args: readonly string[], cwd: string, input: Uint8Array) {
  return new Promise<{ code: number | null; stdout: Buffer; stderr: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...args], { cwd });
    const pieces: Buffer[] = [];
    let stderr = "";
    child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout: Buffer.concat(pieces), stderr }));
    child.stdin.on("error", () => undefined); // a command that does not read ends first
    child.stdin.end(input);
  });
}

/** All commands, nested ones too, by their whole names. */
function allCommands(): Map<string, Command> {
  const root = new Command("weightspace").option("--json", "results as JSON");
  for (const register of commands) register(root, context(root, new AbortController().signal));
  const found = new Map<string, Command>();
  const visit = (command: Command, before: string) => {
    for (const child of command.commands) {
      found.set(`${before}${child.name()}`, child);
      visit(child, `${before}${child.name()} `);
    }
  };
  visit(root, "");
  return found;
}

describe("options have one spelling", () => {
  const longs = (command: Command) => command.options.map(({ long }) => long);

  test("every command that writes takes -o, --output, and its earlier spelling unseen", () => {
    const writing = [...allCommands()].filter(([, command]) =>
      longs(command).some((long) => long === "--output" || long === "--out"),
    );
    expect(writing.map(([name]) => name)).toEqual([
      "demo",
      "embed",
      "convert",
      "align",
      "merge",
      "canonical",
      "fingerprint",
      "sketch",
      "zoo build",
      "zoo merge",
      "zoo import",
      "zoo differ",
      "transport demo",
      "train",
      "experiment generalization",
      "experiment learning-curve",
      "experiment inr",
      "experiment inr-editing",
      "experiment inr-retrieval",
      "optimizer demo",
      "optimizer train",
      "optimizer evaluate",
      "report",
    ]);
    for (const [name, command] of writing) {
      const output = command.options.find(({ long }) => long === "--output");
      expect([name, output?.short]).toEqual([name, "-o"]);
      const earlier = command.options.find(({ long }) => long === "--out");
      expect([name, earlier?.hidden]).toEqual([name, true]);
      expect(command.helpInformation()).not.toMatch(/--out\b(?!put)/);
    }
  });

  test("--model is a graph wherever the help shows it", () => {
    for (const [name, command] of allCommands()) {
      const model = command.options.find(({ long, hidden }) => long === "--model" && !hidden);
      if (model !== undefined) expect([name, model.flags]).toEqual([name, "--model <file.onnx>"]);
    }
    const train = allCommands().get("train");
    expect(train?.options.find(({ long }) => long === "--model")?.hidden).toBe(true);
    expect(longs(train!)).toContain("--functional");
  });

  test("commands that write single files have --force; train resumes instead", () => {
    const forced = [...allCommands()].filter(([, command]) => longs(command).includes("--force"));
    expect(forced.map(([name]) => name).toSorted()).toEqual(
      [
        "embed",
        "compare",
        "convert",
        "align",
        "merge",
        "canonical",
        "fingerprint",
        "sketch",
        "demo",
        "experiment generalization",
        "experiment inr",
        "experiment inr-editing",
        "experiment inr-retrieval",
        "experiment learning-curve",
        "optimizer evaluate",
        "report",
      ].toSorted(),
    );
  });
});

const weightsPath = fileURLToPath(
  new URL("../../docs/guide/files/mlp.safetensors", import.meta.url),
);

describe("files", () => {
  test("that exist are replaced with --force only; the earlier spelling --out writes too", () =>
    inTemporaryFolder(async (folder) => {
      await cp(modelPath("mlp.onnx"), join(folder, "a.onnx"));
      const out = join(folder, "o.safetensors");
      await writeFile(out, "mine");
      const run = (...more: string[]) => weightspace(["canonical", "a.onnx", ...more], folder);
      for (const spelling of ["-o", "--output", "--out"]) {
        const refused = await run(spelling, "o.safetensors");
        expect(refused).toMatchObject({ code: 2, stdout: "" });
        expect(refused.stderr).toBe(
          "error: canonical: o.safetensors exists; give --force to replace it, or choose another name\n",
        );
      }
      expect(await readFile(out, "utf8")).toBe("mine");
      expect((await run("--out", "o.safetensors", "--force")).code).toBe(0);
      expect(readSafetensors(await readFile(out)).tensors.size).toBeGreaterThan(0);
      for (const [command, ...args] of [
        ["align", "a.onnx", "a.onnx"],
        ["merge", "a.onnx", "a.onnx"],
      ])
        expect(await weightspace([command, ...args, "-o", "o.safetensors"], folder)).toMatchObject({
          code: 2,
          stderr: expect.stringContaining("exists; give --force"),
        });
      await writeFile(join(folder, "r.json"), "mine");
      for (const command of [
        ["demo", "--results", "r.json"],
        ["experiment", "generalization", "--zoo", "z", "--results", "r.json"],
        ["experiment", "generalization", "--zoo", "z", "--move-results", "r.json"],
        ["experiment", "learning-curve", "--zoo", "z", "--results", "r.json"],
        ["experiment", "inr", "--zoo", "z", "--results", "r.json"],
        ["optimizer", "evaluate", "--task", "digits-mlp", "-o", "r.json"],
        ["optimizer", "evaluate", "--task", "digits-mlp", "--report", "r.json"],
      ])
        expect([command, await weightspace(command, folder)]).toMatchObject([
          command,
          { code: 2, stderr: expect.stringContaining("r.json exists; give --force") },
        ]);
      expect(await readFile(join(folder, "r.json"), "utf8")).toBe("mine");
      for (const command of [
        ["compare", "a.onnx", "a.onnx", "--report", "page.txt"],
        ["compare", "a.onnx", "a.onnx", "a.onnx", "--report", "pagehtml"],
        ["optimizer", "evaluate", "--task", "digits-mlp", "--report", "page.html.json"],
      ]) {
        const { code, stderr } = await weightspace(command, folder);
        expect([code, stderr]).toEqual([2, expect.stringContaining("must end in .html")]);
        expect(await readdir(folder)).not.toContain(command.at(-1));
      }
      const page = ["compare", "a.onnx", "a.onnx", "--report", "page.HTM"];
      expect((await weightspace(page, folder)).code).toBe(0);
      expect(await readFile(join(folder, "page.HTM"), "utf8")).toMatch(/^<!doctype html>/i);
      await writeFile(join(folder, "a.sketch.json"), "mine");
      expect((await weightspace(["sketch", "a.onnx"], folder)).code).toBe(2);
      expect(await readFile(join(folder, "a.sketch.json"), "utf8")).toBe("mine");
    }));

  test("come from standard input and go to standard output as -", () =>
    inTemporaryFolder(async (folder) => {
      const model = await readFile(modelPath("mlp.onnx"));
      await writeFile(join(folder, "a.onnx"), model);
      const spec = await piped(["symmetries", "-", "--json"], folder, model);
      const told = await weightspace(["symmetries", "a.onnx", "--json"], folder);
      expect([spec.code, spec.stdout.toString()]).toEqual([0, told.stdout]);

      const canonical = await piped(["canonical", "a.onnx", "-o", "-"], folder, Buffer.of());
      await weightspace(["canonical", "a.onnx", "-o", "o.safetensors"], folder);
      expect(canonical.code).toBe(0);
      expect(canonical.stdout.equals(await readFile(join(folder, "o.safetensors")))).toBe(true);
      expect(canonical.stderr).toContain("wrote standard output");

      const args = ["compare", "o.safetensors", "o.safetensors", "--spec", "-", "--json"];
      const compared = await piped(args, folder, spec.stdout);
      expect(JSON.parse(compared.stdout.toString())).toMatchObject({ verdict: "identical" });
      expect(compared.stdout.toString()).toContain('"spec": "standard input"');
      const twice = await piped(["compare", "-", "-"], folder, model);
      expect(twice).toMatchObject({ code: 2 });
      expect(twice.stderr).toContain("standard input can be read once");
      const broken = await piped(["symmetries", "-"], folder, Buffer.from("not a model"));
      expect(broken.code).toBe(1);
      expect(broken.stderr).toMatch(/^error: standard input /);
    }));
});

describe("-o - is standard output", () => {
  const model = modelPath("mlp.onnx");
  test.each([
    ["align", weightsPath, "-", "--model", model],
    ["merge", "-", weightsPath, "--model", model],
    ["convert", "-", weightsPath],
    ["sketch", "-", "--model", model, "--size", "64"],
  ])("%s", (command, ...more) =>
    inTemporaryFolder(async (folder) => {
      const weights = await readFile(weightsPath);
      const written = `out.${command === "sketch" ? "sketch.json" : "safetensors"}`;
      const through = await piped([command, ...more, "-o", "-"], folder, weights);
      expect([through.code, through.stderr]).toEqual([
        0,
        expect.stringContaining("wrote standard output"),
      ]);
      await piped([command, ...more, "-o", written], folder, weights);
      expect(through.stdout.equals(await readFile(join(folder, written)))).toBe(true);
    }),
  );

  test("a sketch of standard input has no name of its own", () =>
    inTemporaryFolder(async (folder) => {
      const nameless = await piped(["sketch", "-"], folder, Buffer.of());
      expect([nameless.code, nameless.stderr]).toEqual([2, expect.stringContaining("-o -")]);
      expect(await readdir(folder)).toEqual([]);
    }));
});

describe("slips are answered with what was probably meant", () => {
  test.each([
    [["compere", "a", "b"], /Did you mean compare\?/],
    [["compare", "a", "b", "--modle", "m.onnx"], /Did you mean --model\?/],
    [["help", "compere"], /unknown command 'compere' \(Did you mean compare\?\)/],
    [["compere", "--help"], /unknown command 'compere' \(Did you mean compare\?\)/],
    [["help", "zoo", "biuld"], /unknown command 'biuld' \(Did you mean build\?\)/],
    [["zoo", "make"], /unknown command 'make'; zoo is followed by one of build, /],
    [["experiment", "--zoo", "z"], /unknown option '--zoo'; experiment is followed by one of/],
    [["train", "--zooo", "z"], /Did you mean --zoo\?/],
    [["canonical", "a", "--outptu", "z"], /Did you mean --output\?/],
    [["train", "--zoo", "z", "--metric", "kendal-tau"], /did you mean "kendall-tau"\?/],
    [
      ["train", "--zoo", "z", "--objective", "mean-square-error"],
      /did you mean "mean-squared-error"\?/,
    ],
    [["symmetries", weightsPath, "--family", "resnt"], /did you mean "resnet"\?/],
    [["train", "--zoo", "z", "--functional", "unff"], /did you mean "unf"\?/],
    [["train", "--zoo", "z", "--model", "stat-n"], /did you mean "stat-nn"\?/],
    [["demo", "--models", "unf,linaer"], /did you mean "linear"\?/],
    [["zoo", "build", "--recipe", "digit-mlp", "-o", "z"], /did you mean "digits-mlp"\?/],
    [
      ["experiment", "generalization", "--zoo", "z", "--models", "deepsets"],
      /did you mean "deep-sets"\?/,
    ],
  ])("%j", (args, expected) =>
    inTemporaryFolder(async (folder) => {
      const { code, stderr } = await weightspace(args, folder);
      expect([code, stderr]).toEqual([2, expect.stringMatching(expected)]);
    }),
  );

  test("what is needed is asked for where nothing is mistyped; help of a command has three spellings", () =>
    inTemporaryFolder(async (folder) => {
      const missing = await weightspace(["canonical", "a"], folder);
      expect(missing).toMatchObject({
        code: 2,
        stderr: "error: required option '-o, --output <file>' not specified\n",
      });
      const plain = await weightspace(["zoo", "build", "--help"], folder);
      expect(plain).toMatchObject({ code: 0, stdout: expect.stringContaining("--recipe") });
      for (const spelling of [
        ["help", "zoo", "build"],
        ["zoo", "help", "build"],
      ])
        expect(await weightspace(spelling, folder)).toEqual(plain);
    }));
});

describe("colour", () => {
  const terminal = { isTTY: true };
  const file = { isTTY: false };
  test.each([
    [terminal, {}, true],
    [file, {}, false],
    [terminal, { TERM: "dumb" }, false],
    [terminal, { NO_COLOR: "1" }, false],
    [terminal, { NO_COLOR: "" }, true],
    [file, { FORCE_COLOR: "1" }, true],
    [terminal, { FORCE_COLOR: "0" }, false],
    [terminal, { FORCE_COLOR: "1", NO_COLOR: "1" }, true],
  ])("on %j with %j: %s", (stream, environment, expected) => {
    expect(isColored(stream, environment)).toBe(expected);
  });

  test("marks the first words of lines alone", () => {
    expect(paint("error: an error: here\nidentical\nidentical rows")).toBe(
      "\u001b[31merror:\u001b[39m an error: here\n\u001b[32midentical\u001b[39m\nidentical rows",
    );
  });
});

describe("errors", () => {
  test.each([
    ["readOnnx: the file is empty", "the file is empty"],
    ["a.onnx: readOnnx: the file is empty", "a.onnx: the file is empty"],
    ["merge: give -o (inferSpecFromNames: no family)", "merge: give -o (no family)"],
    ["fit: the loss is not finite", "the loss is not finite"],
    ["compare: give two files", "compare: give two files"],
    ['tensor "myNet: x" is missing', 'tensor "myNet: x" is missing'],
    ["fooBar.onnx: it is empty", "fooBar.onnx: it is empty"],
  ])("%s", (message, shown) => {
    expect(withoutFunctionNames(message)).toBe(shown);
    expect(messageOf({ message })).toBe(shown);
  });

  test("name functions under --debug only; the library's own message has them", () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, "a.onnx"), "");
      const plain = await weightspace(["describe", "a.onnx"], folder);
      expect(plain.stderr).toMatch(/^error: a\.onnx is empty, expected /);
      const debug = await weightspace(["describe", "a.onnx", "--debug"], folder);
      expect(debug.stderr).toContain("openTensorSource: a.onnx is empty");
      expect(new FormatError("readOnnx: x").message).toBe("readOnnx: x");
    }));
});

describe("doctor", () => {
  test("tries every part and says which it tried", async () => {
    const checks = await runChecks();
    expect(checks.map(({ name }) => name)).toEqual([
      "Node",
      "relaxed SIMD",
      "threads",
      "onnxruntime-web",
      "array engine",
      "disk",
    ]);
    for (const { state, remedy } of checks) {
      expect(state).not.toBe("failed");
      if (state === "missing") expect(remedy).toBeDefined();
    }
    const proof = checks.find(({ name }) => name === "onnxruntime-web");
    expect(proof?.found).toContain("its symmetry proved");
  });

  test("refuses a Node that is too old", () => {
    expect(checkNode("20.18.3")).toMatchObject({ state: "failed" });
    expect(checkNode("20.19.0")).toMatchObject({ state: "ok" });
    expect(checkNode("24.0.0")).toMatchObject({ state: "ok" });
  });

  test("prints whether everything works, first", async () => {
    const { code, stdout } = await weightspace(["doctor", "--json"]);
    const [[key, ok]] = Object.entries(JSON.parse(stdout) as Record<string, unknown>);
    expect([code, key, ok]).toEqual([0, "ok", true]);
  });
});
