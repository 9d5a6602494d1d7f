// Reports as people see them: every kind of page in headless Chromium, on a wide window and on a phone, in light and dark.

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test, type TestContext } from "vitest";
import { needProgram, programPath } from "../support/graphs/programs.ts";
import { manyModels, sampleReports } from "../support/reports/sample-reports.ts";

const pages = sampleReports();
const kinds = Object.keys(pages);
const widths = [1280, 390];
const schemes = ["light", "dark"] as const;

let browser: Browser;
let page: Page;
beforeAll(async () => {
  const chromium = programPath("chromium");
  if (chromium === undefined) return;
  const { openBrowser } = (await import(
    new URL("../../scripts/page/browser.js", import.meta.url).href
  )) as { openBrowser: (path: string) => Promise<Browser> };
  browser = await openBrowser(chromium);
  page = await browser.newPage();
}, 60_000);
afterAll(async () => {
  if (programPath("chromium") !== undefined) await browser.close();
});
beforeEach((context: TestContext) => {
  needProgram(context, "chromium");
});

async function shown<T>(
  content: string,
  { width, scheme }: { width: number; scheme: "light" | "dark" },
  look: (shownPage: Page) => Promise<T>,
): Promise<T> {
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ colorScheme: scheme });
  await page.setContent(content);
  return look(page);
}

/** What is wider than the window, and tables that are wider than their box, by their text. */
const tooWide = (shownPage: Page) =>
  shownPage.evaluate(() => {
    const found: string[] = [];
    const { scrollWidth } = document.documentElement;
    if (scrollWidth > innerWidth) found.push(`the page has ${scrollWidth} of ${innerWidth} px`);
    for (const table of document.querySelectorAll<HTMLElement>("table")) {
      const box = table.parentElement as HTMLElement;
      if (table.scrollWidth > box.clientWidth)
        found.push(`a table has ${table.scrollWidth} of ${box.clientWidth} px`);
    }
    return found;
  });

describe.each(kinds)("the page of %s", (kind) => {
  test.each(widths)("fits %i px, and so do its tables", async (width) => {
    const content = pages[kind];
    const look = { width, scheme: "light" } as const;
    expect(await shown(content, look, tooWide)).toEqual([]);
    // Control: a word that cannot be broken is seen.
    const wide = content.replace("<main>", `<main><table><td>${"x".repeat(400)}</td></table>`);
    expect(await shown(wide, look, tooWide)).not.toEqual([]);
  });
  test.each(schemes)("can be read in %s colours", async (scheme) => {
    const contrast = (shownPage: Page) =>
      shownPage.evaluate(() => {
        const canvas = document.createElement("canvas").getContext("2d", {
          willReadFrequently: true,
        }) as CanvasRenderingContext2D;
        const luminance = (color: string) => {
          canvas.fillStyle = color;
          canvas.fillRect(0, 0, 1, 1);
          const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((byte) => {
            const x = byte / 255;
            return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
          });
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const back = luminance(getComputedStyle(document.body).backgroundColor);
        return [...document.querySelectorAll("h1, h2, p, td, th, li, figcaption, dd, svg text")]
          .filter((element) => element.textContent?.trim() !== "")
          .map((element) => {
            const style = getComputedStyle(element);
            const isSvg = element instanceof SVGElement;
            const ink = luminance(isSvg && style.fill !== "none" ? style.fill : style.color);
            return (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
          })
          .reduce((least, ratio) => Math.min(least, ratio), Infinity);
      });
    const options = { width: 1280, scheme };
    expect(await shown(pages[kind], options, contrast)).toBeGreaterThan(3);
    const faint = pages[kind].replaceAll(/--soft: #\w+/g, "--soft: #808080"); // control
    const grey = faint.replaceAll(/--page: #\w+/g, "--page: #858585");
    expect(await shown(grey, options, contrast)).toBeLessThan(3);
  });
});

/** Pairs of colours that look alike, of all series of a legend or a table. */
const alike = (shownPage: Page) =>
  shownPage.evaluate(() => {
    const canvas = document.createElement("canvas").getContext("2d", {
      willReadFrequently: true,
    }) as CanvasRenderingContext2D;
    /** OKLab (Ottosson 2020), in which distances are those that eyes see. */
    const lab = (color: string) => {
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((byte) => {
        const x = byte / 255;
        return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
      });
      const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
      const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
      const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
      return [
        0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
        1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
        0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
      ];
    };
    const colours = new Map(
      [...document.querySelectorAll<HTMLElement>(".dot")].map((dot) => {
        const name = (dot.parentElement?.textContent ?? "").trim().split(/\s/)[0];
        return [name, lab(getComputedStyle(dot).backgroundColor)] as const;
      }),
    );
    const names = [...colours.keys()];
    const pairs = names.flatMap((a, i) => names.slice(i + 1).map((b) => [a, b]));
    const distance = ([a, b]: string[]) =>
      Math.hypot(...colours.get(a)!.map((x, i) => x - colours.get(b)![i]));
    return { names, pairs: pairs.filter((pair) => distance(pair) < 0.05) };
  });

describe.each(schemes)("in %s colours", (scheme) => {
  test.each(["generalization", "learning curve", "optimizers"])(
    "no two of sixteen series of the page of %s look alike",
    async (kind) => {
      const options = { width: 1280, scheme };
      const { names, pairs } = await shown(pages[kind], options, alike);
      expect(names).toHaveLength(manyModels.length);
      expect(pairs).toEqual([]);
      const twice = pages[kind].replaceAll("var(--series-2)", "var(--series-1)"); // control
      expect((await shown(twice, options, alike)).pairs.length).toBeGreaterThan(0);
    },
  );
});

/** Labels of axes, and the smallest and largest number on them. */
const axesOf = (shownPage: Page) =>
  shownPage.evaluate(() =>
    [...document.querySelectorAll("figure svg")].map((svg) => ({
      title: svg.getAttribute("aria-label"),
      labels: [...svg.querySelectorAll('[aria-label$="axis label"] text')].map(
        (t) => t.textContent,
      ),
    })),
  );

test("axes of tau and of losses begin where the differences show, and say so", async () => {
  const options = { width: 1280, scheme: "light" } as const;
  for (const [kind, title] of [
    ["generalization", "Kendall's tau of every model on held-out networks"],
    ["generalization", "Kendall's tau on validation networks by training epoch"],
    ["learning curve", "Kendall's tau on held-out networks by number of training networks"],
    ["optimizers", "test loss by step, one line an optimizer"],
  ]) {
    const axes = await shown(pages[kind], options, axesOf);
    const { labels } = axes.find((axis) => axis.title === title)!;
    expect(labels.join(" "), title).toMatch(/axis from \d/);
  }
});

test("letters in figures can be read on a phone", async () => {
  const smallest = (shownPage: Page) =>
    shownPage.evaluate(() =>
      [...document.querySelectorAll("figure svg text")]
        .map((text) => {
          const svg = text.closest("svg") as SVGSVGElement;
          const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
          return scale * Number.parseFloat(getComputedStyle(text).fontSize);
        })
        .reduce((least, size) => Math.min(least, size), Infinity),
    );
  for (const kind of kinds)
    expect(
      await shown(pages[kind], { width: 390, scheme: "light" }, smallest),
      kind,
    ).toBeGreaterThan(8);
});

test("every number of training networks stands on the axis of a learning curve", async () => {
  const options = { width: 1280, scheme: "light" } as const;
  const ticks = await shown(pages["learning curve"], options, (shownPage) =>
    shownPage.evaluate(() =>
      [...document.querySelectorAll('[aria-label="x-axis tick label"] text')].map(
        ({ textContent }) => textContent,
      ),
    ),
  );
  expect(ticks).toEqual(["82", "245", "816", "2,448", "8,160"]);
});
