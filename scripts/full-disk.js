// Shows what commands do when the disk fills while they write: one clear error, the old file as it was, nothing left beside it.
//
//     npm run build && node scripts/full-disk.js
//
// Needs Linux and the right to mount: every command writes into a file system of its own in memory, of one megabyte, in which
// a few pages are left. Ends with 1 unless all do as they should.

import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./sources.js";

const bin = join(root, "bin/weightspace.js");
const at = (name) => join(root, "test/fixtures", name);
/** Bytes that are left. */
const room = 4096;

const weightspace = (args, cwd) =>
  spawnSync(process.execPath, [bin, ...args], { cwd, encoding: "utf8" });

/** Fills a file system but for a few bytes. */
function fill(folder) {
  const path = join(folder, "filler");
  const file = openSync(path, "w");
  const page = Buffer.alloc(room, 7);
  try {
    for (;;) writeSync(file, page);
  } catch (error) {
    if (error.code !== "ENOSPC") throw error;
  }
  closeSync(file);
  truncateSync(path, statSync(path).size - room);
}

/** Every file below a folder with its bytes. */
const contents = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "filler")
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => `${path} ${readFileSync(path).toString("base64")}`)
    .sort();

/** What went wrong with one command; nothing where all is well. */
function problemsOf(name, args, { old, again = false }, disk) {
  mkdirSync(disk, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]);
  try {
    if (old !== undefined) writeFileSync(join(disk, old), "the old file");
    fill(disk);
    const before = contents(disk);
    const { status, stderr } = weightspace(args, disk);
    const errors = stderr.split("\n").filter((line) => line.startsWith("error: "));
    const problems = [];
    if (status !== 1) problems.push(`exit code ${status}`);
    if (errors.length !== 1 || !errors[0].includes("the disk is full"))
      problems.push(`says: ${stderr.trim()}`);
    if (!again && contents(disk).join() !== before.join())
      problems.push(`left: ${readdirSync(disk).join(", ")}`);
    if (again) {
      rmSync(join(disk, "filler"));
      const second = weightspace(args, disk);
      if (second.status !== 0) problems.push(`does not go on: ${second.stderr.trim()}`);
    }
    console.log(`${problems.length === 0 ? "ok    " : "FAILED"}  ${name}: ${errors[0] ?? ""}`);
    for (const problem of problems) console.log(`        ${problem}`);
    return problems;
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
}

const folder = mkdtempSync(join(tmpdir(), "full-disk-"));
try {
  const zoo = join(folder, "zoo");
  const build = ["zoo", "build", "--networks", "16", "--shard-size", "8", "-o"];
  execFileSync(process.execPath, [bin, ...build, zoo], { stdio: "ignore" });
  const [split, fused] = [at("names/phi3-split.safetensors"), at("names/phi3-fused.safetensors")];
  const [a, b] = [at("held/cisco9-a.safetensors"), at("held/cisco9-finetuned.safetensors")];
  const heads = ["--heads", "4", "--key-value-heads", "2"];
  const file = { old: "out.safetensors" };
  const into = ["--force", "-o", "out.safetensors"];
  const train = ["train", "--zoo", zoo, "--functional", "deep-sets", "--epochs", "1"];
  const commands = [
    ["convert", ["convert", split, fused, ...into], file],
    ["merge", ["merge", "--no-align", a, b, ...into], file],
    ["align", ["align", a, b, ...heads, ...into], file],
    ["canonical", ["canonical", a, ...heads, ...into], file],
    [
      "sketch",
      ["sketch", a, ...heads, "--force", "-o", "out.sketch.json"],
      { old: "out.sketch.json" },
    ],
    ["train", [...train, "-o", "out.safetensors"], {}],
    ["zoo build", [...build, "zoo"], { again: true }],
  ];
  let count = 0;
  for (const [name, args, options] of commands)
    count += problemsOf(name, args, options, join(folder, `disk-${name.replace(" ", "-")}`)).length;
  process.exitCode = count === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
