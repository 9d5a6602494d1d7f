// How products of this process round: with fused multiply-add where V8 offers it, or plainly. Only the command line calls
// this; a library must not change its host's settings.

import { setFlagsFromString } from "node:v8";
import { isMainThread } from "node:worker_threads";
import { arithmeticVariable } from "./threads/arithmetic-variable.ts";
import {
  type Arithmetic,
  hostArithmetic,
  isRelaxedModule,
} from "../kernels/wasm/fused-multiply-add.ts";

/**
 * Makes products of this process fused or plain, as far as the host can, and says which. It must be called before the array
 * engine and kernels are first used: both ask the host once.
 */
export function useArithmetic(wanted: Arithmetic): Arithmetic {
  if (wanted === "plain") {
    process.env[arithmeticVariable] = "plain";
    bePlain();
  } else if (isMainThread && hostArithmetic() !== "fma") {
    // Node 20 knows the instruction behind a flag; later versions have it, and no flag.
    if (process.versions.node.startsWith("20."))
      setFlagsFromString("--experimental-wasm-relaxed-simd");
  }
  return hostArithmetic();
}

/** In a worker thread: what the thread that started it was told. */
export function inheritArithmetic(): void {
  if (process.env[arithmeticVariable] === "plain") bePlain();
}

let plain = false;

/** The engine and kernels ask `WebAssembly.validate` whether there is a fused instruction; from now on there is none. */
function bePlain(): void {
  if (plain) return;
  plain = true;
  const { validate } = WebAssembly;
  WebAssembly.validate = (bytes) => !isRelaxedModule(bytes) && validate(bytes);
}
