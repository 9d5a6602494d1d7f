// Where threads of one memory wait for each other.

import type { ModuleWriter } from "./assembler.ts";
import { access, drop, get, i32, op, set, wait } from "./instructions.ts";

/** Where threads that wait for each other count themselves, and the number of the turn. */
const arrived = 0;
const turn = 4;

/** Looks at the turn so many times before it sleeps. */
const looks = 2000;
/** Nanoseconds after which a sleeping thread looks again in any case. */
const nap = 1_000_000;

/** Adds a function after which all threads are at the same place. */
export function writeMeeting(module: ModuleWriter, threads: number, sleeps: boolean) {
  return module.func("meet", [], ({ local, emit, when, repeat }) => {
    const [mine, last, seen] = [local("i32", "mine"), local("i32", "last"), local("i32", "seen")];
    emit(set(mine, access("i32.atomic.load", turn, i32(0))));
    const before = access("i32.atomic.rmw.add", arrived, i32(0), i32(1));
    emit(set(last, op("i32.eq", before, i32(threads - 1))));
    when(get(last), () => {
      emit(access("i32.atomic.store", arrived, i32(0), i32(0)));
      emit(drop(access("i32.atomic.rmw.add", turn, i32(0), i32(1))));
      emit(drop(access("memory.atomic.notify", turn, i32(0), i32(threads))));
    });
    when(op("i32.eqz", get(last)), () => {
      repeat(
        () => {
          emit(set(seen, op("i32.add", get(seen), i32(1))));
          if (!sleeps) return;
          when(op("i32.gt_u", get(seen), i32(looks)), () => {
            emit(drop(wait(i32(0), turn, get(mine), nap)));
          });
        },
        () => op("i32.eq", access("i32.atomic.load", turn, i32(0)), get(mine)),
      );
    });
  });
}
