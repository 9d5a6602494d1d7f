// Tensors that are no entries of a dictionary: those inside its lists and tuples, as quantised layers keep their packed weights,
// are named by their place there; others are counted.

import { FormatError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shapes.ts";
import type { PickleValue } from "./pickle-machine.ts";
import { isWeight, partsOf, viewOf } from "./pytorch-objects.ts";
import { isDict, isList, type StoredView } from "./pytorch-views.ts";

type PickleList = readonly PickleValue[];
type PickleDict = ReadonlyMap<PickleValue, PickleValue>;

/** How deep lists are looked into, and how many values those that hold weights may have. */
const limits = { depth: 8, values: 100_000 };

/** Whether weights lie in a list or in lists inside it; every list is looked at once, however often it is asked for. */
export function listSearch(): (list: PickleList) => boolean {
  const known = new Map<PickleList, boolean>();
  const search = (list: PickleList, depth: number): boolean => {
    const before = known.get(list);
    if (before !== undefined || depth > limits.depth) return before ?? false;
    known.set(list, false); // one that leads to itself
    const found = list.some((one) => isWeight(one) || (isList(one) && search(one, depth + 1)));
    known.set(list, found);
    return found;
  };
  return (list) => search(list, 1);
}

/** A tensor with its name, and the value of the pickle that it is. */
export interface NamedTensor {
  readonly name: string;
  readonly view: StoredView;
  readonly value: PickleValue;
}

/**
 * The tensors of a list that holds weights, `name.0`, `name.1.0` and so on.
 * @throws {FormatError} for lists without end
 */
export function tensorsInList(name: string, list: PickleList): NamedTensor[] {
  const found: NamedTensor[] = [];
  let left = limits.values;
  const visit = (at: string, values: PickleList, depth: number): void => {
    if (depth > limits.depth || (left -= values.length) < 0)
      throw new FormatError(
        `readPytorch: lists of tensors are nested without end, or hold more than ${limits.values} values; save the state_dict alone`,
      );
    for (const [i, one] of values.entries()) {
      const view = viewOf(one);
      if (view !== undefined) found.push({ name: `${at}.${i}`, view, value: one });
      else if (isList(one)) visit(`${at}.${i}`, one, depth + 1);
    }
  };
  visit(name, list, 1);
  return found;
}

/**
 * How many tensors of more than one number lie in a value beside those that were taken, outside of dicts that are left alone.
 * Every part is looked at once, so that the file bounds the work.
 */
export function countOthers(
  value: PickleValue,
  taken: ReadonlySet<PickleValue>,
  isLeft: (dict: PickleDict) => boolean,
): number {
  const seen = new Set<PickleValue>([value]);
  const open = [value];
  let count = 0;
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const view = viewOf(one);
    if (view !== undefined) {
      if (!taken.has(one) && sizeOf(view.shape) > 1) count++;
      continue;
    }
    if (isDict(one) && isLeft(one)) continue;
    for (const part of partsOf(one)) {
      if (typeof part !== "object" || part === null || seen.has(part)) continue;
      seen.add(part);
      open.push(part);
    }
  }
  return count;
}
