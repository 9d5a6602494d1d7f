// Reads the public surface of the package from its compiled declarations: every subpath with the names it exports, their
// declarations and their doc comments. `npm run build` writes what this reads.

import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { root } from "../sources.js";

const declared = String.raw`export (?:declare )?(?:abstract )?(?:async )?(?:class|interface|type|const|let|function\*?|enum)`;

const read = (file) => readFileSync(join(root, file), "utf8").replaceAll("\r\n", "\n");

const withoutComments = (text) =>
  text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/\/\/[^\n]*/g, "");

const declarationsFile = (from, specifier) =>
  normalize(join(dirname(from), specifier))
    .replaceAll("\\", "/")
    .replace(/\.(ts|js)$/, ".d.ts");

/** The subpaths of package.json with their declaration files: `{ subpath: "weightspace/zoo", file }`. */
export function subpaths() {
  const { name, exports } = JSON.parse(read("package.json"));
  return Object.entries(exports)
    .filter(([, target]) => typeof target === "object")
    .map(([key, { types }]) => ({
      subpath: key === "." ? name : `${name}${key.slice(1)}`,
      file: types.replace(/^\.\//, ""),
    }));
}

/** Names that a declaration file exports, with the file and the name they are declared under. */
function exportsOf(file) {
  const text = withoutComments(read(file));
  const found = [];
  for (const [, list, specifier] of text.matchAll(/export (?:type )?\{([^}]*)\} from "([^"]+)"/g)) {
    for (const entry of list.split(",")) {
      const [, source, name = source] = /^\s*(?:type )?(\w+)(?: as (\w+))?\s*$/.exec(entry) ?? [];
      if (source !== undefined)
        found.push(resolve({ name, source, file: declarationsFile(file, specifier) }));
    }
  }
  for (const [, specifier] of text.matchAll(/export \* from "([^"]+)"/g))
    found.push(...exportsOf(declarationsFile(file, specifier)));
  for (const [, name] of text.matchAll(new RegExp(`^${declared} (\\w+)`, "gm")))
    found.push({ name, source: name, file });
  return found;
}

/** Follows a name through files that only pass it on. */
function resolve(entry) {
  const text = withoutComments(read(entry.file));
  if (new RegExp(`^${declared} ${entry.source}\\b`, "m").test(text)) return entry;
  const passed = exportsOf(entry.file).find(({ name }) => name === entry.source);
  return passed === undefined ? entry : { ...passed, name: entry.name };
}

/** The declaration of a name, comments inside it included, and the comment before it. */
function declarationOf({ file, source }) {
  const text = read(file);
  const start = new RegExp(
    String.raw`(/\*\*(?:(?!\*/)[\s\S])*\*/\n)?^${declared} ${source}\b`,
    "m",
  ).exec(text);
  if (start === null) return { doc: "", declaration: "" };
  const rest = text.slice(start.index + (start[1]?.length ?? 0));
  const end = /\n(?=(?:\/\*\*|export |declare |interface |type |import |\/\/# ))/.exec(rest);
  const doc = (start[1] ?? "")
    .replaceAll(/^\/\*\*\s?|\s*\*\/\n$/g, "")
    .replaceAll(/^ \* ?/gm, "")
    .trim();
  return { doc, declaration: rest.slice(0, end?.index ?? rest.length).trim() };
}

/** Every export of every subpath: `{ subpath, name, file, source, isType, doc, declaration }`. */
export function publicSurface() {
  return subpaths().flatMap(({ subpath, file }) =>
    exportsOf(file).map((entry) => {
      const { doc, declaration } = declarationOf(entry);
      const isType = /^export (?:declare )?(?:interface|type) /.test(declaration);
      return { subpath, ...entry, isType, doc, declaration };
    }),
  );
}

/** Types of the project that public declarations name and no subpath exports: `{ type, file, user }`. */
export function missingTypes(surface = publicSurface()) {
  const known = new Set(surface.map(({ file, source }) => `${file}#${source}`));
  const missing = new Map();
  for (const { name, file, source, declaration } of surface) {
    const text = withoutComments(read(file));
    const inScope = new Map();
    for (const [, type] of text.matchAll(/^export (?:declare )?(?:interface|type|class) (\w+)/gm))
      inScope.set(type, `${file}#${type}`);
    for (const [, list, from] of text.matchAll(/import (?:type )?\{([^}]*)\} from "(\.[^"]+)"/g)) {
      for (const entry of list.split(",")) {
        const [, type, local = type] = /^\s*(?:type )?(\w+)(?: as (\w+))?\s*$/.exec(entry) ?? [];
        if (type !== undefined) inScope.set(local, `${declarationsFile(file, from)}#${type}`);
      }
    }
    const words = new Set(withoutComments(declaration).match(/\b[A-Z]\w*\b/g) ?? []);
    for (const [type, key] of inScope) {
      if (type === source || !words.has(type) || known.has(key)) continue;
      if (!missing.has(key)) missing.set(key, { type, file: key.split("#")[0], user: name });
    }
  }
  return [...missing.values()];
}
