// The house checks see what they are meant to see: each rule has a file that breaks it.

import { expect, test } from "vitest";

interface Layers {
  pageProblems(path: string, text: string): string[];
  layerProblems(path: string, text: string): string[];
  importsOf(text: string): { specifier: string; typeOnly: boolean }[];
}
interface Sizes {
  sizeProblems(path: string, text: string): string[];
  folderProblems(paths: readonly string[]): string[];
  functionProblems(found: Record<string, readonly number[]>): string[];
  longFunctions(limit: number): Record<string, readonly number[]>;
}

interface MarkdownLines {
  sentencesOf(text: string): string[];
  breakAtSentences(page: string): string;
}

const load = async (name: string): Promise<unknown> =>
  import(new URL(`../../scripts/${name}`, import.meta.url).href);
const layers = (await load("check-layers.js")) as Layers;
const sizes = (await load("check-size.js")) as Sizes;
const markdown = (await load("markdown-lines.js")) as MarkdownLines;

test("a folder may import from itself and from those above it", () => {
  const text = `import { a } from "./a.ts";\nimport { b } from "../core/b.ts";\n`;
  expect(layers.layerProblems("src/symmetry/x.ts", text)).toEqual([]);
});

test("the page imports public names, its own files and example models, and nothing else", () => {
  const problems = (text: string) => layers.pageProblems("page/src/file/x.ts", text);
  for (const text of [
    `import { inferSpec } from "weightspace/infer";`,
    `import { serve } from "../work/serve.ts";`,
    `import url from "../../../test/fixtures/models/mlp.onnx?url&no-inline";`,
  ])
    expect(problems(text)).toEqual([]);
  for (const text of [
    `import { inferSpec } from "../../../src/infer/infer.ts";`,
    `import { inferSpec } from "../../../dist/infer/infer.js";`,
    `import { readFileSync } from "node:fs";`,
    `const a = await import("../../../src/infer/infer.ts");`,
  ])
    expect(problems(text)).toHaveLength(1);
});

test("a folder may not import from those below it, types included", () => {
  for (const text of [
    `import { a } from "../plan/a.ts";`,
    `import type { A } from "../plan/a.ts";`,
    `export * from "../plan/a.ts";`,
    `import {\n  a,\n  b,\n} from "../plan/a.ts";`,
    `const a = await import("../plan/a.ts");`,
    `import "../plan/a.ts";`,
  ]) {
    const problems = layers.layerProblems("src/symmetry/x.ts", text);
    expect(problems, text).toHaveLength(1);
    expect(problems[0]).toContain("symmetry/ may not import from plan/");
  }
});

test("Node is for the command line, array values are for the engine and what follows", () => {
  const node = `import { readFileSync } from "node:fs";`;
  expect(layers.layerProblems("src/node/files.ts", node)).toEqual([]);
  expect(layers.layerProblems("src/train/fit.ts", node)).toHaveLength(1);
  const arrays = `import { numpy as np } from "@jax-js/jax";`;
  expect(layers.layerProblems("src/layers/execute.ts", arrays)).toEqual([]);
  expect(layers.layerProblems("src/basis/terms.ts", arrays)).toHaveLength(1);
  const types = `import type { numpy as np } from "@jax-js/jax";`;
  expect(layers.layerProblems("src/basis/terms.ts", types)).toEqual([]);
});

test("a folder nobody ordered and a stray file are refused", () => {
  expect(layers.layerProblems("src/misc/x.ts", "")).toHaveLength(1);
  expect(layers.layerProblems("src/x.ts", "")).toHaveLength(1);
  expect(layers.layerProblems("src/index.ts", `export * from "./cli/main.ts";`)).toEqual([]);
});

test("imports in comments and strings do not count", () => {
  const text = `/**\n * import { a } from "../plan/a.ts";\n */\n// import "../plan/b.ts"\nconst url = "https://x/*";`;
  expect(layers.importsOf(text)).toEqual([]);
});

test("a file of 401 lines is too long, one of 400 is not", () => {
  const lines = (count: number) => `// What it is.\n${"x;\n".repeat(count - 1)}`;
  expect(sizes.sizeProblems("src/core/x.ts", lines(400))).toEqual([]);
  expect(sizes.sizeProblems("src/core/x.ts", lines(401))).toHaveLength(1);
  expect(sizes.sizeProblems("src/core/x.ts", "const x = 1;\n")[0]).toContain("comment");
});

test("a folder of 21 files is too full, one of 20 is not, and sub-folders count for themselves", () => {
  const files = (count: number) => Array.from({ length: count }, (_, i) => `src/core/x${i}.ts`);
  expect(sizes.folderProblems([...files(20), "src/core/deep/y.ts"])).toEqual([]);
  expect(sizes.folderProblems(files(21))).toEqual([expect.stringContaining("src/core: 21 files")]);
});

test("a function over 60 lines is a problem, with its length", () => {
  expect(sizes.functionProblems({})).toEqual([]);
  expect(sizes.functionProblems({ "src/core/x.ts": [90, 61], "src/core/y.ts": [70] })).toEqual([
    expect.stringContaining("src/core/x.ts: a function of 90 lines"),
    expect.stringContaining("src/core/x.ts: a function of 61 lines"),
    expect.stringContaining("src/core/y.ts: a function of 70 lines"),
  ]);
  expect(sizes.longFunctions(60)).toEqual({});
  expect(Object.keys(sizes.longFunctions(30)).length).toBeGreaterThan(0); // it sees functions
});

test("a sentence ends at its mark, not in code, links, numbers and abbreviations", () => {
  expect(markdown.sentencesOf("One. Two! Is it (really)? *Yes.* `a.b` goes on.")).toEqual([
    "One.",
    "Two!",
    "Is it (really)?",
    "*Yes.*",
    "`a.b` goes on.",
  ]);
  for (const whole of [
    "Of e.g. Adam, i.e. what Kingma et al. Wrote.",
    "Run `npm ci. Then` it.",
    "See [a page. It is long](a.md) and ![a picture. Two](b.svg) there.",
    "0.5 of v1.2 is less than 3.14 of them.",
    "A. Smith says so.",
  ])
    expect(markdown.sentencesOf(whole), whole).toEqual([whole]);
});

test("running text breaks at sentences, lists keep their indentation, and everything else stays", () => {
  const page = [
    "# A title. With a stop",
    "",
    "One. Two",
    "goes on.",
    "",
    "- first. Second",
    "  line.",
    "  1. inner. More.",
    "",
    "| a. B | c. D |",
    "",
    "```sh",
    "echo one. Two.",
    "```",
    "",
    "    code. Here.",
    "",
    "> quoted. As it is.",
    "",
  ].join("\n");
  const broken = [
    "# A title. With a stop",
    "",
    "One.",
    "Two goes on.",
    "",
    "- first.",
    "  Second line.",
    "  1. inner.",
    "     More.",
    ...page.split("\n").slice(8),
  ].join("\n");
  expect(markdown.breakAtSentences(page)).toBe(broken);
  expect(markdown.breakAtSentences(broken)).toBe(broken);
  expect(markdown.breakAtSentences(broken.replace("Two goes", "Two\ngoes"))).toBe(broken); // control
});
