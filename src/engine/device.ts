// Where the engine keeps its arrays: WebAssembly, or WebGPU where the host has an adapter and it computes the same.

import { devicePut, init, numpy as np } from "@jax-js/jax";

/** WebAssembly is always there; WebGPU is in pages of browsers that have it, and in Node with the package `webgpu`. */
export type EngineDevice = "wasm" | "webgpu";

/** What a trial of WebGPU beside WebAssembly came to. */
export interface DeviceCheck {
  /** Whether WebGPU may be used: there is an adapter, and every result agrees within the tolerance. */
  readonly works: boolean;
  /** Why it may not, in a sentence; null when it may. */
  readonly reason: string | null;
  /** The largest difference of a result from WebAssembly's, relative to the largest number of it; null without an adapter. */
  readonly error: number | null;
  readonly tolerance: number;
  /** Milliseconds of one product of two 512 x 512 matrices, the quickest of five, reading one number back included; null without an adapter. */
  readonly milliseconds: Readonly<Record<EngineDevice, number>> | null;
}

/** Rounding of sums of some hundred numbers in other orders. */
const tolerance = 1e-4;
const repeats = 5;
const timedSize = 512;

/** Numbers between -1 and 1 that repeat late, as [rows, columns]. */
const someNumbers = (rows: number, columns: number, phase: number) =>
  np.array(
    Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(1.7 * i + phase)),
    { shape: [rows, columns] },
  );

/** What equivariant layers and their gradients are made of. */
const trials: readonly ((a: np.Array, b: np.Array) => np.Array)[] = [
  (a, b) => np.matmul(a, b),
  (a, b) => np.add(np.transpose(a), b),
  (a, b) => np.multiply(np.mean(a, 0, { keepdims: true }), b),
  (a, b) => np.maximum(np.subtract(a, b), 0),
  (a, b) => np.divide(np.tanh(a), np.sqrt(np.add(np.square(b), 1))),
  (a, b) => np.exp(np.subtract(a, np.max(b, 1, { keepdims: true }))),
  (a, b) => np.concatenate([a, b], 1),
];

async function onDevice(device: EngineDevice, trial: (typeof trials)[number]) {
  const [a, b] = await devicePut([someNumbers(96, 96, 0), someNumbers(96, 96, 1)], device);
  return Float64Array.from((await trial(a, b).data()) as Float32Array);
}

async function largestError(): Promise<number> {
  let largest = 0;
  for (const trial of trials) {
    const [expected, found] = [await onDevice("wasm", trial), await onDevice("webgpu", trial)];
    const scale = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const error = expected.reduce((most, x, i) => Math.max(most, Math.abs(x - found[i])), 0);
    if (!(error / scale <= largest)) largest = error / scale; // NaN counts too
  }
  return largest;
}

async function millisecondsOn(device: EngineDevice): Promise<number> {
  const [a, b] = await devicePut(
    [someNumbers(timedSize, timedSize, 0), someNumbers(timedSize, timedSize, 1)],
    device,
  );
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= repeats; i++) {
    const began = performance.now();
    await np.sum(np.matmul(a.ref, b.ref)).data();
    if (i > 0) best = Math.min(best, performance.now() - began); // the first one compiles
  }
  a.dispose();
  b.dispose();
  return best;
}

/**
 * Tries WebGPU beside WebAssembly: products, sums, broadcasts and functions of 96 x 96 numbers, then the time of one product. The
 * engine's device stays what it is.
 */
export async function checkWebGPU(): Promise<DeviceCheck> {
  const failed = (reason: string, error: number | null = null): DeviceCheck =>
    Object.freeze({ works: false, reason, error, tolerance, milliseconds: null });
  const { navigator } = globalThis as { navigator?: { gpu?: unknown } };
  if (navigator?.gpu === undefined) return failed("this host has no WebGPU");
  try {
    const devices = await init("wasm", "webgpu");
    if (!devices.includes("webgpu")) return failed("this host has no WebGPU adapter");
    const error = await largestError();
    if (!(error <= tolerance))
      return failed(
        `its results differ from WebAssembly's by ${error.toExponential(1)}, at most ${tolerance.toExponential(0)} is allowed`,
        error,
      );
    const milliseconds = Object.freeze({
      wasm: await millisecondsOn("wasm"),
      webgpu: await millisecondsOn("webgpu"),
    });
    return Object.freeze({ works: true, reason: null, error, tolerance, milliseconds });
  } catch (error) {
    return failed(`it failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}
