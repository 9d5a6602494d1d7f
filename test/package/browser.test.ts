// Three subpaths do their work in headless Chromium, from the bundles that a page would load, and give what they give here.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import { afterAll, expect, test, type TestContext } from "vitest";
import { root } from "../docs/pages.ts";
import { needProgram } from "../support/graphs/programs.ts";

const folder = mkdtempSync(join(tmpdir(), "weightspace-page-"));
const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

/** What the page runs; each function gives plain data. */
const page = `
import { actOn, mlpSpec, sampleElement } from "weightspace";
import { canonicalForm, fingerprint } from "weightspace/compare";
import { weightsSource } from "weightspace/formats";
import { inferSpec } from "weightspace/infer";
import { readOnnx } from "weightspace/formats";
import { unf } from "weightspace/models";
import { startEngine } from "weightspace/engine";
import { numpy as np } from "@jax-js/jax";
import { randomWeights, toBatch } from "weightspace/testing";

const spec = mlpSpec([4, 6, 3]);
const network = randomWeights(spec, 1);
const moved = actOn(spec, sampleElement(spec, 2), network);

export const symmetries = (bytes) => inferSpec(readOnnx(new Uint8Array(bytes))).spec.axes;
export const fingerprints = async () =>
  Promise.all([network, moved].map(async (one) => (await fingerprint(spec, weightsSource(one, "page"))).fingerprint));
/** Predictions of a functional large enough for threads, and whether its kernels ran on shared memory. */
export const largePredictions = async () => {
  await startEngine();
  const large = mlpSpec([64, 128, 64]);
  const networks = Array.from({ length: 12 }, (_, i) => randomWeights(large, i));
  const batch = Object.fromEntries(Object.entries(networks[0]).map(([name, { shape }]) => {
    const data = new Float32Array(networks.flatMap((one) => [...one[name].data]));
    return [name, np.array(data, { shape: [networks.length, ...shape] })];
  }));
  const model = unf(large, { channels: [1, 16, 16], head: [8, 1] });
  const { Memory } = WebAssembly;
  const shared = [];
  WebAssembly.Memory = function (options) {
    shared.push(options.shared === true);
    return new Memory(options);
  };
  try {
    const numbers = [...(await model.apply(model.init(0), batch).data())];
    return { numbers, shared, isolated: globalThis.crossOriginIsolated === true };
  } finally {
    WebAssembly.Memory = Memory;
  }
};
export const predictions = async () => {
  await startEngine();
  const model = unf(spec, { channels: [1, 4, 4], head: [8, 1] });
  const found = [];
  for (const one of [network, moved]) found.push((await model.apply(model.init(0), toBatch(one)).data())[0]);
  return found;
};
`;

interface Functions {
  symmetries(bytes: number[]): Record<string, { size: number; group: string }>;
  fingerprints(): Promise<string[]>;
  predictions(): Promise<number[]>;
  largePredictions(): Promise<{ numbers: number[]; shared: boolean[]; isolated: boolean }>;
}

async function bundle(platform: "browser" | "node"): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: page, resolveDir: root },
    bundle: true,
    platform,
    format: "esm",
    write: false,
    logLevel: "silent",
    external: platform === "node" ? ["@jax-js/jax", "onnxruntime-web"] : [],
  });
  return outputFiles[0].text;
}

/** The same functions, here. */
async function inNode(): Promise<Functions> {
  const file = join(root, "dist", "page-in-node.mjs");
  writeFileSync(file, await bundle("node"));
  closers.push(() => rmSync(file, { force: true }));
  return (await import(file)) as Functions;
}

/** What a server says of a page that may share memory with workers. */
const isolation = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** A page at localhost that holds the bundle as `globalThis.functions`. */
async function openPage(context: TestContext, headers: Readonly<Record<string, string>> = {}) {
  const executablePath = needProgram(context, "chromium");
  const script = await bundle("browser");
  const server: Server = createServer((request, response) => {
    const isScript = request.url === "/bundle.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.end(
      isScript
        ? script
        : '<!doctype html><link rel="icon" href="data:,"><script type="module">import * as functions from "/bundle.js"; globalThis.functions = functions;</script>',
    );
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  closers.push(() => server.close());
  const browser: Browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  closers.push(() => browser.close());
  const opened = await browser.newPage();
  const errors: string[] = [];
  opened.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  opened.on("pageerror", (error) => errors.push(error.message));
  await opened.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await opened.waitForFunction("globalThis.functions !== undefined");
  return { opened, errors };
}

test("symmetries, fingerprints and predictions of a page are those of Node", async (context) => {
  const { opened, errors } = await openPage(context);
  const call = async (code: string): Promise<unknown> => opened.evaluate(code);
  const here = await inNode();
  const bytes = [...readFileSync(join(root, "test/fixtures/models/cnn_flatten.onnx"))];

  const axes = here.symmetries(bytes);
  expect(await call(`functions.symmetries(${JSON.stringify(bytes)})`)).toEqual(axes);
  expect(Object.keys(axes).length).toBeGreaterThan(2);

  const [first, second] = await here.fingerprints();
  expect(await call("functions.fingerprints()")).toEqual([first, second]);
  expect(first).toBe(second);

  const [one, other] = await here.predictions();
  const there = (await call("functions.predictions()")) as number[];
  expect(there[0]).toBeCloseTo(one, 5);
  expect(Math.abs(there[0] - there[1])).toBeLessThan(1e-5);
  expect(Math.abs(one - other)).toBeLessThan(1e-5);

  expect(errors).toEqual([]);
  await expect(call("functions.symmetries([1, 2, 3])")).rejects.toThrow(/ONNX/i);
});

test("a large functional gives the same numbers in a page with shared memory, without, and here", async (context) => {
  const alone = await openPage(context);
  const isolated = await openPage(context, isolation);
  type Found = Awaited<ReturnType<Functions["largePredictions"]>>;
  const ask = async ({ opened }: typeof alone) =>
    (await opened.evaluate("functions.largePredictions()")) as Found;
  const [here, plain, threads, again] = [
    await (await inNode()).largePredictions(),
    await ask(alone),
    await ask(isolated),
    await ask(isolated),
  ];
  expect(plain).toMatchObject({ isolated: false, shared: [false] });
  expect(threads).toMatchObject({ isolated: true, shared: [true] });
  // The workers of the first functional are still its own.
  expect(again).toMatchObject({ isolated: true, shared: [false] });
  expect(new Set(plain.numbers).size).toBe(12);
  for (const { numbers } of [here, threads, again])
    for (const [i, value] of numbers.entries())
      expect(Math.abs(value - plain.numbers[i])).toBeLessThan(1e-5);
  expect([...alone.errors, ...isolated.errors]).toEqual([]);
});
