// Which dictionary of a checkpoint is read: the only one that holds weights, or the one that a key names.

import { FormatError, OptionError, UnsupportedError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shapes.ts";
import { isObject } from "./pickle.ts";
import type { PickleObject, PickleValue } from "./pickle-machine.ts";
import { attributesOf, isModule, moduleInside } from "./module-state.ts";
import { isOddArray } from "./numpy-objects.ts";
import {
  dictOf,
  isFloating,
  isWeight,
  type PickledCheckpoint,
  tensorSearch,
  viewOf,
} from "./pytorch-objects.ts";
import { countOthers, listSearch, tensorsInList } from "./pytorch-lists.ts";
import { isDict, isList, type StoredView } from "./pytorch-views.ts";

/** What was taken of a file that holds more than the tensors of one network. */
export interface Taken {
  /** The keys that lead to the dictionary, from the top; none for the top level. */
  readonly path: readonly string[];
  /** The path as `key` takes it: its keys joined by dots, "." for the top level. */
  readonly key: string;
  readonly tensors: number;
  /** Numbers in its floating tensors. */
  readonly parameters: number;
  /** The class of the module that was pickled whole, where the tensors are those of one. */
  readonly module?: string;
  /** Objects of other classes in the file, and tensors below the path that are no entries of a dictionary, that were left unread. */
  readonly unread: readonly { readonly class: string; readonly count: number }[];
}

/** Which dictionary of a PyTorch file was read. */
export interface Choice {
  readonly entries: readonly (readonly [string, StoredView])[];
  /** Undefined for a plain dict of tensors at the top, where nothing was chosen. */
  readonly taken: Taken | undefined;
}

const limits = { depth: 64, pathLength: 10_000, listed: 20, nameLength: 100 };

/** A place in the file; places share what lies above them. */
interface PickledPlace {
  readonly value: PickleValue;
  readonly key: string;
  readonly above: PickledPlace | undefined;
  readonly depth: number;
}

const topKey = ".";
/** What tensors are counted as that were left unread. */
export const tensorClass = "torch.Tensor";
const placeOf = (value: PickleValue, key = "", above?: PickledPlace): PickledPlace => ({
  value,
  key,
  above,
  depth: above === undefined ? 0 : above.depth + 1,
});

const isView = (value: PickleValue): boolean => viewOf(value) !== undefined;

/**
 * The tensors of the dictionary that is meant; a module that was pickled whole counts as the dictionary of its tensors.
 * Without a key it is the only one that holds weights: floating tensors of more than one number. Optimizers (dicts with
 * `state` and `param_groups`) are passed over. Where no dictionary holds weights, the only one that holds weights in lists or
 * tuples is taken, or the one that holds all tensors of the file. Tensors in its lists are named by their places, `name.0`, where
 * weights are among them.
 * @throws {UnsupportedError} when none or several are meant, or the one holds objects in place of tensors; {OptionError} for
 * a key that leads nowhere; {FormatError} for keys that are no names
 */
export function chooseDictionary(file: PickledCheckpoint, key?: string): Choice {
  const root = placeOf(file.value);
  const start = key === undefined ? root : find(root, key);
  const named = key === undefined ? undefined : dictOf(start.value);
  const isNamed = named !== undefined && [...named.values()].some(isView);
  const holdsTensors = tensorSearch();
  const survey = surveyOf(start, holdsTensors);
  const place = isNamed
    ? start
    : onlyOne(survey, file.tensors, () => refuseNone(survey, start, key));
  const { entries, values } = tensorsOf(place, holdsTensors);
  const path = pathOf(place);
  const unread = [...survey.unread].map(([name, count]) => ({ class: name, count }));
  const others = countOthers(place.value, values, isOptimizer);
  if (others > 0) unread.push({ class: tensorClass, count: others });
  const module = isObject(place.value) ? place.value.class : undefined;
  if (path.length === 0 && unread.length === 0 && key === undefined && module === undefined)
    return { entries, taken: undefined };
  const parameters = countParameters(entries.map(([, view]) => view));
  const taken = { path, key: keyOf(path), tensors: entries.length, parameters, unread };
  return { entries, taken: Object.freeze(module === undefined ? taken : { ...taken, module }) };
}

interface Survey {
  /** Dictionaries that may be the one that is meant. */
  readonly candidates: readonly PickledPlace[];
  /** Dictionaries without weights of their own that hold some in lists. */
  readonly packed: readonly PickledPlace[];
  /** Other dictionaries that hold tensors. */
  readonly others: readonly PickledPlace[];
  readonly optimizers: number;
  readonly unread: ReadonlyMap<string, number>;
}

const isOptimizer = (value: ReadonlyMap<PickleValue, PickleValue>): boolean =>
  isDict(value.get("state")) && isList(value.get("param_groups"));

/** Looks at every dict, list and object below a place once, however often it is used there. */
function surveyOf(start: PickledPlace, holdsTensors: (object: PickleObject) => boolean): Survey {
  const [candidates, packed, others]: PickledPlace[][] = [[], [], []];
  const holdsWeights = listSearch();
  const unread = new Map<string, number>();
  const seen = new Set<PickleValue>([start.value]);
  const places = [start];
  let optimizers = 0;
  const leave = (object: PickleObject) =>
    void unread.set(object.class, (unread.get(object.class) ?? 0) + 1);
  const couldBeWeights = (one: PickleValue) =>
    isWeight(one) || (isObject(one) && !isModule(one) && holdsTensors(one));
  for (const place of places) {
    const { value } = place;
    const dict = dictOf(value);
    if (isObject(value) && dict === undefined && !isView(value)) leave(value);
    if (isObject(value)) for (const object of attributesOf(value)) leave(object);
    if (isDict(value) && isOptimizer(value)) {
      optimizers++;
      continue;
    }
    if (dict !== undefined) {
      const held = [...dict.values()];
      if (held.some(couldBeWeights)) candidates.push(place);
      else if (held.some((one) => isList(one) && holdsWeights(one))) packed.push(place);
      else if (held.some(isView)) others.push(place);
    }
    if (!isDict(value) && !isList(value)) continue;
    for (const [key, inner] of value.entries()) {
      const isOpen = isDict(inner) || isList(inner) || isObject(inner);
      if (!isOpen || seen.has(inner)) continue;
      seen.add(inner);
      places.push(placeOf(inner, nameOf(key), place));
    }
  }
  return { candidates, packed, others, optimizers, unread };
}

/** The key as text; keys that are neither text nor whole numbers name nothing, and their text leads nowhere. */
const nameOf = (key: PickleValue): string =>
  typeof key === "string" ? key : Number.isSafeInteger(key) ? String(key) : "?";

function onlyOne(survey: Survey, tensors: number, refuse: () => never): PickledPlace {
  const { candidates, packed, others } = survey;
  for (const meant of [candidates, packed]) {
    if (meant.length === 1) return meant[0];
    if (meant.length > 1) return refuseSeveral(meant);
  }
  if (others.length === 1) {
    // A single number beside things that are not read must not stand for the network.
    const [{ value }] = others;
    const held = new Set([...(dictOf(value)?.values() ?? [])].filter(isView));
    if (held.size === tensors && survey.unread.size === 0) return others[0];
  }
  if (others.length > 1) return refuseSeveral(others);
  return refuse();
}

function refuseSeveral(places: readonly PickledPlace[]): never {
  const found = places
    .map((place) => {
      const views = [...(dictOf(place.value)?.values() ?? [])].flatMap((one) => viewOf(one) ?? []);
      return { place, tensors: views.length, parameters: countParameters(views) };
    })
    .toSorted((a, b) => b.parameters - a.parameters);
  const lines = found.slice(0, limits.listed).map(({ place, tensors, parameters }) => {
    const path = pathOf(place);
    const where = path.length === 0 ? `"${topKey}" (the top level)` : quoted(keyOf(path));
    return `${where}: ${tensorsText(tensors, parameters)}`;
  });
  if (places.length > lines.length) lines.push(`and ${places.length - lines.length} more`);
  const example = quoted(keyOf(pathOf(found[0].place)));
  throw new UnsupportedError(
    `readPytorch: the file holds ${places.length} dictionaries of tensors, and nothing says which one is meant`,
    {
      problems: lines,
      remedy: `name one: --key ${example} for every file of a command, file.pt#${example.slice(1, -1)} for one file, \`key\` in code`,
    },
  );
}

const expected = "expected a dict from names to tensors; save model.state_dict() with torch.save";

function refuseNone(survey: Survey, { value }: PickledPlace, key: string | undefined): never {
  const { unread, optimizers, others } = survey;
  const classes = [...unread.keys()].slice(0, 5).map((name) => `class ${quoted(name)}`);
  const held = [
    ...(others.length > 0 ? ["single numbers"] : []),
    ...(optimizers > 0 ? ["the state of an optimizer"] : []),
    ...(classes.length > 0
      ? [`objects of ${classes.join(", ")}, of which nothing is run or read`]
      : []),
  ];
  const what = held.length > 0 ? `only ${held.join(" and ")}` : describe(value);
  const where = key === undefined ? "the file" : `the file at key ${quoted(key)}`;
  throw new UnsupportedError(`readPytorch: ${where} holds ${what}, ${expected}`);
}

/** What a pickle holds, in words. */
function describe(value: PickleValue): string {
  if (isDict(value)) return value.size === 0 ? "an empty dict" : `a dict of ${keysOf(value)}`;
  if (isView(value)) return "a single tensor";
  if (isList(value)) return `a list of ${value.length}`;
  return value === null ? "None" : `one ${typeof value}`;
}

function keysOf(value: ReadonlyMap<PickleValue, PickleValue>): string {
  const keys = [...value.keys()].slice(0, 5).map((key) => quoted(nameOf(key)));
  return keys.join(", ") + (value.size > 5 ? ", ..." : "");
}

/** Follows a path of keys; a key that itself holds dots is tried before its parts. @throws {OptionError} */
function find(root: PickledPlace, key: string): PickledPlace {
  const found = key === "" ? root : follow(root, key);
  if (found !== undefined) return found;
  if (key === topKey) return root;
  const keys = isDict(root.value) ? `, which has ${keysOf(root.value) || "no keys"}` : "";
  throw new OptionError(
    `readPytorch: the key ${quoted(key)} leads to nothing in the file${keys}; give a path of its keys joined by dots`,
  );
}

function follow(place: PickledPlace, key: string): PickledPlace | undefined {
  for (let end = key.length; end > 0; end = key.lastIndexOf(".", end - 1)) {
    const name = key.slice(0, end);
    const inner = enter(place.value, name);
    if (inner === undefined) continue;
    const next = placeOf(inner, name, place);
    const found = end === key.length ? next : follow(next, key.slice(end + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

function enter(value: PickleValue, name: string): PickleValue {
  const index = /^(0|-?[1-9]\d{0,14})$/.test(name) ? Number(name) : undefined;
  if (isDict(value)) return value.get(name) ?? (index === undefined ? undefined : value.get(index));
  if (isObject(value)) return moduleInside(value, name);
  return isList(value) && index !== undefined ? value[index] : undefined;
}

/** @throws {FormatError} when the path is too long to be told */
function pathOf(place: PickledPlace): string[] {
  const path: string[] = [];
  let length = 0;
  if (place.depth > limits.depth)
    throw new FormatError(
      `readPytorch: tensors lie below ${place.depth} dictionaries, at most ${limits.depth}; save the state_dict alone`,
    );
  for (let at: PickledPlace | undefined = place; at?.above !== undefined; at = at.above) {
    length += at.key.length + 1;
    path.unshift(at.key);
  }
  if (length > limits.pathLength)
    throw new FormatError(
      `readPytorch: tensors lie under keys of ${length} characters, at most ${limits.pathLength}; save the state_dict alone`,
    );
  return path;
}

const keyOf = (path: readonly string[]): string => (path.length === 0 ? topKey : path.join("."));

/** @throws {FormatError} for a tensor without a name of its own; {UnsupportedError} for objects in place of tensors */
function tensorsOf({ value }: PickledPlace, holdsTensors: (object: PickleObject) => boolean) {
  const entries = new Map<string, StoredView>();
  const values = new Set<PickleValue>();
  const holdsWeights = listSearch();
  const add = (name: string, view: StoredView, isName: boolean) => {
    if (!isName || entries.has(name))
      throw new FormatError(
        `readPytorch: a tensor has ${entries.has(name) ? `the name ${quoted(name)} of another one` : "a key that is no name"}; save the state_dict with names as keys`,
      );
    entries.set(name, view);
  };
  for (const [key, one] of dictOf(value) ?? []) {
    const isName = typeof key === "string" || Number.isSafeInteger(key);
    if (isList(one) && holdsWeights(one))
      for (const inner of tensorsInList(nameOf(key), one)) {
        add(inner.name, inner.view, isName);
        values.add(inner.value);
      }
    const view = viewOf(one);
    if (view === undefined && isObject(one) && isNumbers(one, holdsTensors))
      throw new UnsupportedError(
        `readPytorch: the entry ${quoted(nameOf(key))} is an object of class ${quoted(one.class)} that holds numbers, which is not read; nothing of it is run. Save its state_dict, or plain tensors, or safetensors`,
      );
    if (view === undefined) continue;
    add(nameOf(key), view, isName);
    values.add(one);
  }
  return { entries: [...entries], values };
}

/** Whether numbers lie in an object that is not understood. A module in a dict is a place of its own. */
const isNumbers = (object: PickleObject, holdsTensors: (object: PickleObject) => boolean) =>
  !isModule(object) && (isOddArray(object) || holdsTensors(object));

const countParameters = (views: readonly StoredView[]): number =>
  views.reduce((sum, view) => (isFloating(view) ? sum + sizeOf(view.shape) : sum), 0);

const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;

const tensorsText = (tensors: number, parameters: number): string =>
  `${plural(tensors, "tensor")}, ${plural(parameters, "parameter")}`;

/** A name between quotes, cut when it is long; signs that would steer a terminal are escaped. */
function quoted(name: string): string {
  const text = name.length > limits.nameLength ? `${name.slice(0, limits.nameLength)}...` : name;
  const safe = text.replaceAll(/["\\]|\p{C}/gu, (sign) =>
    sign === '"' || sign === "\\"
      ? `\\${sign}`
      : `\\u{${(sign.codePointAt(0) as number).toString(16)}}`,
  );
  return `"${safe}"`;
}

/** What was taken, in one line: `"state_dict" (4 tensors, 40 parameters)`. */
export function takenText({ path, key, tensors, parameters, module, unread }: Taken): string {
  const where = path.length === 0 ? "the top level" : quoted(key);
  const objects = unread.filter((one) => one.class !== tensorClass);
  const total = objects.reduce((sum, { count }) => sum + count, 0);
  const shown = objects.slice(0, 3).map(({ class: name }) => quoted(name));
  const more = objects.length > shown.length ? ", ..." : "";
  const others = unread.find((one) => one.class === tensorClass)?.count ?? 0;
  const parts = [
    ...(total > 0 ? [`${plural(total, "object")} of class ${shown.join(", ")}${more}`] : []),
    ...(others > 0 ? [`${plural(others, "tensor")} in no dictionary of weights`] : []),
  ];
  const left = parts.length === 0 ? "" : `; left unread: ${parts.join(" and ")}`;
  const of = module === undefined ? "" : `, a module of class ${quoted(module)}`;
  return `${where}${of} (${tensorsText(tensors, parameters)})${left}`;
}
