// Measures the page in headless Chromium: first paint, the first load, the sentence for a model of 10 MB, two checkpoints
// of 100 MB, one of 2 GB. `npm run page:measure`.

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { actOn, sampleElement } from "weightspace";
import { decodeTensor, readOnnx, streamSafetensors } from "weightspace/formats";
import { inferSpec } from "weightspace/infer";
import { openBrowser } from "./browser.js";
import { denseModel } from "./dense-model.js";
import { buildPage, servePage } from "./page.js";

const rounds = 3;
const folder = mkdtempSync(join(tmpdir(), "weightspace-measure-"));
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const seconds = (values) =>
  `${(median(values) / 1000).toFixed(2)} s (${values.map((one) => (one / 1000).toFixed(2)).join(", ")})`;

/** A model of dense layers, its spec, and its weights. */
function denseNetwork(sizes, seed) {
  const bytes = denseModel(sizes, seed, "Sigmoid"); // no scales, only orders
  const graph = readOnnx(bytes);
  const { spec } = inferSpec(graph);
  const read = (name, shape) => ({ shape, data: decodeTensor(graph.initializers.get(name)) });
  const weights = Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => [name, read(name, shape)]),
  );
  return { bytes, spec, weights };
}

async function save(name, weights) {
  const entries = Object.entries(weights).map(([tensor, { shape }]) => [
    tensor,
    { dtype: "F32", shape },
  ]);
  const pieces = [];
  for await (const piece of streamSafetensors(entries, async (tensor) => weights[tensor]))
    pieces.push(piece);
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(pieces));
  return path;
}

/** A header of 8 tensors of 256 MiB, and no numbers. */
function sparse() {
  const bytes = 2 ** 28;
  const header = Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => [
      `layer.${i}`,
      { dtype: "F32", shape: [2 ** 14, 2 ** 12], data_offsets: [i * bytes, (i + 1) * bytes] },
    ]),
  );
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const path = join(folder, "sparse.safetensors");
  writeFileSync(path, Buffer.concat([length, text]));
  truncateSync(path, 8 + text.length + 8 * bytes);
  return path;
}

/** Milliseconds from giving files to a sentence with these words. */
async function timeOf(page, files, words) {
  const started = performance.now();
  await page.setInputFiles("input[type=file]", files);
  await page.waitForFunction(
    (text) => new RegExp(text).test(document.querySelector("#sentence")?.textContent ?? ""),
    words,
    { timeout: 300_000 },
  );
  return performance.now() - started;
}

async function fresh(browser, address) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(address);
  await page.waitForSelector(".start");
  return { context, page };
}

async function repeated(browser, address, files, words) {
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const { context, page } = await fresh(browser, address);
    times.push(await timeOf(page, files, words));
    await context.close();
  }
  return seconds(times);
}

async function firstPaint(browser, site, outDir) {
  const paints = [];
  let urls = [];
  for (let round = 0; round < rounds; round++) {
    const { context, page } = await fresh(browser, site.address);
    paints.push(
      await page.evaluate(
        () => performance.getEntriesByName("first-contentful-paint")[0].startTime,
      ),
    );
    urls = await page.evaluate(() =>
      performance.getEntriesByType("resource").map(({ name }) => name),
    );
    await context.close();
  }
  const files = ["index.html", ...new Set(urls.map((url) => new URL(url).pathname.slice(1)))];
  const bytes = files.reduce(
    (sum, name) => sum + gzipSync(readFileSync(join(outDir, name))).length,
    0,
  );
  console.log(`first paint: ${seconds(paints)}`);
  console.log(`first load: ${(bytes / 1000).toFixed(1)} kB gzip in ${files.length} files`);
}

/** Two checkpoints of 100 MB with their graph: reordered, and unrelated. */
async function pairs() {
  const sizes = [1024, 3072, 3072, 3072, 1024];
  const { bytes, spec, weights } = denseNetwork(sizes, 1);
  const graph = join(folder, "graph.onnx");
  writeFileSync(graph, bytes);
  const a = await save("a.safetensors", weights);
  const b = await save("b.safetensors", actOn(spec, sampleElement(spec, 2), weights));
  const other = await save("other.safetensors", denseNetwork(sizes, 3).weights);
  return { reordered: [a, b, graph], unrelated: [a, other, graph] };
}

const outDir = await buildPage();
const site = await servePage({ port: 4185 });
let browser;
try {
  browser = await openBrowser();
  await firstPaint(browser, site, outDir);
  const time = (files, words) => repeated(browser, site.address, files, words);
  const model = join(folder, "dense.onnx");
  writeFileSync(model, denseModel([784, 1200, 1200, 100], 1));
  console.log(`ONNX of 10 MB, first visit, its axes: ${await time([model], "free ax")}`);
  console.log(`the same, all of them proved: ${await time([model], "proved on")}`);
  const { reordered, unrelated } = await pairs();
  console.log(`two of 100 MB, all units reordered: ${await time(reordered, "The same network")}`);
  console.log(`two of 100 MB, unrelated: ${await time(unrelated, "Different")}`);
  console.log(`2 GB, described: ${await time([sparse()], "Nothing|names")}`);
} finally {
  await browser?.close();
  await site.close();
  rmSync(folder, { recursive: true, force: true });
}
