// Whether layers keep their order under other names. Equal numbers say where each tensor stands, not that it may stand there: a
// network whose layers are exchanged computes something else. Layers may be counted from another number, or with gaps.

import type { LayerOrder, TensorRecipe } from "./conversion.ts";
import { type NameTemplate, nameTemplate } from "./name-templates.ts";
import type { SearchState } from "./search-state.ts";

type Numbers = readonly number[];

/** One tensor of the first file, or rows of it, and where it stands in the second. */
interface Placed {
  readonly from: NameTemplate;
  readonly to: NameTemplate;
  readonly numbers: readonly [from: Numbers, to: Numbers];
  /** What several tensors of the first file hold alike. */
  readonly alike?: string;
  readonly isWhole: boolean;
}

function placedBy(state: SearchState, to: string, recipe: TensorRecipe): Placed[] {
  const alike = state.alike.get(to);
  // Rows that stand in several tensors tell no order.
  if (state.severalPlaces.has(to)) return [];
  const target = nameTemplate(to);
  const isJoined = recipe.pieces.length > 1;
  return recipe.pieces.map(({ tensor, rows }, i) => {
    const from = nameTemplate(tensor);
    return {
      from,
      to: target,
      numbers: [
        [...from.numbers, ...(rows === undefined ? [] : [rows[0]])],
        [...target.numbers, ...(isJoined ? [i] : [])],
      ],
      ...(alike !== undefined && { alike }),
      isWhole: !isJoined && rows === undefined,
    };
  });
}

const byNumbers = (x: Numbers, y: Numbers): number => {
  const at = x.findIndex((n, i) => n !== y[i]);
  return at === -1 ? x.length - y.length : x[at] - (y[at] ?? -1);
};

function grouped<T>(all: readonly T[], keyOf: (one: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return [...groups.values()];
}

const kindOf = ({ from, to }: Placed) => `${from.template}\n${to.template}`;

/**
 * Tensors that hold alike go in order, name by name; those of several kinds that hold alike are left out, because nothing says
 * which of them is which.
 */
function inOrderOfNames(all: readonly Placed[]): Placed[] {
  return grouped(all, ({ alike }) => alike ?? "").flatMap((members) => {
    if (members[0].alike === undefined) return members;
    return grouped(members, kindOf).flatMap((kind) => {
      const [{ from, to }] = kind;
      const isClear = members.every(
        (one) => (one.from.template === from.template) === (one.to.template === to.template),
      );
      if (!isClear) return [];
      const [left, right] = ([0, 1] as const).map((side) =>
        kind.map(({ numbers }) => numbers[side]).toSorted(byNumbers),
      );
      const names = ([side, at]: readonly ["from" | "to", Numbers]) =>
        kind.map((one) => one[side]).find(({ numbers }) => byNumbers(numbers, at) === 0);
      return left.map((numbers, i): Placed => ({
        ...kind[i],
        from: names(["from", numbers]) ?? from,
        to: names(["to", right[i]]) ?? to,
        numbers: [numbers, right[i]],
      }));
    });
  });
}

type Pair = Placed["numbers"];

/** Pairs without repetition, in the first file's order. */
function distinct(pairs: readonly Pair[]): Pair[] {
  const found = new Map(pairs.map((pair) => [pair.map((n) => n.join(".")).join(" "), pair]));
  return [...found.values()].toSorted((x, y) => byNumbers(x[0], y[0]) || byNumbers(x[1], y[1]));
}

const isRising = (pairs: readonly Pair[]): boolean =>
  pairs.every(
    ([from, to], i) =>
      i === 0 || (byNumbers(pairs[i - 1][0], from) < 0 && byNumbers(pairs[i - 1][1], to) < 0),
  );

/** Numbers of the first file in the order in which the second one nests them, where words before them say so. */
function nestedAlike({ from, to }: Placed): (numbers: Numbers) => Numbers {
  const once = (words: readonly string[], word: string) =>
    word !== "" && words.filter((other) => other === word).length === 1;
  const places = to.words.map((word) =>
    once(to.words, word) && once(from.words, word) ? from.words.indexOf(word) : -1,
  );
  const left = from.words.map((_, i) => i).filter((i) => !places.includes(i));
  const order = places.map((place) => (place === -1 ? left.shift() : place));
  const all = [...order.filter((i) => i !== undefined), ...left];
  return (numbers) => [...all.map((i) => numbers[i]), ...numbers.slice(from.words.length)];
}

function keepsOrder(members: readonly Placed[]): boolean {
  const pairs = members.map(({ numbers }) => numbers);
  if (isRising(distinct(pairs))) return true;
  const nested = nestedAlike(members[0]);
  return isRising(distinct(pairs.map(([from, to]): Pair => [nested(from), to])));
}

function described(from: string, to: string, members: readonly Placed[]): LayerOrder {
  const pairs = distinct(members.map(({ numbers }) => numbers));
  const changing = ([0, 1] as const).map((side) =>
    pairs[0][side]
      .map((_, i) => i)
      .filter((i) => pairs.some((p) => p[side][i] !== pairs[0][side][i])),
  );
  const text = (numbers: Numbers, side: 0 | 1) => changing[side].map((i) => numbers[i]).join(".");
  const reversed = isRising(distinct(pairs.map(([x, y]): Pair => [x, y.map((n) => -n)])));
  return {
    from,
    to,
    numbers: pairs.map(([x, y]) => [text(x, 0), text(y, 1)] as const),
    reversed,
  };
}

/** Layers whose order is another one in the second file; each order once. */
export function layerOrders(state: SearchState): LayerOrder[] {
  const all = inOrderOfNames(
    [...state.recipes].flatMap(([to, recipe]) => placedBy(state, to, recipe)),
  );
  const found = new Map<string, LayerOrder>();
  const look = (from: string, to: string, members: readonly Placed[]) => {
    if (keepsOrder(members)) return;
    const order = described(from, to, members);
    const key = order.numbers.map((pair) => pair.join(">")).join();
    if (!found.has(key)) found.set(key, order);
  };
  // What stands behind the number of a layer under one name in both files is of one layer.
  const stacks = all.filter(
    ({ from, to, isWhole }) =>
      isWhole && from.numbers.length > 0 && to.numbers.length > 0 && from.rest === to.rest,
  );
  for (const members of grouped(stacks, ({ from, to }) => `${from.head}\n${to.head}`)) {
    const [{ from, to }] = members;
    const firsts = members.map((one): Placed => ({
      ...one,
      numbers: [one.numbers[0].slice(0, 1), one.numbers[1].slice(0, 1)],
    }));
    look(from.head, to.head, firsts);
  }
  for (const members of grouped(all, kindOf)) {
    const [{ from, to }] = members;
    look(from.template, to.template, members);
  }
  return [...found.values()];
}
