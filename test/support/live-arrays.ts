// Counts the engine's live buffers: wraps the allocation calls of its WebAssembly backend. The engine offers no count of
// its own, and its backend is not exported by name, so this finds it in the package's files.

import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { startEngine } from "../../src/node/threads/start-engine.ts";

interface Backend {
  malloc(...args: unknown[]): number;
  incRef(slot: number): void;
  decRef(slot: number): void;
}

let counter: (() => number) | undefined;

/** A function that returns the number of live buffers allocated since this was first called. */
export async function liveArrays(): Promise<() => number> {
  if (counter !== undefined) return counter;
  await startEngine();
  const folder = dirname(createRequire(import.meta.url).resolve("@jax-js/jax"));
  const file = readdirSync(folder).find((name) => /^backend-.*\.js$/.test(name));
  if (file === undefined) throw new Error("liveArrays: the engine's backend file was not found");
  const module = (await import(pathToFileURL(join(folder, file)).href)) as Record<string, unknown>;
  const getBackend = Object.values(module).find(
    (value): value is (name: string) => Backend =>
      typeof value === "function" && value.name === "getBackend",
  );
  if (getBackend === undefined) throw new Error("liveArrays: getBackend was not found");
  const prototype = Object.getPrototypeOf(getBackend("wasm")) as Backend;
  // oxlint-disable-next-line typescript/unbound-method -- called with the right `this` below
  const { malloc, incRef, decRef } = prototype;
  const references = new Map<number, number>();
  prototype.malloc = function (this: Backend, ...args) {
    const slot = malloc.apply(this, args);
    references.set(slot, 1);
    return slot;
  };
  prototype.incRef = function (this: Backend, slot) {
    incRef.call(this, slot);
    const count = references.get(slot);
    if (count !== undefined) references.set(slot, count + 1);
  };
  prototype.decRef = function (this: Backend, slot) {
    decRef.call(this, slot);
    const count = references.get(slot);
    if (count === 1) references.delete(slot);
    else if (count !== undefined) references.set(slot, count - 1);
  };
  counter = () => references.size;
  return counter;
}
