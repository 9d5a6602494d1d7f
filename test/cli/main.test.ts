// The command line from outside: help, exit codes, one clear line for every mistake.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";
import { sampleExperiment } from "../support/reports/sample-experiment.ts";

const sample = JSON.stringify(sampleExperiment());

/** Runs with an experiment at `experiment.json` in a folder of its own. */
const withSample = (args: readonly string[], text = sample) =>
  inTemporaryFolder(async (folder) => {
    await writeFile(join(folder, "experiment.json"), text);
    const finished = await weightspace(args, folder);
    return { ...finished, files: await readdir(folder) };
  });

test("help and version end well and print on standard output", async () => {
  const help = await weightspace(["--help"]);
  expect(help).toMatchObject({ code: 0, stderr: "" });
  expect(help.stdout).toContain("Usage: weightspace");
  expect(help.stdout).toContain("report");
  expect(help.stdout).toContain("Examples:");
  expect(await weightspace([])).toMatchObject({ code: 0, stdout: help.stdout });
  const version = await weightspace(["--version"]);
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect((await weightspace(["report", "--help"])).stdout).toContain("-o, --output <file>");
});

test.each([
  [["reprot"], "error: unknown command 'reprot' (Did you mean report?)"],
  [["--sede", "3"], "error: unknown option '--sede'"],
  [["report", "experiment.json", "--outptu", "x"], "(Did you mean --output?)"],
  [["report"], "error: missing required argument 'experiment.json'"],
  [["report", "experiment.json", "another.json"], "error: too many arguments for 'report'"],
  [["report", "experiment.json", "-o"], "argument missing"],
  [["zoo", "build", "--networks", "10000001", "-o", "zoo"], "a whole number, 1 to 10000000."],
  [["demo", "--networks", "9007199254740991", "-o", "zoo"], "a whole number, 20 to 10000000."],
  [["report", "experiment.json", "-o", "experiment.json"], "would replace its source"],
  [["report", "experiment.json", "-o", "./experiment.json"], "would replace its source"],
  [["demo", "--seed", "4294967296"], "a whole number, 0 to 4294967295."],
  [["train", "--zoo", "z", "--seed", "4294967296"], "a whole number, 0 to 4294967295."],
  [["zoo", "build", "-o", "z", "--seed", "4294967296"], "a whole number, 0 to 4294967295."],
  [["embed", "m.onnx", "--seed", "4294967296"], "a whole number, 0 to 4294967295."],
  [["embed", "m.onnx", "--size", "4097"], "a whole number, 1 to 4096."],
  [["embed", "m.onnx", "--channels", "4097"], "a whole number, 1 to 4096."],
  [["describe", "m.onnx", "--channels", "4097"], "a whole number, 1 to 4096."],
])("misuse exits 2 with one line: %j", async (args, message) => {
  const { code, stdout, stderr, files } = await withSample(args);
  expect(stderr).toContain(message);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(files).toEqual(["experiment.json"]);
});

test("report writes one complete page and nothing else", async () => {
  await inTemporaryFolder(async (folder) => {
    await writeFile(join(folder, "experiment.json"), sample);
    const args = ["report", "experiment.json", "-o", "pages/new/out.html"];
    const first = await weightspace(args, folder);
    expect(first).toEqual({ code: 0, stdout: "wrote pages/new/out.html\n", stderr: "" });
    expect(await readdir(join(folder, "pages/new"))).toEqual(["out.html"]);
    const page = await readFile(join(folder, "pages/new/out.html"), "utf8");
    expect(page).toMatch(/^<!doctype html>[\s\S]*<\/html>\s*$/);
    const again = await weightspace([...args, "--force", "--json"], folder);
    expect(JSON.parse(again.stdout)).toEqual({
      report: "pages/new/out.html",
      bytes: Buffer.byteLength(page),
      models: 6,
    });
  });
});

test("undefined numbers survive the way through JSON", async () => {
  const { rows, ...rest } = sampleExperiment();
  const single = rows.map((row) => ({ ...row, tauStd: Number.NaN, seeds: 1 }));
  const text = JSON.stringify({ ...rest, rows: single });
  expect(text).toContain(`"tauStd":null`);
  expect(await withSample(["report", "experiment.json"], text)).toMatchObject({
    code: 0,
    files: ["experiment.json", "report.html"],
  });
});

test.each([
  ["no JSON", "{ oops", "experiment.json is not valid JSON"],
  ["an empty file", "", "experiment.json is empty, expected a JSON file"],
  ["another JSON", `{"rows": []}`, "experiment.json is not an experiment result: title:"],
  [
    "a field of the wrong type",
    sample.replace(`"parameters":61425`, `"parameters":"many"`),
    "rows.0.parameters:",
  ],
])("bad input exits 1 with one line and writes nothing: %s", async (_, text, message) => {
  const finished = await withSample(["report", "experiment.json"], text);
  expect(finished.stderr).toContain(message);
  expect(finished.stderr.trim().split("\n")).toHaveLength(1);
  expect(finished).toMatchObject({ code: 1, stdout: "", files: ["experiment.json"] });
});

test.each([
  ["a missing source", ["report", "nope.json"], "cannot read nope.json: no such file or folder"],
  ["a folder as source", ["report", "."], "cannot read .: it is a folder"],
  [
    "an output below a file",
    ["report", "experiment.json", "-o", "experiment.json/out.html"],
    "cannot write experiment.json/out.html: part of the path is a file",
  ],
  ["a folder as output", ["report", "experiment.json", "-o", "."], "cannot write .: "],
])("files that cannot be used exit 1 with one line: %s", async (_, args, message) => {
  const finished = await withSample(args);
  expect(finished.stderr).toContain(message);
  expect(finished.stderr.trim().split("\n")).toHaveLength(1);
  expect(finished).toMatchObject({ code: 1, stdout: "", files: ["experiment.json"] });
});

test("--debug shows the stack of an error", async () => {
  const { code, stderr } = await weightspace(["report", "nope.json", "--debug"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/EnvironmentError: cannot read nope.json.*\n\s+at /);
});

/** Runs a line of shell in which $weightspace is the command. */
const shell = (line: string, folder: string) =>
  new Promise<{ code: number | null; stderr: string }>((resolve) => {
    const bin = fileURLToPath(new URL("../../bin/weightspace.js", import.meta.url));
    const env = { ...process.env, weightspace: `${process.execPath} ${bin}` };
    const child = spawn("sh", ["-c", line], { cwd: folder, env });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("close", (code) => resolve({ code, stderr }));
  });

test.runIf(existsSync("/dev/full"))(
  "a full standard output is one line and exit code 1",
  async () => {
    await inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, "experiment.json"), sample);
      const { code, stderr } = await shell(
        "$weightspace report experiment.json > /dev/full",
        folder,
      );
      expect(stderr).toBe(
        "error: cannot write standard output: the disk is full; free some space and run again\n",
      );
      expect(code).toBe(1);
    });
  },
);

test.skipIf(process.platform === "win32")("a closed standard error leaves no lock", async () => {
  await inTemporaryFolder(async (folder) => {
    const args = "zoo build --networks 6000 --workers 1 -o zoo";
    // The reader goes away before the first line of progress.
    const line = `{ $weightspace ${args} 2>&1 >/dev/null; echo $? > code; } | true; while [ ! -e code ]; do sleep 0.1; done`;
    await shell(line, folder);
    expect(await readFile(join(folder, "code"), "utf8")).toBe("1\n");
    expect(await readdir(join(folder, "zoo"))).not.toContain("zoo.lock");
  });
});
