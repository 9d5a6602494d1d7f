// Counts how often commands open and read each of their input files, and prints a table: `npm run count:reads`.
// `node scripts/count-reads.js path/to/other/bin/weightspace.js` counts for another version.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./sources.js";

const preload = join(root, "scripts", "count-opens.cjs");
const fixtures = join(root, "test", "fixtures");

/** Input files by the name that commands are given. */
const inputs = {
  "a.onnx": "models/cnn_flatten.onnx",
  "b.onnx": "models/cnn_flatten.onnx",
  "a.safetensors": "checkpoints/gqa-ckpt-a.safetensors",
  "b.safetensors": "checkpoints/gqa-ckpt-b.safetensors",
  "m.onnx": "checkpoints/gqa-unfolded.onnx",
  "a.pth": "checkpoints/best-acc-tensor-a.pth",
  "b.pth": "checkpoints/best-acc-tensor-b.pth",
  "v.safetensors": "rank/vocab-base.safetensors",
  "config.json": "rank/config.json",
};

const byNames = ["--family", "mlp", "--activation", "relu"];

/** What tells the symmetries of two files of a kind; and a single file for commands that take no graph beside it. */
const kinds = {
  onnx: { told: [], single: ["a.onnx"] },
  safetensors: {
    told: ["--model", "m.onnx"],
    single: ["v.safetensors", "--config", "config.json"],
  },
  pth: { told: byNames, single: ["a.pth", ...byNames] },
};

/** Command lines on two files of one kind; `out` is what a command writes. */
function commandsOf(kind, { told, single }) {
  const [a, b, out] = [`a.${kind}`, `b.${kind}`, kind === "onnx" ? "out.onnx" : "out.safetensors"];
  return [
    ["compare", a, b, ...told],
    ["canonical", a, ...told, "-o", out],
    ["align", a, b, ...told, "-o", out],
    ["merge", a, b, ...told, "-o", out],
    ["fingerprint", a, b, ...told],
    ["rank", a, b, ...told],
    ["sketch", a, ...told, "-o", "out.sketch.json"],
    ["describe", ...single],
    ["embed", ...single],
    ["symmetries", ...single, ...(kind === "onnx" ? ["--verify"] : [])],
  ];
}

export const commands = Object.entries(kinds).flatMap(([kind, how]) => commandsOf(kind, how));

/** A folder with the input files. Remove it afterwards. */
export function inputFolder() {
  const folder = mkdtempSync(join(tmpdir(), "weightspace-reads-"));
  for (const [name, fixture] of Object.entries(inputs))
    cpSync(join(fixtures, fixture), join(folder, name));
  return folder;
}

/**
 * Runs one command in the folder: its exit code, and for each input file it names how often it was opened, read whole in
 * one piece, and read in all, in lengths of the file.
 */
export function countReads(bin, folder, args) {
  const counts = join(folder, "counts.json");
  for (const out of ["out.onnx", "out.safetensors", "out.sketch.json", "counts.json"])
    rmSync(join(folder, out), { force: true });
  const { status, stderr } = spawnSync(process.execPath, ["--require", preload, bin, ...args], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, COUNT_OPENS_TO: counts },
  });
  const found = existsSync(counts) ? JSON.parse(readFileSync(counts, "utf8")) : {};
  const files = args
    .filter((arg, i) => Object.hasOwn(inputs, arg) && args[i - 1] !== "-o")
    .map((name) => {
      const path = join(folder, name);
      const { opens = 0, wholeReads = 0, bytes = 0 } = found[path] ?? {};
      return { name, opens, wholeReads, lengths: bytes / statSync(path).size };
    });
  return { status, stderr, files };
}

function print(bin) {
  const folder = inputFolder();
  try {
    console.log("opened / read whole in one piece / bytes read in lengths of the file\n");
    for (const args of commands) {
      const { status, files, stderr } = countReads(bin, folder, args);
      const counts = files.map(
        ({ name, opens, wholeReads, lengths }) =>
          `${name} ${opens} / ${wholeReads} / ${lengths.toFixed(1)}`,
      );
      const failed = files.every(({ opens }) => opens === 0) ? `  ${stderr.trim()}` : "";
      console.log(`${args.join(" ")}: exit ${status}\n    ${counts.join(",  ")}${failed}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  print(resolve(process.argv[2] ?? join(root, "bin", "weightspace.js")));
