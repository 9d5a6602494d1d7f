// Two lists of float64 numbers sorted at once, one in each half of every vector, and the cost of the flow along both of them, by a
// WebAssembly kernel with a memory that is used again.

import { writeModule, type FunctionWriter } from "../../kernels/wasm/assembler.ts";
import {
  access,
  get,
  i32,
  type Instruction,
  lanesFrom,
  op,
  set,
  twoNumbers,
  wholeNumbers,
} from "../../kernels/wasm/instructions.ts";
import { pageBytes } from "../../kernels/wasm/module.ts";
import {
  longestSorted,
  numberBytes,
  together,
  vectorBytes,
  vectorsAt,
  writeSort,
} from "./sorting-network.ts";

const listBytes = longestSorted * numberBytes;

/** Where masses of both lists begin, behind the vectors. */
const massesAt = vectorsAt + longestSorted * vectorBytes;

/** Two vectors of the call: zeros where nothing is odd, and the least flow, which costs take the place of. */
const oddAt = massesAt + 2 * listBytes;
const costsAt = oddAt + vectorBytes;

/**
 * The bits of a number in which its place in the list stands while it is sorted: its last ones; those of negative numbers the other way
 * round, so that of equal numbers the first is the least.
 */
const placeMask = longestSorted - 1;

/** A vector from numbers of both lists, which begin at a place of the memory. */
const ofBoth = (listsAt: number, first: Instruction, second = first): Instruction =>
  lanesFrom(
    [0, 1, 6, 7],
    access("v128.load64_splat", listsAt, first),
    access("v128.load64_splat", listsAt + listBytes, second),
  );

/** `join`: vectors from both lists, of so many bytes each, with the places of numbers as their lowest bits where `numbered`. */
function writeJoin({ parameters, local, emit, repeat }: FunctionWriter, numbered: boolean): void {
  const [bytes] = parameters;
  const [at, to] = [local("i32", "at"), local("i32", "to")];
  const [numbers, odd, place] = [
    local("v128", "numbers"),
    local("v128", "odd"),
    local("v128", "place"),
  ];
  const isNegative = op("f64x2.lt", get(numbers), twoNumbers(0));
  emit(set(at, i32(0)), set(to, i32(0)));
  emit(set(odd, twoNumbers(0)), set(place, wholeNumbers(0)));
  repeat(
    () => {
      emit(set(numbers, ofBoth(0, get(at))));
      // a number that is not finite, less itself, is NaN
      emit(set(odd, op("f64x2.add", get(odd), op("f64x2.sub", get(numbers), get(numbers)))));
      if (numbered) {
        emit(set(numbers, op("f64x2.add", get(numbers), twoNumbers(0)))); // -0 is 0
        const turned = op("v128.and", isNegative, wholeNumbers(placeMask));
        const lower = op("v128.xor", get(place), turned);
        const upper = op("v128.and", get(numbers), wholeNumbers(~placeMask));
        emit(set(numbers, op("v128.or", upper, lower)));
        emit(set(place, op("i64x2.add", get(place), wholeNumbers(1))));
      }
      emit(access("v128.store", vectorsAt, get(to), get(numbers)));
      emit(set(at, op("i32.add", get(at), i32(numberBytes))));
      emit(set(to, op("i32.add", get(to), i32(vectorBytes))));
    },
    () => op("i32.lt_u", get(at), get(bytes)),
  );
  emit(access("v128.store", oddAt, i32(0), get(odd)));
}

/** `part`: both lists from vectors. */
function writePart({ parameters, local, emit, repeat }: FunctionWriter): void {
  const [bytes] = parameters;
  const [at, from] = [local("i32", "at"), local("i32", "from")];
  const [one, next] = [local("v128", "one"), local("v128", "next")];
  emit(set(at, i32(0)), set(from, i32(0)));
  repeat(
    () => {
      emit(set(one, access("v128.load", vectorsAt, get(from))));
      emit(set(next, access("v128.load", vectorsAt + vectorBytes, get(from))));
      const [first, second] = [
        [0, 1, 4, 5],
        [2, 3, 6, 7],
      ].map((lanes) => lanesFrom(lanes, get(one), get(next)));
      emit(access("v128.store", 0, get(at), first));
      emit(access("v128.store", listBytes, get(at), second));
      emit(set(at, op("i32.add", get(at), i32(2 * numberBytes))));
      emit(set(from, op("i32.add", get(from), i32(2 * vectorBytes))));
    },
    () => op("i32.lt_u", get(at), get(bytes)),
  );
}

/**
 * `flow`: the sum of |flow| times the way from each atom to the next, of both lists, in the order that the sorted vectors give; flows of
 * at most the least count as none. Numbers in another order are odd.
 */
function writeFlow({ parameters, local, emit, repeat }: FunctionWriter): void {
  const [bytes] = parameters;
  const [at, first, second] = [local("i32", "at"), local("i32", "first"), local("i32", "second")];
  const names = ["key", "next", "flow", "size", "cost", "odd", "least"] as const;
  const vectors = names.map((name) => local("v128", name));
  const [key, next, flow, size, cost, odd, least] = vectors;
  const findAtom = () => {
    for (const [half, place] of [first, second].entries()) {
      const [lower, upper] = [0, 4].map((byte) =>
        access("i32.load", vectorsAt + half * numberBytes + byte, get(at)),
      );
      const bits = op("i32.xor", lower, op("i32.shr_s", upper, i32(31)));
      emit(set(place, op("i32.mul", op("i32.and", bits, i32(placeMask)), i32(numberBytes))));
    }
  };
  emit(set(at, i32(0)), set(cost, twoNumbers(0)), set(odd, twoNumbers(0)));
  emit(set(least, access("v128.load", costsAt, i32(0))));
  findAtom();
  emit(set(key, ofBoth(0, get(first), get(second))));
  emit(set(flow, ofBoth(massesAt, get(first), get(second))));
  repeat(
    () => {
      emit(set(at, op("i32.add", get(at), i32(vectorBytes))));
      findAtom();
      emit(set(next, ofBoth(0, get(first), get(second))));
      emit(set(odd, op("v128.or", get(odd), op("f64x2.gt", get(key), get(next)))));
      emit(set(size, op("f64x2.pmax", get(flow), op("f64x2.neg", get(flow)))));
      const way = op("f64x2.sub", get(next), get(key));
      const isFlow = op("f64x2.gt", get(size), get(least));
      const added = op("v128.and", op("f64x2.mul", way, get(size)), isFlow);
      emit(set(cost, op("f64x2.add", get(cost), added)));
      const mass = ofBoth(massesAt, get(first), get(second));
      emit(set(flow, op("f64x2.add", get(flow), mass)), set(key, get(next)));
    },
    () => op("i32.lt_u", get(at), get(bytes)),
  );
  emit(access("v128.store", costsAt, i32(0), get(cost)));
  emit(access("v128.store", oddAt, i32(0), get(odd)));
}

/** Numbers of a list and the mass of each. */
export interface Atoms {
  readonly keys: Float64Array;
  readonly mass: Float64Array;
}

/** A kernel and its memory. Lists have at most {@link longestSorted} numbers. */
export interface SortingKernel {
  /** Sorts both lists in place. False, and nothing is moved, where a number is not finite. */
  readonly sort: (u: Float64Array, v: Float64Array) => boolean;
  /**
   * Writes orders that sort both lists, equal numbers by their places, but for numbers that differ in their last fourteen bits only,
   * which may stand in any order. False where a number is not finite.
   */
  readonly order: (
    u: Float64Array,
    v: Float64Array,
    orderU: Int32Array,
    orderV: Int32Array,
  ) => boolean;
  /**
   * Sums, for both lists, of |mass of the atoms up to one| times the way to the next in ascending order, without masses of at most
   * `least`. Undefined where a number is not finite, or differs from another in its last fourteen bits only.
   */
  readonly cost: (u: Atoms, v: Atoms, least: number) => readonly [number, number] | undefined;
}

/** The functions of the kernel. */
function compile(memory: WebAssembly.Memory) {
  const module = writeModule({ pages: 1 });
  module.func("join", ["bytes"], (writer) => writeJoin(writer, false));
  module.func("joinNumbered", ["bytes"], (writer) => writeJoin(writer, true));
  module.func("sort", ["end"], writeSort);
  module.func("part", ["bytes"], writePart);
  module.func("flow", ["bytes"], writeFlow);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    host: { memory },
  });
  return exports as Record<
    "join" | "joinNumbered" | "sort" | "part" | "flow",
    (bytes: number) => void
  >;
}

/** What lies in the memory. */
function viewsOf({ buffer }: WebAssembly.Memory) {
  const words = new Int32Array(buffer, vectorsAt, 4 * longestSorted);
  const odd = new BigInt64Array(buffer, oddAt, 2);
  const listAt = (from: number) => new Float64Array(buffer, from, longestSorted);
  return {
    lists: [listAt(0), listAt(listBytes)],
    masses: [listAt(massesAt), listAt(massesAt + listBytes)],
    costs: new Float64Array(buffer, costsAt, 2),
    /** Whether the last function found nothing odd. */
    isEven: () => odd[0] === 0n && odd[1] === 0n,
    /** The place in its list of the j-th number of one half of the sorted vectors. */
    placeOf: (j: number, half: number) => {
      const word = 4 * j + 2 * half;
      return (words[word] ^ (words[word + 1] >> 31)) & placeMask;
    },
  };
}

/** A kernel with a memory of its own. */
export function sortingKernel(): SortingKernel {
  const pages = Math.ceil((costsAt + vectorBytes) / pageBytes);
  const memory = new WebAssembly.Memory({ initial: pages });
  const run = compile(memory);
  const { lists, masses, costs, isEven, placeOf } = viewsOf(memory);
  const [first, second] = lists;
  /** Sorts vectors of both lists; how many there are, 0 where a number is not finite. The largest of all numbers fills them up. */
  const sortVectors = (u: Float64Array, v: Float64Array, join: (bytes: number) => void) => {
    const count = together * Math.ceil(Math.max(u.length, v.length) / together);
    first.set(u);
    second.set(v);
    first.fill(Number.MAX_VALUE, u.length, count);
    second.fill(Number.MAX_VALUE, v.length, count);
    join(count * numberBytes);
    if (!isEven()) return 0;
    run.sort(count * vectorBytes);
    return count;
  };
  return {
    sort: (u, v) => {
      const count = sortVectors(u, v, run.join);
      if (count === 0) return false;
      run.part(count * numberBytes);
      u.set(first.subarray(0, u.length));
      v.set(second.subarray(0, v.length));
      return true;
    },
    order: (u, v, orderU, orderV) => {
      if (sortVectors(u, v, run.joinNumbered) === 0) return false;
      for (let j = 0; j < orderU.length; j++) orderU[j] = placeOf(j, 0);
      for (let j = 0; j < orderV.length; j++) orderV[j] = placeOf(j, 1);
      return true;
    },
    cost: (u, v, least) => {
      const count = sortVectors(u.keys, v.keys, run.joinNumbered);
      if (count === 0) return undefined;
      for (const [half, { keys, mass }] of [u, v].entries()) {
        const { length } = keys;
        masses[half].set(mass);
        // What fills a list up lies beside its last atom and has no mass.
        masses[half].fill(0, length, count);
        const list = lists[half];
        list.fill(length === 0 ? 0 : list[placeOf(length - 1, half)], length, count);
      }
      costs.fill(least);
      run.flow((count - 1) * vectorBytes);
      return isEven() ? [costs[0], costs[1]] : undefined;
    },
  };
}
