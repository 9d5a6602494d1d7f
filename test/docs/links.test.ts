// Links between documentation pages lead somewhere, and no page speaks of this machine.

import { existsSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";
import { anchorsOf, linksOf, markdownFiles, readPage, root } from "./pages.ts";

const pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md"].concat(
  markdownFiles("docs"),
);

/** Why a link does not resolve, or undefined. */
function problem(page: string, link: string): string | undefined {
  if (/^(https?|mailto):/.test(link)) return undefined; // not checked: tests run without a network
  const [path, anchor] = link.split("#");
  const target = path === "" ? page : normalize(join(dirname(page), path));
  if (target.startsWith("..")) return `${link} leads out of the repository`;
  if (!existsSync(join(root, target))) return `${link}: there is no ${target}`;
  if (anchor === undefined) return undefined;
  if (statSync(join(root, target)).isDirectory() || !target.endsWith(".md"))
    return `${link}: only pages have anchors`;
  return anchorsOf(readPage(target)).has(anchor) ? undefined : `${link}: no such heading`;
}

test.each(pages)("links of %s resolve", (page) => {
  expect(linksOf(readPage(page)).flatMap((link) => problem(page, link) ?? [])).toEqual([]);
});

test.each(pages)("%s names no absolute path and no address without https", (page) => {
  expect(readPage(page)).not.toMatch(/(^|[\s"'(`])\/(home|tmp|root|work|Users)\//m);
  expect(readPage(page)).not.toMatch(/http:\/\/(?!www\.w3\.org)/);
});

test("every guide page can be reached from the README", () => {
  const reached = new Set<string>();
  const visit = (page: string): void => {
    if (reached.has(page) || !page.endsWith(".md")) return;
    reached.add(page);
    for (const link of linksOf(readPage(page))) {
      const [path] = link.split("#");
      if (path !== "" && !path.includes(":")) visit(normalize(join(dirname(page), path)));
    }
  };
  visit("README.md");
  expect(pages.filter((page) => !reached.has(page))).toEqual([]);
});

describe("the checker itself", () => {
  test("notices missing pages, missing headings and links that leave the repository", () => {
    expect(problem("README.md", "docs/nowhere.md")).toContain("there is no docs/nowhere.md");
    expect(problem("README.md", "#nowhere")).toContain("no such heading");
    expect(problem("docs/glossary.md", "../../elsewhere")).toContain("out of the repository");
    expect(problem("README.md", "LICENSE")).toBeUndefined();
  });
  test("derives anchors as GitHub does", () => {
    expect([...anchorsOf("# What works, today\n## `a` and b")]).toEqual([
      "what-works-today",
      "a-and-b",
    ]);
  });
});
