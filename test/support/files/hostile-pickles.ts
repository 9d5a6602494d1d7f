// Pickles made to use up time or memory: each a few bytes or kilobytes, packed, that would grow without a budget of work.

import { zipSync } from "fflate";

const utf8 = new TextEncoder();
const little = (value: number, bytes: number) =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 255);

const repeat = (times: number, instructions: readonly number[]): Uint8Array => {
  const all = new Uint8Array(times * instructions.length);
  all.set(instructions);
  for (let filled = instructions.length; filled < all.length; filled *= 2)
    all.copyWithin(filled, 0, filled);
  return all;
};

/** Instructions in a row. */
type Part = readonly number[] | Uint8Array;

const join = (...parts: readonly Part[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};

const text = (value: string) => [
  0x58,
  ...little(utf8.encode(value).length, 4),
  ...utf8.encode(value),
];
const named = (name: string) => [0x63, ...utf8.encode(`${name.replace(/\.([^.]+)$/, "\n$1")}\n`)];
const put = (index: number) => [0x72, ...little(index, 4)];
const get = (index: number) => [0x6a, ...little(index, 4)];
const number = (value: number) => [0x4a, ...little(value, 4)];
const [dict, list, tuple0, mark] = [[0x7d], [0x5d], [0x29], [0x28]];
const [appends, setItem, setItems, call, pop, persistent] = [0x65, 0x73, 0x75, 0x52, 0x30, 0x51];

/** 2 to the power of `depth` equal leaves, by containers that hold the one before twice; it ends on the stack. */
function doubled(kind: "list" | "tuple" | "dict", depth: number, base: number): Uint8Array {
  const parts: Part[] = [tuple0, put(base), [pop]];
  for (let i = 0; i < depth; i++) {
    const below = get(base + i);
    const made = {
      list: [...list, ...mark, ...below, ...below, appends],
      tuple: [...below, ...below, 0x86],
      dict: [...dict, ...mark, ...text("a"), ...below, ...text("b"), ...below, setItems],
    }[kind];
    parts.push(made, put(base + i + 1), [pop]);
  }
  return join(...parts, get(base + depth));
}

const inDict = (key: Part, value: Part): Uint8Array => join(dict, key, value, [setItem]);
const pairs = (count: number): Uint8Array =>
  join(list, put(0), mark, ...Array.from({ length: count }, (_, i) => [...number(i), 0x4e, 0x86]), [
    appends,
  ]);

const ordered = "collections.OrderedDict";
const storage = join(
  mark,
  text("storage"),
  named("torch.FloatStorage"),
  text("0"),
  text("cpu"),
  number(1),
  [0x74, persistent],
);

/** A module of torch with modules inside, given as a dict of them. */
const moduleOf = (inside: Part, place: number): Uint8Array =>
  join(
    named("a.Net"),
    tuple0,
    [call],
    put(place),
    [...dict, ...mark, ...text("_parameters"), ...dict, ...text("_buffers"), ...dict],
    text("_modules"),
    inside,
    [setItems, 0x62],
  );

const work = /more work than the limit/;
const none = /expected a dict from names to tensors/;

export interface HostilePickle {
  readonly pickle: () => Uint8Array;
  /** What its error says. */
  readonly message: RegExp;
}

/** Pickles by what they do; all are refused or hold no tensors. */
export const hostilePickles: Readonly<Record<string, HostilePickle>> = {
  "one list made into dicts again and again, dropped": {
    message: work,
    pickle: () =>
      join(
        pairs(20_000),
        named(ordered),
        put(1),
        repeat(20_000, [...get(1), ...get(0), 0x85, call, pop]),
      ),
  },
  "one list made into dicts again and again, kept": {
    message: work,
    pickle: () =>
      join(
        pairs(20_000),
        named(ordered),
        put(1),
        repeat(20_000, [...get(1), ...get(0), 0x85, call]),
      ),
  },
  "one dict copied again and again": {
    message: work,
    pickle: () =>
      join(
        pairs(20_000),
        [pop],
        named(ordered),
        put(1),
        [...get(0), 0x85, call],
        put(2),
        repeat(20_000, [...get(1), ...get(2), 0x85, call]),
      ),
  },
  "one tuple of arguments copied again and again": {
    message: work,
    pickle: () =>
      join(
        mark,
        repeat(20_000, [0x4e]),
        [0x74],
        put(0),
        named("a.B"),
        put(1),
        repeat(20_000, [...get(1), ...get(0), call]),
      ),
  },
  "a doubled list as a key": {
    message: /a list or a dict as its key/,
    pickle: () => inDict(doubled("list", 60, 0), number(1)),
  },
  "a doubled tuple as a key": {
    message: none,
    pickle: () => inDict(doubled("tuple", 60, 0), number(1)),
  },
  "a doubled tuple as a shape": {
    message: /no lists of sizes/,
    pickle: () =>
      inDict(
        text("w"),
        join(
          named("torch._utils._rebuild_tensor_v2"),
          mark,
          storage,
          number(0),
          doubled("tuple", 60, 0),
          tuple0,
          [0x89, 0x4e, 0x74, call],
        ),
      ),
  },
  "a doubled tuple as the arguments of a call": {
    message: /class "a\.B"/,
    pickle: () => inDict(text("w"), join(named("a.B"), doubled("tuple", 60, 0), [call])),
  },
  "a doubled tuple as pairs": {
    message: none,
    pickle: () => join(named(ordered), doubled("tuple", 60, 0), [0x85, call]),
  },
  "a doubled tuple as a storage": {
    message: /not described as torch does/,
    pickle: () => join(doubled("tuple", 60, 0), [persistent]),
  },
  "dicts that hold one another twice, 60 deep": {
    message: none,
    pickle: () => doubled("dict", 60, 0),
  },
  "objects that hold one another twice": {
    message: /class "a\.B"/,
    pickle: () =>
      join(
        named("a.B"),
        put(0),
        tuple0,
        put(1),
        ...Array.from({ length: 200 }, (_, i) => [
          ...get(0),
          ...get(i + 1),
          ...get(i + 1),
          0x86,
          call,
          ...put(i + 2),
          pop,
        ]),
        inDict(text("w"), get(201)),
      ),
  },
  "many objects that share one long list": {
    message: /objects hold more than/,
    pickle: () =>
      join(
        list,
        mark,
        ...Array.from({ length: 5000 }, () => list),
        [appends],
        put(0),
        named("a.B"),
        put(1),
        dict,
        mark,
        ...Array.from({ length: 20_000 }, (_, i) => [
          ...number(i),
          ...get(1),
          ...get(0),
          0x85,
          call,
        ]),
        [setItems],
      ),
  },
  "a list that holds itself": {
    message: none,
    pickle: () => join(list, put(0), get(0), [0x61]),
  },
  "a dict that holds itself": {
    message: none,
    pickle: () => join(dict, put(0), text("a"), get(0), [setItem]),
  },
  "an object whose state is itself": {
    message: /class "a\.B"/,
    pickle: () => inDict(text("w"), join(named("a.B"), tuple0, [call], put(0), get(0), [0x62])),
  },
  "lists within lists, 200,000 deep": {
    message: none,
    pickle: () => join(repeat(2e5, list), repeat(2e5 - 1, [0x61])),
  },
  "dicts within dicts under one long key": {
    message: none,
    pickle: () =>
      join(
        text("k".repeat(1e6)),
        put(0),
        [pop],
        ...Array.from({ length: 1000 }, () => [...dict, ...get(0)]),
        dict,
        repeat(1000, [setItem]),
      ),
  },
  "nothing but empty dicts": {
    message: work,
    pickle: () => repeat(1.5e6, dict),
  },
  "nothing but empty lists": {
    message: work,
    pickle: () => repeat(4.2e6, list),
  },
  "nothing but marks": {
    message: work,
    pickle: () => repeat(1.25e7, mark),
  },
  "nothing but None": {
    message: work,
    pickle: () => repeat(1.25e7, [0x4e]),
  },
  "nothing but numbers": {
    message: none,
    pickle: () => repeat(1e6, [0x47, 63, 240, 0, 0, 0, 0, 0, 1]),
  },
  "nothing but short texts": {
    message: work,
    pickle: () => repeat(3.1e6, [0x8c, 2, 0x61, 0x62]),
  },
  "nothing but places in the memo": {
    message: work,
    pickle: () => {
      const all = repeat(2.5e6, [0x72, 0, 0, 0, 0]);
      const view = new DataView(all.buffer);
      for (let i = 0; i < 2.5e6; i++) view.setUint32(5 * i + 1, i * 64, true);
      return join([0x4e], all);
    },
  },
  "the stack copied and taken apart": {
    message: work,
    pickle: () => join([0x4e], repeat(3.2e6, [0x32, 0x85])),
  },
  "a long class name, used again and again": {
    message: /name of more than 1000/,
    pickle: () => join(text("m".repeat(1e6)), put(0), repeat(1e5, [...get(0), ...get(0), 0x93])),
  },
  "a long storage key, used again and again": {
    message: /key of more than 200/,
    pickle: () =>
      join(
        text("k".repeat(1e6)),
        put(0),
        mark,
        text("storage"),
        named("torch.FloatStorage"),
        get(0),
        text("cpu"),
        number(1),
        [0x74, persistent],
      ),
  },
  "a whole number of 5 million bytes": {
    message: none,
    pickle: () => inDict(number(0), join([0x8b, ...little(5e6, 4)], new Uint8Array(5e6).fill(255))),
  },
  "modules that hold the one before twice, 40 deep": {
    message: /holds more than 200000 others/,
    pickle: () =>
      join(
        ...Array.from({ length: 40 }, (_, i) =>
          join(
            moduleOf(
              i === 0
                ? join(dict)
                : join(dict, mark, text("a"), get(i - 1), text("b"), get(i - 1), [setItems]),
              i,
            ),
            [pop],
          ),
        ),
        get(39),
      ),
  },
  "a module that holds itself": {
    message: /more than 64 inside each other/,
    pickle: () => moduleOf(join(dict, text("a"), get(0), [setItem]), 0),
  },
  "a module with a part that is no module and holds numbers": {
    message: /"q" is an object of class "a\.Packed" that holds numbers/,
    pickle: () => {
      const packed = join(named("a.Packed"), storage, [0x85, call]);
      return moduleOf(join(dict, text("q"), packed, [setItem]), 0);
    },
  },
  "one long list made into sets again and again": {
    message: work,
    pickle: () =>
      join(
        pairs(5000),
        [pop],
        ...Array.from({ length: 5000 }, () =>
          join(named("builtins.set"), get(0), [0x85, call], [pop]),
        ),
        dict,
      ),
  },
  "one long text made into bytes again and again": {
    message: work,
    pickle: () =>
      join(
        text("k".repeat(1e6)),
        put(0),
        [pop],
        ...Array.from({ length: 100 }, () =>
          join(named("_codecs.encode"), get(0), text("latin1"), [0x86, call], [pop]),
        ),
        dict,
      ),
  },
  "a length of 2^63 bytes": {
    message: /ends inside a value/,
    pickle: () => join([0x8d, 0, 0, 0, 0, 0, 0, 0, 128]),
  },
};

/** A checkpoint file around a pickle without storages. */
export const hostileFile = (pickle: Uint8Array): Uint8Array =>
  zipSync({ "archive/data.pkl": join([0x80, 2], pickle, [0x2e]) }, { level: 0 });
