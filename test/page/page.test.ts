// The built page in headless Chromium: a file, hostile files, two files, the group at work, the network cut off.

import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test, type TestContext } from "vitest";
import { compareNetworks } from "../../src/checkpoints/compare-networks.ts";
import { openNetwork } from "../../src/checkpoints/network.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { root } from "../docs/pages.ts";
import { inTemporaryFolder } from "../support/command-line.ts";
import { needProgram, programPath } from "../support/graphs/programs.ts";
import {
  type BuiltPage,
  builtPage,
  give,
  type OpenedPage,
  rendererMemory,
  sentenceOf,
  violationsOf,
} from "./built-page.ts";

const models = join(root, "test/fixtures/models");
const hasChromium = programPath("chromium") !== undefined;
let built: BuiltPage;
let opened: OpenedPage;

beforeAll(async () => {
  if (!hasChromium) return;
  built = await builtPage(programPath("chromium")!);
  opened = await built.open();
}, 120_000);
afterAll(async () => {
  if (hasChromium) await built.close();
});
beforeEach((context: TestContext) => {
  needProgram(context, "chromium");
});

const atStart = async (page: Page) => {
  await page.getByRole("link", { name: "weightspace" }).click();
  await page.waitForSelector(".start");
};

test("the first load is small, and asks for nothing but what it shows", async () => {
  const { page, requests, errors } = await built.open();
  await page.waitForLoadState("networkidle");
  const first = requests.filter((url) => /\/$|index|woff2|svg/.test(url));
  const bytes = [...new Set(first)].map((url) => {
    const { pathname } = new URL(url);
    const path = pathname === "/" ? "index.html" : pathname;
    return gzipSync(readFileSync(join(built.folder, path))).length;
  });
  expect(bytes.length).toBeGreaterThanOrEqual(4);
  expect(bytes.reduce((sum, one) => sum + one, 0)).toBeLessThan(500_000);
  // What is not shown yet comes later, and only to be kept: nothing of it is asked for by the page itself.
  expect(
    await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name)),
  ).not.toContainEqual(expect.stringMatching(/worker|wasm/));
  expect(errors).toEqual([]);
  await page.context().close();
});

describe("what is this file?", () => {
  const names = readdirSync(models).filter((name) => name.endsWith(".onnx"));

  test.each(names)("%s: as many axes as the library finds, all proved here", async (name) => {
    const { page } = opened;
    const { spec } = inferSpec(readOnnx(readFileSync(join(models, name))));
    const free = Object.values(spec.axes).filter(({ group }) => group !== "fixed").length;
    expect(free).toBeGreaterThan(0);
    await atStart(page);
    await give(page, [join(models, name)]);
    const said = await sentenceOf(page, /proved|Refuted|not|stopped/);
    expect(said).toBe(
      free === 1
        ? "1 free axis, proved on this file."
        : `${free} free axes, all proved on this file.`,
    );
    expect(await page.locator(".axes tbody tr.free").count()).toBe(free);
    expect(await page.locator(".axes .broken").count()).toBe(0);
  });

  test("an axis that is pointed at or reached by keys lights up its tensors; its spec can be kept", async () => {
    const { page } = opened;
    await atStart(page);
    await give(page, [join(models, "cnn_flatten.onnx")]);
    await sentenceOf(page, /proved/);
    const lit = () => page.locator(".tensors tr.lit th").allTextContents();
    expect(await lit()).toEqual([]);
    await page.hover(".axes tbody tr:has-text('c1')");
    expect(await lit()).toEqual(["c1.weight", "c1.bias", "l1.weight"]);
    await page.mouse.move(5, 5);
    await page.getByRole("button", { name: "l1" }).focus();
    expect(await lit()).toEqual(["l1.weight", "l1.bias", "l2.weight"]);
    await page.keyboard.press("Enter");
    expect(await page.getByRole("button", { name: "l1" }).getAttribute("aria-pressed")).toBe(
      "true",
    );
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Keep the spec" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("cnn_flatten.spec.json");
    const spec = JSON.parse(readFileSync((await download.path())!, "utf8")) as { format: string };
    expect(spec.format).toBe("weightspace/spec@1");
  });

  test.each([
    ["test/fixtures/checkpoints/gqa-ckpt-a.safetensors", /told by the names|Nothing tells/],
    ["test/fixtures/files/case-plain.pt", /told by the names|Nothing tells/],
    ["docs/guide/files/mlp.safetensors", /told by the names|Nothing tells/],
    ["test/fixtures/checkpoints/unknown-operator.onnx", /free ax|No free/],
  ])("%s is described, and never called proved without a graph", async (path, pattern) => {
    const { page } = opened;
    await atStart(page);
    await give(page, [join(root, path)]);
    const said = await sentenceOf(page, pattern);
    if (!path.endsWith(".onnx")) expect(said).not.toContain("proved");
    else expect(await page.textContent(".notes")).toContain("not followed");
    expect(await page.locator(".tensors tbody tr").count()).toBeGreaterThan(0);
  });

  test("of a PyTorch file with several dictionaries a person chooses one", async () => {
    const { page } = opened;
    await atStart(page);
    await give(page, [join(root, "test/fixtures/checkpoints/nested-models-a.pt")]);
    await page.getByRole("button", { name: "Read models.G" }).click();
    await sentenceOf(page, /Nothing tells|names/);
    expect(await page.locator(".tensors tbody tr").count()).toBe(1);
    expect(await page.locator(".problem").count()).toBe(0);
  });

  test("work that goes on can be stopped, and the page goes on", async () => {
    const { page } = opened;
    await atStart(page);
    // A person may be slower than the proof of a small model; this is not.
    const clicks = await page.evaluate(() =>
      setInterval(() => {
        for (const button of document.querySelectorAll("button"))
          if (button.textContent === "Stop") button.click();
      }, 5),
    );
    await give(page, [join(models, "vit_block.onnx")]);
    await page
      .getByText(/was stopped/)
      .first()
      .waitFor({ timeout: 20_000 });
    await page.evaluate((timer) => clearInterval(timer), clicks);
    expect(await page.getByText("all proved").count()).toBe(0);
    await atStart(page);
    await give(page, [join(models, "mlp.onnx")]);
    expect(await sentenceOf(page, /proved/)).toContain("all proved");
  });

  test("a NumPy array is described", async () => {
    const { page } = opened;
    await atStart(page);
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".padEnd(117) + "\n";
    const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
    const buffer = Buffer.concat([start, Buffer.from(header), Buffer.alloc(24)]);
    await give(page, [{ name: "array.npy", mimeType: "", buffer }]);
    await sentenceOf(page, /Nothing tells/);
    expect(await page.textContent(".eyebrow")).toContain("NumPy array");
    expect(await page.textContent(".tensors tbody")).toContain("2 × 3");
  });

  test("2 GB of safetensors are described without holding them", async () => {
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, "sparse.safetensors");
      const rows = 2 ** 14;
      const entry = (i: number) => ({
        dtype: "F32",
        shape: [rows, 2 ** 12],
        data_offsets: [i * rows * 2 ** 14, (i + 1) * rows * 2 ** 14],
      });
      const header = Object.fromEntries(
        Array.from({ length: 8 }, (_, i) => [`layer.${i}`, entry(i)]),
      );
      const text = Buffer.from(JSON.stringify(header));
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(text.length));
      writeFileSync(path, Buffer.concat([length, text]));
      truncateSync(path, 8 + text.length + 8 * rows * 2 ** 14);
      const { page } = opened;
      await atStart(page);
      const before = rendererMemory();
      await give(page, [path]);
      await sentenceOf(page, /Nothing tells|names/);
      expect(await page.textContent(".eyebrow")).toContain("2.1 GB");
      const grown = rendererMemory() - before;
      expect(before).toBeGreaterThan(1e7);
      expect(grown).toBeLessThan(1e9);
    });
  });
});

describe("hostile files are sentences, and the page stays alive", () => {
  const bytes = (...parts: (string | readonly number[])[]) =>
    Buffer.concat(
      parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))),
    );
  const onnx = readFileSync(join(models, "mlp.onnx"));
  const files: readonly (readonly [name: string, content: Buffer, says: RegExp])[] = [
    ["empty.onnx", bytes(), /empty/],
    ["notes.txt", bytes("these are no weights"), /is a text/],
    ["cut.onnx", onnx.subarray(0, onnx.length - 40), /./],
    ["noise.onnx", Buffer.from(Uint8Array.from({ length: 4096 }, (_, i) => (i * 7919) % 251)), /./],
    ["long.safetensors", bytes([255, 255, 255, 255, 0, 0, 0, 0], "{"), /./],
    ["cut.safetensors", bytes([200, 0, 0, 0, 0, 0, 0, 0], '{"a":'), /./],
    ["bomb.npz", bytes([0x50, 0x4b, 3, 4], "PK".repeat(200)), /./],
    ["evil.pt", bytes([0x80, 2], "cos\nsystem\n(S'true'\ntR."), /./],
    ["a\u202egnp.onnx", bytes("x"), /\\u202e/],
  ];

  test.each(files)("%s", async (name, buffer, says) => {
    const { page } = opened;
    await atStart(page);
    await give(page, [{ name, mimeType: "application/octet-stream", buffer }]);
    const problem = page.locator(".problem");
    await problem.waitFor({ timeout: 30_000 });
    const text = (await problem.textContent()) ?? "";
    expect(text).toMatch(says);
    expect(text.length).toBeGreaterThan(40);
    await give(page, [join(root, "docs/guide/files/mlp.safetensors")]);
    await sentenceOf(page, /names|Nothing/);
  });
});

describe("are these two the same?", () => {
  /** A network, a moved copy of it, and one that differs, as files. */
  async function withFiles(
    body: (paths: Record<"a" | "moved" | "other", string>) => Promise<void>,
  ) {
    await inTemporaryFolder(async (folder) => {
      const { spec } = inferSpec(readOnnx(readFileSync(join(models, "mlp.onnx"))));
      const source = (await openNetwork(new File([readFileSync(join(models, "mlp.onnx"))], "m")))
        .source;
      const names = Object.keys(spec.tensors);
      const read = names.map(async (name) => [name, await source.read(name)] as const);
      const weights = Object.fromEntries(await Promise.all(read));
      const moved = actOn(spec, sampleElement(spec, 5), weights);
      const other = {
        ...moved,
        [names[0]]: { ...moved[names[0]], data: moved[names[0]].data.map((x) => x + 1) },
      };
      const save = (name: string, tensors: typeof weights) => {
        const path = join(folder, `${name}.safetensors`);
        writeFileSync(path, writeSafetensors(tensors));
        return path;
      };
      await body({
        a: save("a", weights),
        moved: save("moved", moved),
        other: save("other", other),
      });
    });
  }

  test("a moved copy is the same network; the aligned file that is kept is the first one again", async () => {
    await withFiles(async ({ a, moved }) => {
      const { page } = opened;
      await atStart(page);
      await give(page, [a, moved, join(models, "mlp.onnx")]);
      expect(await sentenceOf(page, /same|ifferent|eordered|dentical/)).toContain(
        "The same network",
      );
      const align = page.getByRole("button", { name: "Align B with A" });
      await align.waitFor({ timeout: 60_000 }); // everything is drawn
      expect(await page.locator(".maps canvas").count()).toBe(
        2 * (await page.locator(".panels figure").count()),
      );
      await align.click();
      const keep = page.getByRole("button", { name: "Keep moved-aligned.safetensors" });
      await keep.waitFor({ timeout: 60_000 });
      expect(await page.textContent(".onward .wide")).toMatch(/on 8 inputs, the outputs agree/);
      const [download] = await Promise.all([page.waitForEvent("download"), keep.click()]);
      const open = async (path: string) => openNetwork(new File([readFileSync(path)], path));
      const { comparison } = await compareNetworks(
        await open(a),
        await open((await download.path())!),
      );
      const most = Math.max(0, ...comparison.tensors.map(({ relative }) => relative));
      expect(most).toBeLessThan(1e-5);
    });
  });

  test("the control: one tensor changed is another network, and where it differs is drawn", async () => {
    await withFiles(async ({ a, other }) => {
      const { page } = opened;
      await atStart(page);
      await give(page, [a, other, join(models, "mlp.onnx")]);
      expect(await sentenceOf(page, /same|ifferent|eordered|dentical/)).toMatch(/^Different/);
      await page.getByText(/their similarity is 0\.\d+; 1 is equal/).waitFor({ timeout: 60_000 });
      await atStart(page);
      await give(page, [a, a.replace("a.safe", "other.safe")]);
      expect(await sentenceOf(page, /same|ifferent|eordered|dentical/)).not.toContain("same");
      expect(await page.textContent(".notes")).toContain("drop the .onnx graph of both");
    });
  });
});

test("the group acts: numbers move, the function and the functional stand still, until the tie is broken", async () => {
  const { page } = opened;
  await page.getByRole("link", { name: "Watch the group act" }).first().click();
  await page.locator(".reader circle").first().waitFor({ timeout: 60_000 });
  const look = async () => ({
    says: await page.textContent("#function-says"),
    readings: await page.locator(".reading").allTextContents(),
    changed: await page.textContent(".strip .says"),
  });
  const before = await look();
  await page.locator("#walk").focus();
  for (let i = 0; i < 9; i++) await page.keyboard.press("ArrowRight");
  const after = await look();
  expect(before.changed).toMatch(/^0 of/);
  expect(after.changed).not.toMatch(/^0 of/);
  expect(after.says).toContain("Stands still");
  expect(after.readings[0]).toBe(before.readings[0]);
  expect(after.readings[1]).not.toBe(before.readings[1]);
  await page.getByRole("checkbox").check();
  const broken = await look();
  expect(broken.says).toContain("Another function");
  expect(broken.readings[0]).not.toBe(before.readings[0]);
});

test("axe finds nothing wrong, in the light and in the dark, wide and narrow", async () => {
  for (const [colorScheme, width] of [
    ["light", 1280],
    ["dark", 390],
  ] as const) {
    const { page, errors } = await built.open({ colorScheme, viewport: { width, height: 800 } });
    if (width > 1000) expect(await violationsOf(page)).toEqual([]);
    await give(page, [join(models, "llama_block.onnx")]);
    await sentenceOf(page, /proved/);
    expect(await violationsOf(page)).toEqual([]);
    await atStart(page);
    await page.getByRole("button", { name: "Two files of one network" }).click();
    await sentenceOf(page, /same/);
    if (width > 1000) expect(await violationsOf(page)).toEqual([]);
    await page.getByRole("link", { name: "Watch the group act" }).first().click();
    await page.locator(".reader circle").first().waitFor({ timeout: 60_000 });
    expect(await violationsOf(page)).toEqual([]);
    // Nothing is wider than the screen.
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
      width,
    );
    expect(errors).toEqual([]);
    await page.context().close();
  }
  const { page } = await built.open();
  await page.evaluate(() => document.querySelector("button")?.replaceChildren());
  expect(await violationsOf(page)).not.toEqual([]); // control
  await page.context().close();
});

test("once kept, it works with the network cut off; no other host was ever asked", async () => {
  const { page, requests, errors } = opened;
  expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(true);
  await page.waitForSelector("#offline[data-state=kept]", { timeout: 60_000 });
  await built.site.close();
  await page.goto(built.site.address);
  await give(page, [join(models, "vit_block.onnx")]);
  expect(await sentenceOf(page, /proved/)).toContain("all proved");
  await page.getByRole("link", { name: "Watch the group act" }).first().click();
  await page.locator(".reader circle").first().waitFor({ timeout: 60_000 });
  const others = requests.filter(
    (url) => !url.startsWith(built.site.address) && !url.startsWith("blob:"),
  );
  expect(others).toEqual([]);
  expect(requests.length).toBeGreaterThan(20);
  expect(errors).toEqual([]);
});
