// The engine on WebGPU in headless Chromium, on an adapter in software: the same predictions and gradients, refusals with reasons. What
// it would gain on a graphics card cannot be seen here.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { chromium, type Page } from "playwright-core";
import { afterAll, expect, test, type TestContext } from "vitest";
import { OptionError } from "../../src/core/errors.ts";
import type { StartedEngine } from "../../src/engine/start.ts";
import { startEngine } from "../../src/engine/start.ts";
import { root } from "../docs/pages.ts";
import { needProgram } from "../support/graphs/programs.ts";

const closers: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

const source = `
import { mlpSpec } from "weightspace";
import { startEngine } from "weightspace/engine";
import { unf } from "weightspace/models";
import { grad, numpy as np } from "@jax-js/jax";
import { randomWeights, toBatch } from "weightspace/testing";

const spec = mlpSpec([4, 6, 3]);
const modelOf = (backend) => unf(spec, { channels: [1, 4, 4], head: [8, 1], backend });
export const start = (device) => startEngine({ device });
/** The device of a prediction, the prediction, and the gradient of its square. */
export const results = async () => {
  const model = modelOf("engine");
  const prediction = model.apply(model.init(0), toBatch(randomWeights(spec, 1)));
  const { device } = prediction;
  const loss = (params) => np.sum(np.square(model.apply(params, toBatch(randomWeights(spec, 1)))));
  const numbers = [...(await prediction.data())];
  for (const gradient of Object.values(grad(loss)(model.init(0)))) numbers.push(...(await gradient.data()));
  return { device, numbers };
};
export const onKernels = async () => {
  const model = modelOf("kernels");
  return [...(await model.apply(model.init(0), toBatch(randomWeights(spec, 1))).data())];
};
`;

const software = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** Pages whose `functions` are the bundle's; each starts an engine of its own. */
async function pages(context: TestContext, flags: readonly string[]): Promise<() => Promise<Page>> {
  const executablePath = needProgram(context, "chromium");
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: root },
    bundle: true,
    format: "esm",
    write: false,
    logLevel: "silent",
  });
  const server = createServer((request, response) => {
    const isScript = request.url === "/bundle.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(
      isScript
        ? outputFiles[0].text
        : '<!doctype html><script type="module">import * as functions from "/bundle.js"; globalThis.functions = functions;</script>',
    );
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  closers.push(() => server.close());
  const args = ["--no-sandbox", "--disable-background-networking", ...flags];
  const browser = await chromium.launch({ executablePath, args });
  closers.push(() => browser.close());
  return async () => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction("globalThis.functions !== undefined");
    return page;
  };
}

interface Results {
  readonly device: string;
  readonly numbers: number[];
}

test("predictions and gradients on WebGPU are those on WebAssembly; kernels refuse its arrays", async (context) => {
  const open = await pages(context, software);
  const [gpu, plain] = [await open(), await open()];
  const { device, check } = (await gpu.evaluate('functions.start("webgpu")')) as StartedEngine;
  expect(device).toBe("webgpu");
  expect(check).toMatchObject({ works: true, reason: null });
  expect(check?.error).toBeLessThan(1e-5);
  expect(check?.milliseconds?.webgpu).toBeGreaterThan(0);

  expect(await plain.evaluate('functions.start("wasm")')).toEqual({ device: "wasm", check: null });
  const [found, expected] = [gpu, plain].map((page) => page.evaluate("functions.results()"));
  const [there, here] = [(await found) as Results, (await expected) as Results];
  expect([there.device, here.device]).toEqual(["webgpu", "wasm"]);
  expect(here.numbers.length).toBeGreaterThan(100);
  const scale = Math.max(...here.numbers.map(Math.abs));
  for (const [i, value] of here.numbers.entries())
    expect(Math.abs(value - there.numbers[i]) / scale).toBeLessThan(1e-5);

  await expect(gpu.evaluate("functions.onKernels()")).rejects.toThrow(
    /give the model backend: "engine"/,
  );
  expect(await plain.evaluate("functions.onKernels()")).toHaveLength(1); // control
  await expect(gpu.evaluate('functions.start("wasm")')).rejects.toThrow(/already runs with device/);
});

test("a host without an adapter says so, and runs on WebAssembly when the fastest is asked for", async (context) => {
  const open = await pages(context, ["--disable-features=WebGPU", "--disable-gpu"]);
  const page = await open();
  await expect(page.evaluate('functions.start("webgpu")')).rejects.toThrow(
    /WebGPU cannot be used here: .*leave device out to run on WebAssembly/,
  );
  const started = (await page.evaluate('functions.start("fastest")')) as StartedEngine;
  expect(started.device).toBe("wasm");
  expect(started.check?.works).toBe(false);
  expect(started.check?.reason).toBeTruthy();
  expect(((await page.evaluate("functions.results()")) as Results).device).toBe("wasm");
});

test("another device than those there are is refused", async () => {
  await expect(startEngine({ device: "cuda" as "wasm" })).rejects.toThrow(OptionError);
  await expect(startEngine({ device: "cuda" as "wasm" })).rejects.toThrow(
    /one of wasm, webgpu, fastest, got "cuda"/,
  );
  await startEngine();
});
