// Checks that folders of src/ import only from those above them, and where Node and the array engine may appear.

import { readFileSync } from "node:fs";
import { dirname, join, normalize, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { conclude, root, sourceFiles } from "./sources.js";

/** A folder may import from itself and from the folders before it. */
export const layers = [
  "core",
  "work",
  "symmetry",
  "formats",
  "remote",
  "runtime",
  "infer",
  "basis",
  "plan",
  "kernels",
  "engine",
  "trace",
  "layers",
  "populations",
  "models",
  "train",
  "datasets",
  "tasks",
  "zoo",
  "parts",
  "align",
  "adapters",
  "compare",
  "identity",
  "checkpoints",
  "transport",
  "optimizers",
  "report",
  "experiment",
  "plugins",
  "testing",
  "node",
  "exports",
  "cli",
];

/** Folders that may import from `node:`; everything else runs in a browser too. */
const nodeFolders = ["node", "cli"];

/** The text without its comments; strings stay, so that a quoted `//` is not taken for one. */
function withoutComments(text) {
  const pattern =
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(pattern, (_, string) => string ?? " ");
}

/** Everything a file imports: `{ specifier, typeOnly }`. */
export function importsOf(text) {
  const code = withoutComments(text);
  const statements =
    /(?:^|[;\n])\s*(import|export)\s+(type\s)?(?:[^;"'`]*?\sfrom\s*)?["']([^"']+)["']/g;
  const dynamic = /(?<!typeof\s)\bimport\s*\(\s*["']([^"']+)["']/g;
  const typeQuery = /\btypeof\s+import\s*\(\s*["']([^"']+)["']/g;
  return [
    ...[...code.matchAll(statements)].map((m) => ({ specifier: m[3], typeOnly: Boolean(m[2]) })),
    ...[...code.matchAll(dynamic)].map((m) => ({ specifier: m[1], typeOnly: false })),
    ...[...code.matchAll(typeQuery)].map((m) => ({ specifier: m[1], typeOnly: true })),
  ];
}

/** What is wrong with the imports of one file, as lines of text. */
export function layerProblems(path, text) {
  const [, folder, ...rest] = path.split("/");
  const layer = layers.indexOf(folder);
  if (rest.length === 0) {
    if (folder === "index.ts") return [];
    return [`${path}: only index.ts may lie directly in src/; move it into one of its folders`];
  }
  if (layer === -1) {
    return [`${path}: folder "${folder}" is not in the order; add it to scripts/check-layers.js`];
  }
  const problems = [];
  const mayUseNode = nodeFolders.includes(folder);
  for (const { specifier, typeOnly } of importsOf(text)) {
    if (specifier.startsWith(".")) {
      const target = normalize(join(dirname(path), specifier))
        .split(sep)
        .join("/");
      const [top, targetFolder, ...deeper] = target.split("/");
      if (top !== "src") problems.push(`${path}: imports ${specifier}, which lies outside src/`);
      else if (deeper.length === 0) problems.push(`${path}: imports the package's own index`);
      else if (layers.indexOf(targetFolder) > layer) {
        problems.push(
          `${path}: ${folder}/ may not import from ${targetFolder}/, which comes after it (${specifier})`,
        );
      }
    } else if (specifier.startsWith("node:") && !mayUseNode) {
      problems.push(`${path}: imports ${specifier}; only src/node and src/cli may`);
    } else if (specifier.startsWith("@jax-js/") && !typeOnly && layer < layers.indexOf("engine")) {
      problems.push(
        `${path}: imports values of ${specifier}; folders before engine/ hold no arrays`,
      );
    }
  }
  return problems;
}

/**
 * Circles of files that import one another, imports of types included: a line of text for each. `texts` maps paths to what
 * is in the files.
 */
export function circleProblems(texts) {
  const targets = new Map(
    Object.entries(texts).map(([path, text]) => [
      path,
      importsOf(text)
        .filter(({ specifier }) => specifier.startsWith("."))
        .map(({ specifier }) =>
          normalize(join(dirname(path), specifier))
            .split(sep)
            .join("/"),
        )
        .filter((target) => target in texts),
    ]),
  );
  /** Everything a file imports, directly or not. */
  const reachable = (from) => {
    const seen = new Set();
    const open = [...targets.get(from)];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      open.push(...targets.get(path));
    }
    return seen;
  };
  const reach = new Map([...targets.keys()].map((path) => [path, reachable(path)]));
  const told = new Set();
  return [...targets.keys()].flatMap((path) => {
    if (told.has(path) || !reach.get(path).has(path)) return [];
    const circle = [...reach.get(path)].filter((other) => reach.get(other).has(path));
    for (const other of circle) told.add(other);
    return [
      `a circle of imports, types included: ${circle.toSorted((a, b) => (a < b ? -1 : 1)).join(", ")}`,
    ];
  });
}

/** What is wrong with the imports of a file of the page: it uses what every page could use, and nothing of our own folders. */
export function pageProblems(path, text) {
  return importsOf(text).flatMap(({ specifier }) => {
    if (specifier.startsWith("node:"))
      return [`${path}: imports ${specifier}, but a page runs in a browser`];
    if (!specifier.startsWith(".")) return [];
    const target = normalize(join(dirname(path), specifier))
      .split(sep)
      .join("/");
    const isOwn = target.startsWith("page/") || /^test\/fixtures\/models\/.*\?url/.test(target);
    return isOwn
      ? []
      : [`${path}: imports ${target}, expected a public export, as in "weightspace/infer"`];
  });
}

const textsOf = (paths) =>
  Object.fromEntries(paths.map((path) => [path, readFileSync(join(root, path), "utf8")]));

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const files = sourceFiles("src");
  const texts = textsOf(files);
  const pages = textsOf(sourceFiles("page/src"));
  const problems = [
    ...Object.entries(pages).flatMap(([path, text]) => pageProblems(path, text)),
    ...circleProblems(pages),
    ...Object.entries(texts).flatMap(([path, text]) => layerProblems(path, text)),
    ...circleProblems(texts),
  ];
  conclude("check-layers", files.length + Object.keys(pages).length, problems);
}
