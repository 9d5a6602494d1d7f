// The part of the built page where a drawing is read from weights, in headless Chromium; and the page from a host that sends no
// isolation headers.

import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test, type TestContext } from "vitest";
import { root } from "../docs/pages.ts";
import { needProgram, programPath } from "../support/graphs/programs.ts";
import { type BuiltPage, builtPage, give, sentenceOf, violationsOf } from "./built-page.ts";
import { digitStrokes } from "./strokes.ts";

const models = join(root, "test/fixtures/models");
const hasChromium = programPath("chromium") !== undefined;
let built: BuiltPage;

beforeAll(async () => {
  if (hasChromium) built = await builtPage(programPath("chromium")!, 4220);
}, 120_000);
afterAll(async () => {
  if (hasChromium) await built.close();
});
beforeEach((context: TestContext) => {
  needProgram(context, "chromium");
});

const isDone = (page: Page) =>
  page.getByText("Learnt, read and edited.").waitFor({ timeout: 60_000 });

/** What every reader says, by name. */
async function saidOn(page: Page): Promise<Record<string, string>> {
  const said = await page
    .locator(".readings li")
    .evaluateAll((items) =>
      items.map((item) => [
        item.getAttribute("data-reader"),
        item.querySelector(".said")?.getAttribute("aria-label"),
      ]),
    );
  return Object.fromEntries(said) as Record<string, string>;
}

/** Pixels of a canvas. */
const pixelsOf = (page: Page, selector: string): Promise<number[]> =>
  page.locator(selector).evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    return [...data];
  });

async function openPicture(options?: Parameters<BuiltPage["open"]>[0], address?: string) {
  const opened = await built.open(options, address);
  await opened.page.getByRole("link", { name: "Read an image from weights" }).first().click();
  await isDone(opened.page);
  return opened;
}

test("a sample is learnt, read and edited as the part opens; a symmetry moves every number and no picture", async () => {
  const { page, errors } = await openPicture();
  const heights = () =>
    page
      .locator(".picture h2")
      .evaluateAll((all) => all.map((h2) => h2.getBoundingClientRect().y + scrollY));
  expect(await page.textContent("#learnt")).toMatch(/Step 60 of 60 · (2[4-9]|3\d)\.\d dB/);
  await page.getByRole("button", { name: "A 2 that somebody wrote" }).first().click();
  const places = await heights();
  await isDone(page);
  expect(await heights()).toEqual(places); // nothing jumps
  const before = await saidOn(page);
  expect(before["unf-products"]).toMatch(/^\d, with \d+ %/);
  const painted = await pixelsOf(page, "#reading .pixels");
  const numbers = await pixelsOf(page, "#reading .numbers");
  await page.getByRole("radio", { name: /reordered/ }).check();
  const moved = await saidOn(page);
  expect(moved["unf-products"]).toBe(before["unf-products"]);
  expect(moved["probes"]).toBe(before["probes"]);
  expect(moved["flat-mlp"]).not.toBe(before["flat-mlp"]);
  expect(await pixelsOf(page, "#reading .numbers")).not.toEqual(numbers);
  const still = await pixelsOf(page, "#reading .pixels");
  expect(Math.max(...still.map((value, i) => Math.abs(value - painted[i])))).toBeLessThanOrEqual(1);
  await page.getByRole("radio", { name: /shuffled/ }).check();
  const shuffled = await pixelsOf(page, "#reading .pixels"); // control
  expect(shuffled.filter((value, i) => Math.abs(value - painted[i]) > 40).length).toBeGreaterThan(
    500,
  );
  expect(await heights()).toEqual(places); // nothing jumps
  expect(errors).toEqual([]);
  await page.context().close();
});

test("a digit that is drawn, and one that is chosen by keyboard, are learnt anew; Stop ends it", async () => {
  const { page, errors } = await openPicture();
  const { x, y, width } = (await page.locator("#draw").boundingBox())!;
  const place = ([a, b]: readonly [number, number]) =>
    [x + (a * width) / 28, y + (b * width) / 28] as const;
  const first = await pixelsOf(page, "#reading .pixels");
  for (const [from, ...rest] of digitStrokes[7]) {
    await page.mouse.move(...place(from));
    await page.mouse.down();
    for (const point of rest) await page.mouse.move(...place(point));
    await page.mouse.up();
  }
  await page.getByText("Waiting for a drawing").waitFor();
  await isDone(page);
  expect((await saidOn(page))["unf-products"]).toMatch(/^7/);
  const drawn = await pixelsOf(page, "#reading .pixels");
  expect(drawn).not.toEqual(first);

  const sample = page.getByRole("button", { name: "A 0 that somebody wrote" }).first();
  await sample.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Stop" }).dispatchEvent("click"); // at once
  await page.getByText("Stopped.").waitFor();
  expect(await page.locator(".said[aria-label='nothing read yet']").count()).toBe(4);
  await sample.focus();
  await page.keyboard.press("Enter");
  await isDone(page);
  expect((await saidOn(page))["unf-products"]).toMatch(/^0/);
  expect(errors).toEqual([]);
  await page.context().close();
});

test("axe finds nothing wrong in the light, in the dark and on a narrow screen", async () => {
  for (const [colorScheme, width] of [
    ["light", 1280],
    ["dark", 390],
  ] as const) {
    const { page, errors } = await openPicture({ colorScheme, viewport: { width, height: 800 } });
    expect(await violationsOf(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
      width,
    );
    expect(errors).toEqual([]);
    await page.context().close();
  }
});

test("from a host without isolation headers every part runs on one thread, and the page says so", async () => {
  const plain = await built.servePlain();
  const { page, errors } = await openPicture(undefined, plain.address);
  expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(false);
  expect(await page.textContent("#offline")).toContain("One thread");
  expect((await saidOn(page))["unf-products"]).toMatch(/^\d, with/);
  await page.getByRole("link", { name: "Watch the group act" }).first().click();
  await page.locator(".reader circle").first().waitFor({ timeout: 60_000 });
  await page.getByRole("link", { name: "weightspace" }).click();
  await page.waitForSelector(".start");
  await give(page, [join(models, "mlp.onnx")]);
  expect(await sentenceOf(page, /proved/)).toContain("all proved");
  await page.getByRole("link", { name: "weightspace" }).click();
  await page.getByRole("button", { name: "Two files of one network" }).click();
  expect(await sentenceOf(page, /same/)).toContain("The same network");
  expect(errors).toEqual([]);
  await page.context().close();
  await plain.close();
  const isolated = await built.open(); // control
  expect(await isolated.page.textContent("#offline")).not.toContain("One thread");
  await isolated.page.context().close();
});

test("once kept, a drawing is read with the network cut off; no other host was ever asked", async () => {
  const { page, requests, errors } = await openPicture();
  await page.waitForSelector("#offline[data-state=kept]", { timeout: 60_000 });
  await built.site.close();
  await page.goto(built.site.address);
  await page.getByRole("link", { name: "Read an image from weights" }).first().click();
  await isDone(page);
  expect((await saidOn(page))["unf-products"]).toMatch(/^\d, with/);
  const others = requests.filter(
    (url) => !url.startsWith(built.site.address) && !url.startsWith("blob:"),
  );
  expect(others).toEqual([]);
  expect(errors).toEqual([]);
});
