// A memory whose arrays lie at fixed places, for kernels of one network: addresses are constants of the code.

import { EnvironmentError } from "../../core/errors.ts";
import { maxPages, pageBytes } from "./module.ts";

/** Where an array lies. */
export interface Place {
  /** In bytes, a multiple of 64. */
  readonly address: number;
  /** Numbers. */
  readonly size: number;
}

/** Places arrays one after another, before there is a memory. */
export interface StaticArena {
  readonly floats: (size: number) => Place;
  /** Bytes so far. */
  readonly bytes: () => number;
  /** A memory with room for all of them. @throws {EnvironmentError} where they are more than a memory can hold */
  readonly memory: () => WebAssembly.Memory;
}

const alignment = 64;
/** Bytes behind the last array: vectors at its end may be read further. */
const slackBytes = 256;

const aligned = (bytes: number): number => alignment * Math.ceil(bytes / alignment);

/** @param first - bytes at the beginning that belong to somebody else */
export function staticArena(first = 0): StaticArena {
  let next = aligned(first) + alignment;
  return {
    floats: (size) => {
      const place = { address: next, size };
      next = aligned(next + 4 * size);
      return place;
    },
    bytes: () => next,
    memory: () => {
      const pages = Math.ceil((next + slackBytes) / pageBytes);
      if (pages > maxPages)
        throw new EnvironmentError(
          `kernels: a network needs ${next} bytes, at most ${maxPages * pageBytes} fit; use backend "engine"`,
        );
      return new WebAssembly.Memory({ initial: pages });
    },
  };
}

/** The numbers at a place. */
export const floatsAt = (
  memory: WebAssembly.Memory,
  { address, size }: Place,
): Float32Array<ArrayBuffer> => new Float32Array(memory.buffer, address, size);
