// The models that onnx tests its backends with: reads each, infers its axes and proves them where there are any.
//
//     node scripts/onnx-testdata.js [--folder DIR] [--write docs/results/onnx-testdata.md]
//
// Two sources: Debian's package libonnx-testdata (through apt-get download, where apt has it), and the node and light tests of
// the Python package onnx, which writes them itself (pip in a virtual environment). --folder keeps both and is used again.
// Ends with 1 when a process crashes, a model of the operator sets 1 to 6 is not read, or an axis is refuted.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { judgeAll } from "./support/judge-models.js";
import { machine, markdownTable, writeResult } from "./support/result-table.js";

/** The last version whose tests go no further than operator set 24. */
const onnxPackage = "onnx==1.19.1";
const debianPackage = "libonnx-testdata";
const run = (program, args, cwd) => execFileSync(program, args, { cwd, stdio: "pipe" });

/** Debian's models, unpacked; undefined where apt does not have the package. */
function debianModels(folder) {
  const target = join(folder, "debian");
  const models = join(target, "usr/share", debianPackage);
  if (existsSync(target)) return models;
  const parcel = mkdtempSync(join(folder, "parcel-"));
  try {
    run("apt-get", ["download", debianPackage], parcel);
    const [file] = readdirSync(parcel).filter((name) => name.endsWith(".deb"));
    run("dpkg-deb", ["-x", join(parcel, file), target]);
    return models;
  } catch (error) {
    console.error(`${debianPackage} is left out: ${String(error.stderr ?? error).trim()}`);
    return undefined;
  } finally {
    rmSync(parcel, { recursive: true, force: true });
  }
}

/** Writes the node tests and copies the models that lie in the package. */
const writeTests = `
import os, shutil, sys
import onnx
from onnx.backend.test.case.node import collect_testcases
for case in collect_testcases(None):
    if case.model is not None:
        folder = os.path.join(sys.argv[1], "node", case.name)
        os.makedirs(folder, exist_ok=True)
        onnx.save(case.model, os.path.join(folder, "model.onnx"))
data = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data")
shutil.copytree(data, sys.argv[1], dirs_exist_ok=True)
`;

/** The node tests that the Python package writes, and the light models in it. */
function pythonModels(folder) {
  const target = join(folder, "python");
  if (existsSync(target)) return target;
  const venv = join(folder, "venv");
  if (!existsSync(venv)) run("python3", ["-m", "venv", venv]);
  run(join(venv, "bin/python"), ["-m", "pip", "install", "--quiet", onnxPackage]);
  run(join(venv, "bin/python"), ["-c", writeTests, target]);
  return target;
}

const modelsIn = (folder) =>
  [...new Set(readdirSync(folder, { recursive: true }).map(String))]
    .filter((path) => path.endsWith(".onnx"))
    .map((path) => join(folder, path))
    .sort();

/** Sets in groups that people ask about. */
const groups = [
  ["1 to 6", 1, 6],
  ["7 to 12", 7, 12],
  ["13 to 17", 13, 17],
  ["18 and later", 18, 99],
];

const isRefused = (row, step) => row.outcome === "refused" && row.step === step;
const hasNoWeights = (row) =>
  isRefused(row, "inference") && row.problem.includes("reads no stored float tensors");

const counts = (rows) => {
  const count = (keep) => rows.filter(keep).length;
  const ended = (outcome) => count((row) => row.outcome === outcome);
  return {
    models: rows.length,
    read: count(({ read }) => read),
    none: ended("no axis"),
    noWeights: count(hasNoWeights),
    notInferred: count((row) => isRefused(row, "inference") && !hasNoWeights(row)),
    proved: ended("proved"),
    nothing: ended("nothing to prove"),
    notRun: count((row) => isRefused(row, "proof")),
    refuted: ended("refuted"),
    crashed: ended("crashed"),
  };
};

const number = (name) => (row) => row[name];
const columns = [
  ["source", ({ source }) => source],
  ["operator sets", ({ sets }) => sets],
  ["models", number("models"), "right"],
  ["read", number("read"), "right"],
  ["no stored float tensors", number("noWeights"), "right"],
  ["refused by inference", number("notInferred"), "right"],
  ["no free axis", number("none"), "right"],
  ["proved", number("proved"), "right"],
  ["outputs are 0 or no floats", number("nothing"), "right"],
  ["not run by onnxruntime-web", number("notRun"), "right"],
  ["refuted", number("refuted"), "right"],
  ["crashed", number("crashed"), "right"],
];

/** Reasons with how often each was given, most frequent first, names in quotes left out. */
function reasons(rows) {
  const found = new Map();
  for (const { problem } of rows) {
    const text = problem
      .replaceAll(/"[^"]*"/g, '"..."')
      .replaceAll(/\d+/g, "N")
      .slice(0, 160);
    found.set(text, (found.get(text) ?? 0) + 1);
  }
  return [...found].toSorted((a, b) => b[1] - a[1]).map(([text, count]) => `- ${count} x ${text}`);
}

const { values } = parseArgs({
  options: { folder: { type: "string" }, write: { type: "string" } },
});
const folder = values.folder ?? mkdtempSync(join(tmpdir(), "onnx-testdata-"));
mkdirSync(folder, { recursive: true });
const table = [];
const all = [];
try {
  const sources = [
    [debianPackage, debianModels(folder)],
    [onnxPackage, pythonModels(folder)],
  ].filter(([, where]) => where !== undefined);
  for (const [source, where] of sources) {
    const results = await judgeAll(modelsIn(where));
    all.push(...results);
    for (const [sets, from, to] of groups) {
      const rows = results.filter(({ opset }) => opset >= from && opset <= to);
      if (rows.length > 0) table.push({ source, sets, ...counts(rows) });
    }
    const unread = results.filter(({ opset }) => opset === undefined);
    if (unread.length > 0) table.push({ source, sets: "not read", ...counts(unread) });
  }
} finally {
  if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
}
const bad = all.filter(({ outcome }) => outcome === "crashed" || outcome === "refuted");
for (const { path, outcome, problem = "" } of bad) console.error(`${outcome}: ${path} ${problem}`);
const unread = all.filter(({ read }) => !read);
for (const { path, problem } of unread) console.error(`not read: ${path}: ${problem}`);
const text = markdownTable(columns, table);
console.log(text);
if (values.write !== undefined)
  writeResult(values.write, {
    title: "The models that onnx tests its backends with",
    command: "node scripts/onnx-testdata.js --write docs/results/onnx-testdata.md",
    notes: [
      `${all.length} models, each read, its axes inferred, and proved where there is one (seed 0). Run on ${machine()}. Most node tests are one operation without a stored tensor.`,
    ],
    table: [
      text,
      "## Why models were not read",
      reasons(unread).join("\n") || "All were read.",
      "## Why inference refused",
      reasons(all.filter((row) => isRefused(row, "inference") && !hasNoWeights(row))).join("\n") ||
        "It refused none with weights.",
      "## Why axes were not proved",
      reasons(all.filter(({ step }) => step === "proof")).join("\n") || "All were proved.",
    ].join("\n\n"),
  });
process.exitCode = bad.length === 0 ? 0 : 1;
