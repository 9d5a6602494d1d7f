// Optimizers as compositions of update rules: Adam with coupled or decoupled weight decay (Kingma and Ba 2015; Loshchilov and
// Hutter 2019), RMSProp (Hinton 2012), SGD with momentum (Polyak 1964; Nesterov's form as in Sutskever et al. 2013).

import type { numpy as np } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import {
  addDecayedParams,
  average,
  chain,
  type Coefficient,
  quotient,
  rootMeanSquare,
  scaleBy,
  type UpdateRule,
} from "./update-rules.ts";

/** An update rule whose updates are added to the parameters; `fit` multiplies them by its rate. */
export interface Optimizer extends UpdateRule {
  /** Name and options, as in `sgd(momentum 0.9)`: a resumed run must use an optimizer of the same name. */
  readonly name: string;
}

function checkFraction(where: string, name: string, value: Coefficient): void {
  if (typeof value === "number" && !(value >= 0 && value < 1)) {
    throw new OptionError(`${where}: ${name} expected at least 0 and below 1, got ${value}`);
  }
}

function checkAtLeastZero(where: string, name: string, value: Coefficient): void {
  if (typeof value === "number" && !(value >= 0)) {
    throw new OptionError(`${where}: ${name} expected at least 0, got ${value}`);
  }
}

/** A hyper-parameter as names show it: the number, or the shape of an array. */
export const printCoefficient = (value: Coefficient): string =>
  typeof value === "number" ? String(value) : `[${value.shape.join(", ")}]`;

const decayName = (decay: Coefficient, decoupled: boolean): string =>
  decay === 0 ? "" : `, ${decoupled ? "decoupled " : ""}decay ${printCoefficient(decay)}`;

const rateName = (rate: Coefficient): string =>
  rate === 1 ? "" : `, rate ${printCoefficient(rate)}`;

const minus = (rate: Coefficient): UpdateRule =>
  typeof rate === "number" ? scaleBy(-rate) : chain(scaleBy(rate), scaleBy(-1));

/** Hyper-parameters of Adam and AdamW. */
export interface AdamOptions {
  /** Learning rate; `fit` multiplies it by its own. @default 1 */
  readonly rate?: Coefficient;
  /** Decay of the average of gradients. @default 0.9 */
  readonly beta1?: Coefficient;
  /** Decay of the average of squared gradients. @default 0.999 */
  readonly beta2?: Coefficient;
  /** Added to the root of the second average. @default 1e-8 */
  readonly epsilon?: Coefficient;
  /** Weight decay. @default 0 */
  readonly weightDecay?: Coefficient;
  /** Decoupled decay shrinks parameters by `rate * weightDecay` (AdamW); coupled adds it to the gradient. @default true */
  readonly decoupled?: boolean;
}

/** Options of Adam that are plain numbers, not arrays of one value a network. */
export type AdamNumbers = { [Name in keyof AdamOptions]: Exclude<AdamOptions[Name], np.Array> };

/** Of optimizers that `adam` made with plain numbers; what is made of them by other hands is not here. */
const numbersOfAdam = new WeakMap<Optimizer, Required<AdamNumbers>>();

/** The numbers of an optimizer that is Adam with the same plain ones for all parameters: a kernel can step it. */
export const adamNumbers = (optimizer: Optimizer): Required<AdamNumbers> | undefined =>
  numbersOfAdam.get(optimizer);

/**
 * Adam; with `weightDecay`, AdamW.
 * @throws {OptionError} when a beta is not in [0, 1), or the decay or the rate is below 0
 */
export function adam({
  rate = 1,
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon = 1e-8,
  weightDecay = 0,
  decoupled = true,
}: AdamOptions = {}): Optimizer {
  checkFraction("adam", "beta1", beta1);
  checkFraction("adam", "beta2", beta2);
  checkAtLeastZero("adam", "weightDecay", weightDecay);
  checkAtLeastZero("adam", "rate", rate);
  const decay = addDecayedParams(weightDecay);
  const direction = quotient(
    average({ keep: beta1, take: "rest", corrected: true, slot: "first", count: "seen1" }),
    rootMeanSquare({ decay: beta2, epsilon, corrected: true }),
  );
  const rules = decoupled ? [direction, decay] : [decay, direction];
  const betas = `${printCoefficient(beta1)}, ${printCoefficient(beta2)}, ${printCoefficient(epsilon)}`;
  const optimizer: Optimizer = {
    name: `adam(${betas}${decayName(weightDecay, decoupled)}${rateName(rate)})`,
    ...chain(...rules, minus(rate)),
  };
  const options = { rate, beta1, beta2, epsilon, weightDecay, decoupled };
  if (Object.values(options).every((value) => typeof value !== "object"))
    numbersOfAdam.set(optimizer, options as Required<AdamNumbers>);
  return optimizer;
}

/** Adam with decoupled weight decay. The decay is that of Loshchilov and Hutter (2019). @default weightDecay 0.01 */
export const adamW = ({
  weightDecay = 0.01,
  ...options
}: Omit<AdamOptions, "decoupled"> = {}): Optimizer => adam({ ...options, weightDecay });

/** Hyper-parameters of RMSprop. */
export interface RmspropOptions {
  /** Learning rate; `fit` multiplies it by its own. @default 1 */
  readonly rate?: Coefficient;
  /** Decay of the average of squared gradients. @default 0.9 */
  readonly decay?: Coefficient;
  /** Added to the root of the average. @default 1e-8 */
  readonly epsilon?: Coefficient;
}

/**
 * RMSProp: gradients divided by the root of a running average of their squares.
 * @throws {OptionError} when the decay is not in [0, 1) or the rate is below 0
 */
export function rmsprop({ rate = 1, decay = 0.9, epsilon = 1e-8 }: RmspropOptions = {}): Optimizer {
  checkFraction("rmsprop", "decay", decay);
  checkAtLeastZero("rmsprop", "rate", rate);
  return {
    name: `rmsprop(${printCoefficient(decay)}, ${printCoefficient(epsilon)}${rateName(rate)})`,
    ...chain(quotient(scaleBy(1), rootMeanSquare({ decay, epsilon })), minus(rate)),
  };
}

/** Hyper-parameters of stochastic gradient descent. */
export interface SgdOptions {
  /** Learning rate; `fit` multiplies it by its own. @default 1 */
  readonly rate?: Coefficient;
  /** Decay of the running sum of gradients; 0 turns it off. @default 0 */
  readonly momentum?: Coefficient;
  /** Look one step ahead along the momentum. @default false */
  readonly nesterov?: boolean;
  /** Added to the gradient as `weightDecay * params`. @default 0 */
  readonly weightDecay?: Coefficient;
}

/**
 * Stochastic gradient descent: `v = momentum * v + g`, step `v`, or `g + momentum * v` with `nesterov`.
 * @throws {OptionError} when momentum is not in [0, 1), the decay or the rate is below 0, or `nesterov` has no momentum
 */
export function sgd({
  rate = 1,
  momentum = 0,
  nesterov = false,
  weightDecay = 0,
}: SgdOptions = {}): Optimizer {
  checkFraction("sgd", "momentum", momentum);
  checkAtLeastZero("sgd", "weightDecay", weightDecay);
  checkAtLeastZero("sgd", "rate", rate);
  if (nesterov && momentum === 0) {
    throw new OptionError("sgd: nesterov needs momentum above 0, got 0; set momentum, 0.9 for one");
  }
  const rules = momentum === 0 ? [] : [average({ keep: momentum, nesterov, slot: "velocity" })];
  const momentumName = `${nesterov ? "nesterov " : ""}momentum ${printCoefficient(momentum)}`;
  return {
    name: `sgd(${momentumName}${decayName(weightDecay, false)}${rateName(rate)})`,
    ...chain(addDecayedParams(weightDecay), ...rules, minus(rate)),
  };
}
