// Measures the page in headless Chromium: first paint, the first load, the sentence for a model of 10 MB, two checkpoints
// of 100 MB, one of 2 GB. `npm run page:measure`.

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { actOn, mlpSpec, randomStream, sampleElement } from "weightspace";
import { streamSafetensors } from "weightspace/formats";
import { openBrowser } from "./browser.js";
import { denseModel } from "./dense-model.js";
import { buildPage, servePage } from "./page.js";

const rounds = 5;
const folder = mkdtempSync(join(tmpdir(), "weightspace-measure-"));
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const seconds = (values) =>
  `${(median(values) / 1000).toFixed(2)} s (${values.map((one) => (one / 1000).toFixed(2)).join(", ")})`;

function weightsOf(spec, seed) {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return [name, { shape, data: Float32Array.from({ length: size }, () => random.normal()) }];
    }),
  );
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
    { timeout: 120_000 },
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

const outDir = await buildPage();
const site = await servePage({ port: 4185 });
const browser = await openBrowser();
try {
  await firstPaint(browser, site, outDir);
  const model = join(folder, "dense.onnx");
  writeFileSync(model, denseModel([784, 1200, 1200, 100], 1));
  console.log(
    `ONNX of 10 MB, first visit, axes: ${await repeated(browser, site.address, [model], "free ax")}`,
  );
  console.log(
    `the same, all axes proved: ${await repeated(browser, site.address, [model], "proved on")}`,
  );
  const spec = mlpSpec([1024, 3072, 3072, 3072, 1024]);
  const weights = weightsOf(spec, 1);
  const a = await save("a.safetensors", weights);
  const b = await save("b.safetensors", actOn(spec, sampleElement(spec, 2), weights));
  const other = await save("other.safetensors", weightsOf(spec, 3));
  const mlp = "ame network|ifferent|eordered";
  console.log(`two of 100 MB, reordered: ${await repeated(browser, site.address, [a, b], mlp)}`);
  console.log(
    `two of 100 MB, unrelated: ${await repeated(browser, site.address, [a, other], mlp)}`,
  );
  console.log(
    `2 GB, described: ${await repeated(browser, site.address, [sparse()], "Nothing|names")}`,
  );
} finally {
  await browser.close();
  await site.close();
  rmSync(folder, { recursive: true, force: true });
}
