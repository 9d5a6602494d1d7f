// What `weightspace doctor` looks at: each check tries the thing itself, and says how to get it where it is missing.

import { mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { hostArithmetic } from "../../kernels/wasm/fused-multiply-add.ts";
import { useArithmetic } from "../../node/arithmetic.ts";
import { withoutFunctionNames } from "../../core/plain-message.ts";

/** What was found out about one thing. */
export interface Check {
  readonly name: string;
  /** `ok`: it works; `missing`: it is not there, and the command line does without; `failed`: it is needed. */
  readonly state: "ok" | "missing" | "failed";
  readonly found: string;
  /** What to do, where something is to be done. */
  readonly remedy?: string;
}

const oldestNode = [20, 19] as const;

/** The version of Node against the oldest one that is supported. */
export function checkNode(version = process.versions.node): Check {
  const [major, minor] = version.split(".").map(Number);
  const isOld = major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1]);
  const found = `Node ${version}, ${process.platform} ${process.arch}`;
  return isOld
    ? {
        name: "Node",
        state: "failed",
        found,
        remedy: `install Node ${oldestNode.join(".")} or newer from https://nodejs.org`,
      }
    : { name: "Node", state: "ok", found };
}

/** Whether products round once (fused multiply-add), as commands that run functionals ask for; they are slower without. */
export function checkRelaxedSimd(): Check {
  const before = hostArithmetic();
  const found = useArithmetic("fma");
  return found === "fma"
    ? {
        name: "relaxed SIMD",
        state: "ok",
        found: `WebAssembly has fused multiply-add${before === "fma" ? "" : ", behind a flag of V8 that commands set where they use it"}`,
      }
    : {
        name: "relaxed SIMD",
        state: "missing",
        found: "WebAssembly has no fused multiply-add here; matrix products are slower",
        remedy: "use Node 20 or newer on a processor that has the instruction",
      };
}

/** Starts a thread and waits for its answer. */
export async function checkThreads(): Promise<Check> {
  const worker = new Worker('require("node:worker_threads").parentPort.postMessage(6 * 7)', {
    eval: true,
  });
  try {
    const answer = await new Promise<unknown>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    if (answer !== 42) throw new Error(`a thread answered ${String(answer)}, expected 42`);
    return {
      name: "threads",
      state: "ok",
      found: `${availableParallelism()} can run at once; one was started`,
    };
  } finally {
    await worker.terminate();
  }
}

/** Proves the symmetries of a tiny model by running it. */
export async function checkProof(): Promise<Check> {
  const { EnvironmentError } = await import("../../core/errors.ts");
  const { onnxRuntime } = await import("../../runtime/onnx-runtime.ts");
  const executor = await onnxRuntime().catch((error: unknown) => {
    if (error instanceof EnvironmentError) return undefined;
    throw error;
  });
  const name = "onnxruntime-web";
  if (executor === undefined)
    return {
      name,
      state: "missing",
      found: "not installed; models cannot be run, so nothing is proved or verified",
      remedy: "npm install onnxruntime-web",
    };
  const { inferSpec } = await import("../../infer/infer.ts");
  const { proveSpec } = await import("../../infer/proof/prove.ts");
  const { onnxModel } = await import("../../checkpoints/network.ts");
  const { tinyModel } = await import("./tiny-model.ts");
  const { modelBytes, graph } = onnxModel(tinyModel());
  const { verdict, largestError } = await proveSpec(modelBytes(), inferSpec(graph), executor);
  if (verdict !== "proved")
    return {
      name,
      state: "failed",
      found: `the proof on a tiny model ended with "${verdict}", expected "proved"`,
      remedy: "npm install onnxruntime-web again, in a version from 1.20.0 on and below 2",
    };
  return {
    name,
    state: "ok",
    found: `a tiny model was run and its symmetry proved (largest error ${largestError.toExponential(0)})`,
  };
}

/** Multiplies two small matrices in the array engine. */
export async function checkEngine(): Promise<Check> {
  const { startEngine } = await import("../../engine/start.ts");
  const { numpy: np } = await import("@jax-js/jax");
  await startEngine();
  const product = np.matmul(
    np.array([
      [1, 2],
      [3, 4],
    ]),
    np.array([
      [5, 6],
      [7, 8],
    ]),
  );
  const numbers = Array.from(await product.data());
  if (numbers.join() !== "19,22,43,50")
    return {
      name: "array engine",
      state: "failed",
      found: `a product of two matrices gave ${numbers.join(", ")}, expected 19, 22, 43, 50`,
      remedy: "install the package again: npm ci, or npm install weightspace",
    };
  return { name: "array engine", state: "ok", found: "a product of two matrices is right" };
}

const gigabyte = 1e9;

/** Writes and reads a file where temporary files go, and asks how much room this folder has. */
export async function checkDisk(folder = process.cwd()): Promise<Check> {
  const temporary = await mkdtemp(join(tmpdir(), "weightspace-"));
  try {
    const file = join(temporary, "doctor");
    await writeFile(file, "weightspace");
    const text = await readFile(file, "utf8");
    if (text !== "weightspace") throw new Error(`${file} does not hold what was written to it`);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  const { bavail, bsize } = await statfs(folder);
  const free = (bavail * bsize) / gigabyte;
  const found = `${free.toFixed(1)} GB free in this folder; a file was written and read`;
  return free >= 1
    ? { name: "disk", state: "ok", found }
    : {
        name: "disk",
        state: "missing",
        found,
        remedy: "free some space: populations of thousands of networks need a gigabyte",
      };
}

const checks: Readonly<Record<string, () => Check | Promise<Check>>> = {
  Node: checkNode,
  "relaxed SIMD": checkRelaxedSimd,
  threads: checkThreads,
  "onnxruntime-web": checkProof,
  "array engine": checkEngine,
  disk: checkDisk,
};

/** All checks in order; one that throws has failed, and the others go on. */
export async function runChecks(): Promise<Check[]> {
  const results: Check[] = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      results.push(await check());
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      results.push({ name, state: "failed", found: withoutFunctionNames(message) });
    }
  }
  return results;
}
