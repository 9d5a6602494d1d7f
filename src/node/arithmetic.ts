// How products of this process round: with fused multiply-add where V8 offers it, or plainly. A program asks for it, the command line
// for one: the library by itself does not change its host's settings.

import { setFlagsFromString } from "node:v8";
import { isMainThread } from "node:worker_threads";
import { EnvironmentError, OptionError } from "../core/errors.ts";
import { arithmeticVariable } from "./threads/arithmetic-variable.ts";
import {
  type Arithmetic,
  arithmeticIsSettled,
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

/**
 * Makes products of this process, and of worker threads it starts later, round once after multiplying and adding (`"fma"`) or after each
 * of the two (`"plain"`); last digits differ. Node 20 rounds twice unless it is asked, and is slower; later versions round
 * once. It is for programs, before anything is computed: on Node 20 it sets V8's
 * `--experimental-wasm-relaxed-simd`, and `"plain"` hides the instruction from `WebAssembly.validate`.
 * @throws {OptionError} for another word, and after the array engine or a kernel was used; {EnvironmentError} where the processor or
 * this thread cannot
 */
export function setArithmetic(wanted: Arithmetic): void {
  if (wanted !== "fma" && wanted !== "plain")
    throw new OptionError(
      `setArithmetic: expected "fma" or "plain", got ${JSON.stringify(wanted) ?? "nothing"}`,
    );
  if (hostArithmetic() === wanted) return;
  if (arithmeticIsSettled())
    throw new OptionError(
      `setArithmetic: products of this process round as "${hostArithmetic()}", and it has computed some already; call it before anything else of the library`,
    );
  if (useArithmetic(wanted) === wanted) return;
  throw new EnvironmentError(
    `setArithmetic: ${isMainThread ? "this processor or version of Node has no fused multiply-add" : "a worker thread rounds as its process does, call it in the main thread"}; leave it out`,
  );
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
