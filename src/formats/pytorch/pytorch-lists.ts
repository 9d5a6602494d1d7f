// Tensors inside lists and tuples of a dictionary, as quantised layers keep their packed weights: each is named by its list and
// its place there.

import { FormatError } from "../../core/errors.ts";
import type { PickleValue } from "./pickle-machine.ts";
import { isWeight, viewOf } from "./pytorch-objects.ts";
import { isList, type StoredView } from "./pytorch-views.ts";

type PickleList = readonly PickleValue[];

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

/**
 * The tensors of a list that holds weights, `name.0`, `name.1.0` and so on.
 * @throws {FormatError} for lists without end
 */
export function tensorsInList(name: string, list: PickleList): [string, StoredView][] {
  const found: [string, StoredView][] = [];
  let left = limits.values;
  const visit = (at: string, values: PickleList, depth: number): void => {
    if (depth > limits.depth || (left -= values.length) < 0)
      throw new FormatError(
        `readPytorch: lists of tensors are nested without end, or hold more than ${limits.values} values; save the state_dict alone`,
      );
    for (const [i, one] of values.entries()) {
      const view = viewOf(one);
      if (view !== undefined) found.push([`${at}.${i}`, view]);
      else if (isList(one)) visit(`${at}.${i}`, one, depth + 1);
    }
  };
  visit(name, list, 1);
  return found;
}
