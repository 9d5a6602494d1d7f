// Runs ONNX models in onnxruntime-web, an optional peer that is loaded on first use. It shares no code with inference,
// which is what makes it a witness.

import type * as Ort from "onnxruntime-web";
import { EnvironmentError, UnsupportedError } from "../core/errors.ts";
import { decodeSmallFloats, encodeSmallFloats } from "../core/floats.ts";
import { frozenRecord } from "../core/records.ts";
import type { OnnxType } from "../formats/onnx/onnx-element-types.ts";
import type { Executor, ModelArray, RunOptions } from "./executor.ts";

type Runtime = typeof Ort;

async function load(): Promise<Runtime> {
  try {
    return await import("onnxruntime-web");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EnvironmentError(
      `onnxRuntime: the package onnxruntime-web could not be loaded (${reason}); install it with: npm install onnxruntime-web`,
    );
  }
}

/**
 * An executor on one thread; what it cannot run is refused with an UnsupportedError that quotes the runtime.
 * @throws {EnvironmentError} when onnxruntime-web is not installed
 */
export async function onnxRuntime(): Promise<Executor> {
  const ort = await load();
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "fatal";
  async function* runEach(
    model: Uint8Array,
    batches: Iterable<Arrays>,
    options?: RunOptions,
  ): AsyncGenerator<Arrays> {
    const session = await createSession(ort, model, options);
    try {
      for (const inputs of batches) yield await runSession(ort, session, inputs);
    } finally {
      await session.release();
    }
  }
  const run = async (model: Uint8Array, inputs: Arrays, options?: RunOptions) => {
    const session = await createSession(ort, model, options);
    try {
      return await runSession(ort, session, inputs);
    } finally {
      await session.release();
    }
  };
  return { run, runEach };
}

type Arrays = Readonly<Record<string, ModelArray>>;

async function runSession(
  ort: Runtime,
  session: Ort.InferenceSession,
  inputs: Arrays,
): Promise<Arrays> {
  const feeds = Object.entries(inputs).map(([name, { type, shape, data }]) => {
    if (type === "bfloat16") throw new UnsupportedError(`onnxRuntime: input "${name}" is bfloat16`);
    if (type === "float16" && !(data instanceof Uint16Array))
      return [name, new ort.Tensor("float16", halfCodes(data), shape)] as const;
    return [name, new ort.Tensor(type as "float32", data as Float32Array, shape)] as const;
  });
  const results = await session
    .run(Object.fromEntries(feeds), { logSeverityLevel: 4 })
    .catch((error: unknown) => {
      throw runtimeError("gives up on the model while it runs", error);
    });
  return frozenRecord(
    Object.entries(results).map(([name, value]) => [name, toArray(value as Ort.Tensor)] as const),
  );
}

/**
 * A session that leaves no trace: the runtime puts a `Worker` into the global scope, after which an array engine that
 * was started without threads would compile kernels for shared memory that it does not have.
 */
async function createSession(
  ort: Runtime,
  model: Uint8Array,
  { asWritten = false }: RunOptions = {},
): Promise<Ort.InferenceSession> {
  const level = asWritten ? ({ graphOptimizationLevel: "disabled" } as const) : {};
  const hadWorker = "Worker" in globalThis;
  try {
    return await ort.InferenceSession.create(model, { logSeverityLevel: 4, ...level });
  } catch (error) {
    throw runtimeError("does not take the model", error);
  } finally {
    if (!hadWorker) Reflect.deleteProperty(globalThis, "Worker");
  }
}

/** Words of the runtime that are passed on. */
const maxWords = 300;

/** What the runtime throws, an error or the address of one, as an error of ours. */
function runtimeError(what: string, error: unknown): UnsupportedError {
  const text = error instanceof Error ? error.message : `error ${String(error)}`;
  const message = text
    .replace(/^.*ERROR_MESSAGE: /s, "")
    .replace(/^.*\[ONNXRuntimeError\] : \d+ : \w+ : /s, "")
    // oxlint-disable-next-line no-control-regex -- names inside the file end up in these messages
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ")
    .trim()
    .replace(/\.$/, "");
  const short = message.length > maxWords ? `${message.slice(0, maxWords)}...` : message;
  return new UnsupportedError(
    `onnxRuntime: onnxruntime-web ${what} (${short}); check the file where it was made, or go on without running it`,
    { cause: error },
  );
}

/** Numbers rounded to half precision, as their codes. */
const halfCodes = (data: ModelArray["data"]): Uint16Array =>
  encodeSmallFloats(Float64Array.from(data, Number), "float16") as Uint16Array;

/** The runtime gives codes of half precision, or numbers where the language has an array of them. */
function halfNumbers(data: Ort.Tensor["data"]): Float32Array {
  if (!(data instanceof Uint16Array)) return Float32Array.from(data as ArrayLike<number>);
  return decodeSmallFloats(data, "float16");
}

function toArray(tensor: Ort.Tensor): ModelArray {
  const data =
    tensor.type === "float16" ? halfNumbers(tensor.data) : (tensor.data as ModelArray["data"]);
  return { type: tensor.type as OnnxType, shape: tensor.dims, data };
}
