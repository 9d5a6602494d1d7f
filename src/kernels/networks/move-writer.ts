// The optimizer's step of all tensors of a network, and what it knows of them.

import {
  beginMove,
  type MoveNumber,
  moveNumber,
  type MoveNumbers,
  moveNumbers,
} from "../optimizers/population-move.ts";
import { access, get, i32 } from "../wasm/instructions.ts";
import { floatsAt, type Place } from "../wasm/static-arena.ts";
import { vectorBytes } from "../wasm/vectors.ts";
import type { NetworkBuild } from "./build.ts";

/** Moves the weights of the network against their gradients. */
export interface Mover {
  /** From here on by these numbers, with averages that have seen nothing. */
  readonly begin: (numbers: MoveNumbers) => void;
  /** By one step of this size. */
  readonly move: (size: number) => void;
}

/** Adds the function of a step; weights and gradients lie in one order, their tensors one after another. */
export function planMove({
  arena,
  module,
  weights,
  gradients,
}: NetworkBuild): (memory: WebAssembly.Memory, exports: WebAssembly.Exports) => Mover {
  const [from] = [...weights.values()];
  const [gradient] = [...gradients.values()];
  const bytes = gradient.address - from.address;
  const [first, second] = [arena.floats(bytes / 4), arena.floats(bytes / 4)];
  const numbers = arena.floats(moveNumbers.length + 1);
  const numberAt = (i: number) => access("v128.load32_splat", numbers.address + 4 * i, i32(0));
  module.func("move", [], (writer) => {
    const { local, emit, loop } = writer;
    const number = (name: MoveNumber) => numberAt(moveNumbers.indexOf(name));
    const moved = beginMove(writer, number, numberAt(moveNumbers.length));
    const at = local("i32", "at");
    loop(at, i32(0), i32(bytes), vectorBytes, () => {
      const load = ({ address }: Place) => access("v128.load", address, get(at));
      const after = moved({
        gradient: load(gradient),
        first: load(first),
        second: load(second),
        weight: load(from),
      });
      for (const [place, value] of [
        [first, after.first],
        [second, after.second],
        [from, after.weight],
      ] as const)
        emit(access("v128.store", place.address, get(at), value));
    });
  });
  return (memory, exports) => {
    const averages = [first, second].map((place) => floatsAt(memory, place));
    const values = floatsAt(memory, numbers);
    const move = exports["move"] as () => void;
    return {
      begin(given) {
        for (const average of averages) average.fill(0);
        for (const [i, name] of moveNumbers.entries()) values[i] = moveNumber(given, name);
      },
      move(size) {
        values[moveNumbers.length] = size;
        move();
      },
    };
  };
}
