// Takes the pictures of the page that the documentation shows: `npm run page:screenshots`. They are to be looked at before
// they are committed.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "../sources.js";
import { openBrowser } from "./browser.js";
import { buildPage, servePage } from "./page.js";

const folder = join(root, "docs/images/page");
const models = join(root, "test/fixtures/models");
const wide = { width: 1280, height: 860 };

const isReady = (words) =>
  new RegExp(words).test(document.querySelector("#sentence")?.textContent ?? "");
const sentence = (page, words) => page.waitForFunction(isReady, words, { timeout: 60_000 });

/** Pictures by name: how the page comes to show them. */
const pictures = {
  start: async () => {},
  file: async (page) => {
    await page.setInputFiles("input[type=file]", [join(models, "llama_block.onnx")]);
    await sentence(page, "proved");
    await page.hover(".axes tbody tr:nth-child(3)");
  },
  pair: async (page) => {
    await page.getByRole("button", { name: "Two files of one network" }).click();
    await sentence(page, "same");
    await page.getByRole("button", { name: "Align B with A" }).click();
    await page.getByRole("button", { name: /^Keep/ }).waitFor({ timeout: 60_000 });
  },
  group: (page) => reorder(page, 9),
  broken: async (page) => {
    await reorder(page, 9);
    await page.getByRole("checkbox").check();
  },
  picture: async (page) => {
    await readPicture(page);
    await page.getByRole("radio", { name: /reordered/ }).check();
  },
};

async function readPicture(page) {
  await page.getByRole("link", { name: "Read an image from weights" }).first().click();
  await page.getByText("Learnt, read and edited.").waitFor({ timeout: 60_000 });
}

async function reorder(page, steps) {
  await page.getByRole("link", { name: "Watch the group act" }).first().click();
  await page.locator(".reader circle").first().waitFor({ timeout: 60_000 });
  await page.locator("#walk").fill(String(steps));
}

async function take(browser, address, name, { colorScheme, viewport, suffix = "" }) {
  const context = await browser.newContext({ colorScheme, viewport });
  const page = await context.newPage();
  await page.goto(address);
  await page.waitForSelector("#offline[data-state=kept]", { timeout: 60_000 });
  await page.reload(); // with its font at hand
  await pictures[name](page);
  await page.evaluate(() => document.activeElement?.blur());
  await page.waitForTimeout(300);
  const path = join(folder, `${name}${suffix}.png`);
  await page.screenshot({ path, fullPage: true });
  console.log(path.slice(root.length));
  await context.close();
}

mkdirSync(folder, { recursive: true });
await buildPage();
const site = await servePage({ port: 4180 });
const browser = await openBrowser();
try {
  for (const name of Object.keys(pictures))
    await take(browser, site.address, name, { colorScheme: "light", viewport: wide });
  await take(browser, site.address, "file", {
    colorScheme: "dark",
    viewport: wide,
    suffix: "-dark",
  });
  await take(browser, site.address, "picture", {
    colorScheme: "dark",
    viewport: wide,
    suffix: "-dark",
  });
  const narrow = { width: 390, height: 844 };
  await take(browser, site.address, "file", {
    colorScheme: "light",
    viewport: narrow,
    suffix: "-narrow",
  });
} finally {
  await browser.close();
  await site.close();
}
