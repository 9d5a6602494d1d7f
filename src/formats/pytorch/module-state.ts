// The tensors of a whole pickled module by their dotted names, as its state_dict() would give them: parameters, buffers
// (those that are kept), then the modules inside, each under its name. No class of the file is looked up or run.

import { FormatError } from "../../core/errors.ts";
import { isObject, isSet } from "./pickle.ts";
import type { PickleObject, PickleValue } from "./pickle-machine.ts";

const limits = { depth: 64, modules: 200_000, tensors: 1_000_000, nameLength: 10_000 };

type Dict = ReadonlyMap<PickleValue, PickleValue>;

interface ModuleState {
  readonly parameters: Dict;
  readonly buffers: Dict;
  readonly modules: Dict;
  readonly state: Dict;
}

/** The state that torch gives every module. */
function stateOf(object: PickleObject): ModuleState | undefined {
  for (const state of object.parts) {
    if (!(state instanceof Map)) continue;
    const [parameters, buffers, modules] = ["_parameters", "_buffers", "_modules"].map(
      (name): unknown => state.get(name),
    );
    if (parameters instanceof Map && buffers instanceof Map && modules instanceof Map)
      return { parameters, buffers, modules, state };
  }
  return undefined;
}

/** Whether an object is a module of torch, by what it is made of. */
export const isModule = (object: PickleObject): boolean => stateOf(object) !== undefined;

/** The module inside another one that has this name. */
export const moduleInside = (object: PickleObject, name: string): PickleValue =>
  stateOf(object)?.modules.get(name);

const fail = (what: string): never => {
  throw new FormatError(`readPytorch: ${what}; save the module's state_dict() instead`);
};

const known = new WeakMap<PickleObject, Dict>();

/** The parameters and buffers of a module and those inside it. @throws {FormatError} for modules that hold themselves */
export function moduleTensors(object: PickleObject): Dict {
  const before = known.get(object);
  if (before !== undefined) return before;
  const tensors = new Map<PickleValue, PickleValue>();
  let visits = 0;
  const visit = (module: PickleObject, prefix: string, depth: number): void => {
    const state = stateOf(module);
    if (state === undefined) return;
    if (depth > limits.depth) fail(`modules lie more than ${limits.depth} inside each other`);
    if (++visits > limits.modules) fail(`a module holds more than ${limits.modules} others`);
    if (prefix.length > limits.nameLength)
      fail(`a module has a name of more than ${limits.nameLength} characters`);
    const dropped = state.state.get("_non_persistent_buffers_set");
    const temporary = new Set(isSet(dropped) ? dropped.items : []);
    for (const [name, value] of state.parameters) add(prefix, name, value);
    for (const [name, value] of state.buffers) if (!temporary.has(name)) add(prefix, name, value);
    for (const [name, inner] of state.modules) {
      if (!isObject(inner)) continue;
      // What is no module as torch makes them may still hold numbers: it stays, so that it can be refused.
      if (isModule(inner)) visit(inner, `${prefix}${text(name)}.`, depth + 1);
      else add(prefix, name, inner);
    }
  };
  const add = (prefix: string, name: PickleValue, value: PickleValue): void => {
    if (value === null) return;
    if (tensors.size >= limits.tensors) fail(`a module holds more than ${limits.tensors} tensors`);
    tensors.set(`${prefix}${text(name)}`, value);
  };
  visit(object, "", 0);
  known.set(object, tensors);
  return tensors;
}

const text = (name: PickleValue): string =>
  typeof name === "string" ? name : fail("a part of a module has no name");

/** The objects of other classes that a module and those inside it keep as attributes. */
export function attributesOf(object: PickleObject): PickleObject[] {
  const seen = new Set<PickleValue>([object]);
  const open = [object];
  const found: PickleObject[] = [];
  for (let module = open.pop(); module !== undefined; module = open.pop()) {
    const state = stateOf(module);
    for (const value of [...(state?.state.values() ?? []), ...(state?.modules.values() ?? [])]) {
      if (!isObject(value) || seen.has(value)) continue;
      seen.add(value);
      if (isModule(value)) open.push(value);
      else found.push(value);
    }
  }
  return found;
}
