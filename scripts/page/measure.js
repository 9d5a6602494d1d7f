// Measures the page in headless Chromium: first paint, the first load, the sentence for a model of 10 MB, two checkpoints
// of 100 MB, one of 2 GB. `npm run page:measure`.

import {
  mkdtempSync,
  openAsBlob,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { actOn, sampleElement } from "weightspace";
import { findSpec, openNetwork } from "weightspace/checkpoints";
import { decodeTensor, readOnnx, streamSafetensors } from "weightspace/formats";
import { inferSpec } from "weightspace/infer";
import { openBrowser } from "./browser.js";
import { decoderWeights, onlyOrders } from "./decoder-weights.js";
import { denseModel } from "./dense-model.js";
import { buildPage, servePage } from "./page.js";

const rounds = 3;
const folder = mkdtempSync(join(tmpdir(), "weightspace-measure-"));
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const seconds = (values) =>
  `${(median(values) / 1000).toFixed(2)} s (${values.map((one) => (one / 1000).toFixed(2)).join(", ")})`;

/** Milliseconds of processor time that the browser has taken, in all of its processes. */
function processorTime() {
  const parents = new Map();
  const times = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      parents.set(Number(pid), Number(fields[1]));
      times.set(Number(pid), 10 * (Number(fields[11]) + Number(fields[12]))); // ticks of 10 ms
    } catch {
      // It ended while it was looked at.
    }
  }
  const isBrowser = (pid) => {
    for (let at = parents.get(pid); at !== undefined && at > 1; at = parents.get(at))
      if (at === process.pid) return true;
    return false;
  };
  return [...times].reduce((sum, [pid, time]) => sum + (isBrowser(pid) ? time : 0), 0);
}

/** A model of dense layers, its spec, and its weights. */
function denseNetwork(sizes, seed, activation) {
  const bytes = denseModel(sizes, seed, activation);
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

/** Milliseconds from giving files to a sentence with these words, and those of the browser's processors. */
async function timeOf(page, files, words) {
  const [started, before] = [performance.now(), processorTime()];
  await page.setInputFiles("input[type=file]", files);
  await page.waitForFunction(
    (text) => new RegExp(text).test(document.querySelector("#sentence")?.textContent ?? ""),
    words,
    { timeout: 300_000 },
  );
  return { wall: performance.now() - started, processor: processorTime() - before };
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
  const processor = seconds(times.map((time) => time.processor));
  return `${seconds(times.map(({ wall }) => wall))}, processor ${processor}`;
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

/** Two checkpoints of 100 MB with their graph: reordered, reordered and scaled, and unrelated. */
async function densePairs() {
  const sizes = [1024, 3072, 3072, 3072, 1024];
  const pairOf = async (activation) => {
    const { bytes, spec, weights } = denseNetwork(sizes, 1, activation);
    const graph = join(folder, `${activation}.onnx`);
    writeFileSync(graph, bytes);
    const a = await save(`${activation}-a.safetensors`, weights);
    const moved = actOn(spec, sampleElement(spec, 2), weights);
    return [a, await save(`${activation}-b.safetensors`, moved), graph];
  };
  const [a, b, graph] = await pairOf("Sigmoid"); // no scales, only orders
  const other = await save("other.safetensors", denseNetwork(sizes, 3, "Sigmoid").weights);
  return { reordered: [a, b, graph], scaled: await pairOf("Relu"), unrelated: [a, other, graph] };
}

/** Two checkpoints of 100 MB whose symmetries their names tell: units in another order. */
async function decoderPair() {
  const weights = decoderWeights(4);
  const a = await save("decoder-a.safetensors", weights);
  const { spec } = await findSpec(await openNetwork(new File([await openAsBlob(a)], a)));
  const moved = actOn(spec, onlyOrders(spec, sampleElement(spec, 3)), weights);
  return [a, await save("decoder-b.safetensors", moved)];
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
  const decoders = await decoderPair();
  console.log(`two decoders of 100 MB, reordered: ${await time(decoders, "The same network")}`);
  const { reordered, scaled, unrelated } = await densePairs();
  console.log(`two of 100 MB, all units reordered: ${await time(reordered, "The same network")}`);
  console.log(`two of 100 MB, unrelated: ${await time(unrelated, "Different")}`);
  console.log(`two of 100 MB, reordered and scaled: ${await time(scaled, "The same network")}`);
  console.log(`2 GB, described: ${await time([sparse()], "Nothing|names")}`);
} finally {
  await browser?.close();
  await site.close();
  rmSync(folder, { recursive: true, force: true });
}
