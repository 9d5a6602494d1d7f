// Packs the package, installs it in empty projects as a stranger would, and uses it: the command, every subpath, and the
// types under both module resolutions. The types of the array engine need lib "esnext.float16". Needs the package
// registry. `npm run try:package`.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, copyFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./sources.js";
import { subpaths } from "./support/public-surface.js";

const place = mkdtempSync(join(tmpdir(), "weightspace-package-"));
let failures = 0;

function run(cwd, command, args) {
  const shell = process.platform === "win32";
  return spawnSync(command, args, { cwd, encoding: "utf8", shell });
}

/** Runs a command and says whether it ended as expected. */
function expectRun(what, { cwd, command, args, code = 0, prints }) {
  const { status, stdout, stderr } = run(cwd, command, args);
  const passed = status === code && (prints === undefined || prints.test(stdout + stderr));
  console.log(`${passed ? "ok    " : "FAILED"}  ${what}`);
  if (!passed) {
    failures++;
    console.log(`exit ${status}, expected ${code}\n${stdout}\n${stderr}`);
  }
}

/** An empty project with the packed package and others in it. */
function project(name, tarball, others) {
  const cwd = join(place, name);
  mkdirSync(cwd);
  writeFileSync(join(cwd, "package.json"), JSON.stringify({ name, private: true, type: "module" }));
  const install = ["install", tarball, ...others, "--no-audit", "--no-fund", "--prefer-offline"];
  expectRun(`${name}: npm install`, { cwd, command: "npm", args: install });
  for (const file of ["mlp.onnx", "cnn_flatten.onnx"])
    copyFileSync(join(root, "test/fixtures/models", file), join(cwd, file));
  return cwd;
}

function tryCommands(cwd, name, hasRuntime) {
  const npx = (args, rest) => ({
    cwd,
    command: "npx",
    args: ["--no-install", "weightspace", ...args],
    ...rest,
  });
  expectRun(
    `${name}: compare a file with itself`,
    npx(["compare", "mlp.onnx", "mlp.onnx"], { prints: /^identical/m }),
  );
  expectRun(
    `${name}: compare two networks`,
    npx(["compare", "mlp.onnx", "cnn_flatten.onnx"], { code: 12 }),
  );
  expectRun(`${name}: symmetries`, npx(["symmetries", "mlp.onnx"], { prints: /S_11/ }));
  expectRun(
    `${name}: symmetries --verify`,
    npx(
      ["symmetries", "mlp.onnx", "--verify"],
      hasRuntime ? { prints: /^proved/m } : { code: 1, prints: /onnxruntime-web/ },
    ),
  );
}

/** Imports every subpath, at run time and in types. */
function trySubpaths(cwd, name) {
  const names = subpaths().map(({ subpath }) => subpath);
  const imports = names.map((path, i) => `import * as m${i} from "${path}";`).join("\n");
  const uses = `console.log([${names.map((_, i) => `Object.keys(m${i}).length`).join(", ")}].every((n) => n > 0));`;
  writeFileSync(join(cwd, "all.js"), `${imports}\n${uses}\n`);
  expectRun(`${name}: every subpath loads`, {
    cwd,
    command: "node",
    args: ["all.js"],
    prints: /^true/,
  });
  writeFileSync(join(cwd, "all.ts"), `${imports}\n${uses}\n`);
  for (const [module, moduleResolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ]) {
    const compilerOptions = {
      module,
      moduleResolution,
      target: "es2023",
      lib: ["es2024", "esnext.float16", "dom", "dom.iterable"],
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      types: ["node"],
    };
    const config = `tsconfig.${moduleResolution}.json`;
    writeFileSync(join(cwd, config), JSON.stringify({ compilerOptions, files: ["all.ts"] }));
    expectRun(`${name}: types under ${moduleResolution}`, {
      cwd,
      command: "npx",
      args: ["--no-install", "tsc", "-p", config],
    });
  }
}

try {
  const pack = run(root, "npm", [
    "pack",
    "--json",
    "--ignore-scripts",
    "--pack-destination",
    place,
  ]);
  if (pack.status !== 0) throw new Error(`npm pack failed: ${pack.stderr}`);
  const [{ filename, files, size }] = JSON.parse(pack.stdout);
  console.log(`${filename}: ${files.length} files, ${(size / 1e6).toFixed(2)} MB`);
  const stray = files
    .map(({ path }) => path)
    .filter((path) => /\.map$|tsbuildinfo|^dist\/bundles|^page\/|^docs\/images\/page/.test(path));
  for (const path of [
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "docs/README.md",
    "bin/weightspace.js",
  ])
    if (!files.some((file) => file.path === path)) stray.push(`${path} is missing`);
  if (stray.length > 0) failures++;
  console.log(
    `${stray.length === 0 ? "ok    " : "FAILED"}  contents ${stray.slice(0, 5).join(", ")}`,
  );
  const tarball = join(place, filename);
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const pinned = (name) => `${name}@${devDependencies[name]}`;
  tryCommands(project("without-runtime", tarball, []), "without-runtime", false);
  const full = project(
    "with-runtime",
    tarball,
    ["onnxruntime-web", "typescript", "@types/node"].map(pinned),
  );
  tryCommands(full, "with-runtime", true);
  trySubpaths(full, "with-runtime");
} finally {
  rmSync(place, { recursive: true, force: true });
}
console.log(failures === 0 ? "package: all steps passed" : `package: ${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;
