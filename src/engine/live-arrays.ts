// How many arrays the engine holds, and in how much memory: for leak tests and benchmarks. The engine tells neither, so
// its heap and its table of buffers are noticed while it loads.

import { EnvironmentError } from "../core/errors.ts";

export interface EngineWatch {
  /** Arrays alive now, shared ones once. */
  liveArrays(): number;
  /** Bytes of the arrays alive now. */
  liveBytes(): number;
  /** Bytes of the engine's heap, which never shrinks: the peak so far, rounded up by the allocator. */
  heapBytes(): number;
}

type Buffers = ReadonlyMap<number, { readonly ptr: number; readonly size: number }>;

/** Loads the engine and keeps what it creates meanwhile; no heap when it was loaded before. */
export async function watchLoading(
  load: () => Promise<unknown>,
): Promise<{ heap: WebAssembly.Memory | undefined; maps: Map<unknown, unknown>[] }> {
  const [RealMap, RealMemory] = [Map, WebAssembly.Memory];
  const maps: Map<unknown, unknown>[] = [];
  let heap: WebAssembly.Memory | undefined;
  globalThis.Map = new Proxy(RealMap, {
    construct(target, args: unknown[], newTarget) {
      const map = Reflect.construct(target, args, newTarget) as Map<unknown, unknown>;
      maps.push(map);
      return map;
    },
  });
  WebAssembly.Memory = new Proxy(RealMemory, {
    construct(target, args: unknown[], newTarget) {
      heap = Reflect.construct(target, args, newTarget) as WebAssembly.Memory;
      return heap;
    },
  });
  try {
    await load();
  } finally {
    globalThis.Map = RealMap;
    WebAssembly.Memory = RealMemory;
  }
  return { heap, maps };
}

const isBuffers = (map: Map<unknown, unknown>): boolean => {
  const [[key, value] = []] = map;
  return (
    typeof key === "number" &&
    typeof value === "object" &&
    value !== null &&
    "ptr" in value &&
    "ref" in value
  );
};

/**
 * Loads the engine under watch. Call it first and import what uses arrays afterwards, with import().
 * @throws {EnvironmentError} when the engine was loaded before, or is a version whose insides look different.
 */
export async function watchEngine(): Promise<EngineWatch> {
  const { heap, maps } = await watchLoading(() => import("@jax-js/jax"));
  if (heap === undefined) {
    throw new EnvironmentError(
      "watchEngine: @jax-js/jax was loaded before; call watchEngine first and import what uses arrays afterwards, with import()",
    );
  }
  const { numpy } = await import("@jax-js/jax");
  const probe = numpy.array(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  const buffers = maps.find(isBuffers) as Buffers | undefined;
  probe.dispose();
  if (buffers === undefined) {
    throw new EnvironmentError(
      "watchEngine: this version of @jax-js/jax keeps its buffers in a way that is not known here",
    );
  }
  return {
    liveArrays: () => buffers.size,
    liveBytes: () => [...buffers.values()].reduce((sum, { size }) => sum + size, 0),
    heapBytes: () => heap.buffer.byteLength,
  };
}
