// Starts the array engine: its device becomes the default one.

import { defaultDevice, init } from "@jax-js/jax";
import { EnvironmentError, OptionError } from "../core/errors.ts";
import { hasFusedMultiplyAdd } from "../kernels/wasm/fused-multiply-add.ts";
import { offerPageThreads } from "../kernels/page-threads.ts";
import { checkWebGPU, type DeviceCheck, type EngineDevice } from "./device.ts";

export interface StartOptions {
  /**
   * Where arrays are kept. `"webgpu"` is refused where it does not work; `"fastest"` takes it where it works and multiplies two matrices
   * in less time than WebAssembly. What was taken, and why, is in the result. Kernels run on WebAssembly alone: on WebGPU models
   * need `backend: "engine"`. @default "wasm"
   */
  readonly device?: EngineDevice | "fastest";
}

/** The engine's device, and what WebGPU's trial came to where one was asked for. */
export interface StartedEngine {
  readonly device: EngineDevice;
  readonly check: DeviceCheck | null;
}

const choices = ["wasm", "webgpu", "fastest"];

async function chooseDevice(wanted: EngineDevice | "fastest"): Promise<StartedEngine> {
  if (wanted === "wasm") return { device: "wasm", check: null };
  const check = await checkWebGPU();
  const { works, reason, milliseconds } = check;
  if (wanted === "webgpu") {
    if (!works)
      throw new EnvironmentError(
        `startEngine: WebGPU cannot be used here: ${reason}; leave device out to run on WebAssembly`,
      );
    return { device: "webgpu", check };
  }
  const isFaster = milliseconds !== null && milliseconds.webgpu < milliseconds.wasm;
  return { device: isFaster ? "webgpu" : "wasm", check };
}

async function start(wanted: EngineDevice | "fastest"): Promise<StartedEngine> {
  await init("wasm");
  hasFusedMultiplyAdd(); // from here on, how products round is settled
  defaultDevice("wasm");
  await offerPageThreads();
  const chosen = await chooseDevice(wanted);
  defaultDevice(chosen.device);
  return Object.freeze(chosen);
}

let started: { wanted: string; ready: Promise<StartedEngine> } | undefined;

/**
 * Starts the array engine, once; later calls wait for the first. A page runs it, and kernels of large functionals, on the
 * threads that the browser gives: several where the page is isolated (its headers allow shared memory). Node runs it on one
 * thread, or on several with `startEngine` of `weightspace/node`.
 * @throws {OptionError} for an unknown device, or another one than the engine was started with; {EnvironmentError} when WebGPU is asked for
 * and does not work, with the reason
 */
export async function startEngine({ device }: StartOptions = {}): Promise<StartedEngine> {
  if (device !== undefined && !choices.includes(device))
    throw new OptionError(
      `startEngine: device expected one of ${choices.join(", ")}, got ${JSON.stringify(device)}`,
    );
  if (started !== undefined && device !== undefined && device !== started.wanted)
    throw new OptionError(
      `startEngine: the engine already runs with device ${JSON.stringify(started.wanted)}, got ${JSON.stringify(device)}; ask for it in the first call`,
    );
  const wanted = device ?? "wasm";
  started ??= { wanted, ready: start(wanted) };
  try {
    return await started.ready;
  } catch (error) {
    started = undefined;
    throw error;
  }
}
