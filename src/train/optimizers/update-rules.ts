// Update rules and how they are put together: running averages, roots of mean squares, quotients and chains. An optimizer is a
// composition of them, in the convention of optax: `update(gradients, state, params)` gives `[updates, state]`.

import { numpy as np } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import { type ArrayRecord, keepArrays, mapArrays } from "../../engine/arrays.ts";
import type { Params } from "../../models/model.ts";

/** What a rule remembers: a flat record like the parameters, so that checkpoints store both in the same way. */
export type OptimizerState = ArrayRecord;

/**
 * A hyper-parameter: a number, an array [], or an array [n] for parameters [n, ...] of n networks, one value a network.
 * Arrays are kept, not consumed; they may be arguments of a function under `jit`.
 */
export type Coefficient = number | np.Array;

/** A rule that turns gradients into updates. Rules are pure: they run under `jit`. */
export interface UpdateRule {
  /** The state before the first step. Keeps the parameters. */
  init(params: Params): OptimizerState;
  /**
   * One step: the updates, which are arrays shaped like the parameters, and the next state. Entries of the state that
   * `init` did not make are left alone. @consumes gradients, and the entries of the state that `init` made @keeps params
   */
  update(
    gradients: Params,
    state: OptimizerState,
    params: Params,
  ): readonly [updates: Params, state: OptimizerState];
}

/** The coefficient in a shape that multiplies `like`: a number as it is, [] as it is, [n] as [n, 1, ...]. */
function along(coefficient: Coefficient, like: np.Array): Coefficient {
  if (typeof coefficient === "number" || coefficient.ndim === 0) return kept(coefficient);
  return np.reshape(coefficient.ref, [coefficient.shape[0], ...like.shape.slice(1).map(() => 1)]);
}

const kept = (coefficient: Coefficient): Coefficient =>
  typeof coefficient === "number" ? coefficient : coefficient.ref;

/** 1 - coefficient, a new array where the coefficient is one. */
const complement = (coefficient: Coefficient): Coefficient =>
  typeof coefficient === "number" ? 1 - coefficient : np.subtract(1, coefficient.ref);

const shapeOf = (coefficient: Coefficient): number[] =>
  typeof coefficient === "number" ? [] : [...coefficient.shape];

function zerosLike(params: Params, slot: string): OptimizerState {
  const entries = Object.entries(params).map(([path, { shape }]) => [
    `${slot}/${path}`,
    np.zeros([...shape]),
  ]);
  return Object.fromEntries(entries) as OptimizerState;
}

/**
 * Rules one after another: each reads the updates of the one before, the first reads the gradients.
 * @throws {OptionError} from `init` when two rules keep their state under the same name
 */
export function chain(...rules: readonly UpdateRule[]): UpdateRule {
  return {
    init: (params) => joined(rules.map((rule) => rule.init(params))),
    update(gradients, state, params) {
      let [updates, all] = [gradients, state];
      for (const rule of rules) {
        const [next, nextState] = rule.update(updates, all, params);
        [updates, all] = [next, { ...all, ...nextState }];
      }
      return [updates, all];
    },
  };
}

function joined(states: readonly OptimizerState[]): OptimizerState {
  const all: OptimizerState = {};
  for (const [name, array] of states.flatMap((state) => Object.entries(state))) {
    if (Object.hasOwn(all, name))
      throw new OptionError(
        `chain: two rules keep a state called "${name}", expected one; give one of them another slot`,
      );
    all[name] = array;
  }
  return all;
}

/** The updates of one rule divided by those of another, entry by entry; both read the same gradients. */
export function quotient(numerator: UpdateRule, denominator: UpdateRule): UpdateRule {
  return {
    init: (params) => joined([numerator.init(params), denominator.init(params)]),
    update(gradients, state, params) {
      const [above, first] = numerator.update(keepArrays(gradients), state, params);
      const [below, second] = denominator.update(gradients, { ...state, ...first }, params);
      const updates = mapArrays(above, (array, path) => np.divide(array, below[path]));
      return [updates, { ...state, ...first, ...second }];
    },
  };
}

/** Updates times a coefficient. A step down the gradient ends with `scaleBy(-rate)`. */
export function scaleBy(coefficient: Coefficient): UpdateRule {
  return {
    init: () => ({}),
    update: (gradients) => [
      coefficient === 1
        ? gradients
        : mapArrays(gradients, (array) => np.multiply(array, along(coefficient, array))),
      {},
    ],
  };
}

/** Updates plus `decay` times the parameters: weight decay. */
export function addDecayedParams(decay: Coefficient): UpdateRule {
  return {
    init: () => ({}),
    update: (gradients, _, params) => [
      decay === 0
        ? gradients
        : mapArrays(gradients, (array, path) =>
            np.add(array, np.multiply(params[path].ref, along(decay, params[path]))),
          ),
      {},
    ],
  };
}

/** How a moving average of gradients is taken. */
export interface AverageOptions {
  /** Part of the average that is kept at every step. */
  readonly keep: Coefficient;
  /** Part of the gradient that enters; "rest" is 1 - keep. @default 1: a decaying sum */
  readonly take?: Coefficient | "rest";
  /** Divide by the same average of ones, so that early averages are not too small. @default false */
  readonly corrected?: boolean;
  /** Look one step ahead: gradient + keep * average (Nesterov's form as in Sutskever et al. 2013). @default false */
  readonly nesterov?: boolean;
  /** Names of the state: `<slot>/<path>` and, when corrected, `<count>`. */
  readonly slot: string;
  readonly count?: string;
}

/** A running average of the gradients: average = keep * average + take * gradient. */
export function average(options: AverageOptions): UpdateRule {
  const { keep, corrected = false, nesterov = false, slot, count = `${slot}Seen` } = options;
  return {
    init: (params) => ({
      ...(corrected ? { [count]: np.zeros(shapeOf(keep)) } : {}),
      ...zerosLike(params, slot),
    }),
    update(gradients, state) {
      const next: OptimizerState = {};
      const take = options.take === "rest" ? complement(keep) : kept(options.take ?? 1);
      if (corrected) next[count] = averageOfOnes(state[count], keep, take);
      const updates = mapArrays(gradients, (gradient, path) => {
        const entering =
          take === 1 ? gradient.ref : np.multiply(gradient.ref, along(take, gradient));
        const before = np.multiply(state[`${slot}/${path}`], along(keep, gradient));
        const sum = np.add(before, entering);
        next[`${slot}/${path}`] = sum.ref;
        if (nesterov) return np.add(gradient, np.multiply(sum, along(keep, sum)));
        const result = corrected ? np.divide(sum, along(next[count], gradient)) : sum;
        gradient.dispose();
        return result;
      });
      if (typeof take !== "number") take.dispose();
      return [updates, next];
    },
  };
}

/** The bias correction 1 - keep^t as the same average taken over ones: no powers, no step counter. */
const averageOfOnes = (seen: np.Array, keep: Coefficient, take: Coefficient): np.Array =>
  np.add(np.multiply(seen, kept(keep)), kept(take));

/** How gradients are divided by their root mean square. */
export interface RootMeanSquareOptions {
  /** Part of the average of squares that is kept at every step. */
  readonly decay: Coefficient;
  /** Added to the root. */
  readonly epsilon: Coefficient;
  /** Divide the average by the same average of ones. @default false */
  readonly corrected?: boolean;
  /** [n]: the root where this is above 0, and 1 elsewhere. @default everywhere */
  readonly only?: np.Array;
  /** Names of the state: `<slot>/<path>` and, when corrected, `<count>`. @default "second", "seen2" */
  readonly slot?: string;
  readonly count?: string;
}

/** Root of a running average of squared gradients, plus epsilon: what adaptive optimizers divide by. */
export function rootMeanSquare(options: RootMeanSquareOptions): UpdateRule {
  const { decay, epsilon, corrected = false, only, slot = "second", count = "seen2" } = options;
  return {
    init: (params) => ({
      ...(corrected ? { [count]: np.zeros(shapeOf(decay)) } : {}),
      ...zerosLike(params, slot),
    }),
    update(gradients, state) {
      const next: OptimizerState = {};
      const rest = complement(decay);
      if (corrected) next[count] = averageOfOnes(state[count], decay, rest);
      const updates = mapArrays(gradients, (gradient, path) => {
        const before = np.multiply(state[`${slot}/${path}`], along(decay, gradient));
        const entering = np.multiply(np.square(gradient.ref), along(rest, gradient));
        const squares = np.add(before, entering);
        next[`${slot}/${path}`] = squares.ref;
        const mean = corrected ? np.divide(squares, along(next[count], gradient)) : squares;
        const root = np.add(np.sqrt(mean), along(epsilon, gradient));
        const mask = only === undefined ? undefined : along(only, gradient);
        gradient.dispose();
        return mask === undefined ? root : np.where(np.greater(mask, 0), root, 1);
      });
      if (typeof rest !== "number") rest.dispose();
      return [updates, next];
    },
  };
}

/** Parameters after a step: params + rate * updates. @consumes all */
export function applyUpdates(params: Params, updates: Params, rate?: np.Array): Params {
  const moved = mapArrays(params, (value, path) =>
    np.add(value, rate === undefined ? updates[path] : np.multiply(updates[path], rate.ref)),
  );
  rate?.dispose();
  return moved;
}
