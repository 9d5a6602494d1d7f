// Optimizers as pairs of pure functions over flat records of parameters: Adam with coupled or decoupled weight decay
// (Kingma and Ba 2015; Loshchilov and Hutter 2019) and SGD with momentum (Nesterov's form as in Sutskever et al. 2013).

import { numpy as np } from "@jax-js/jax";
import { OptionError } from "../core/errors.ts";
import type { Params } from "../models/model.ts";
import type { ArrayRecord } from "../engine/arrays.ts";

/** Running averages by name, flat like the parameters, so that checkpoints store them the same way. */
export type OptimizerState = ArrayRecord;

export interface Optimizer {
  /** Name and options, as in `sgd(momentum 0.9)`: a resumed run must use an optimizer of the same name. */
  readonly name: string;
  /** Fresh state; does not consume the parameters. */
  init(params: Params): OptimizerState;
  /** One step at this learning rate []. Pure: runs under `jit`. Consumes all its arguments. */
  update(
    params: Params,
    gradients: Params,
    state: OptimizerState,
    rate: np.Array,
  ): { params: Params; state: OptimizerState };
}

function checkFraction(where: string, name: string, value: number): void {
  if (!(value >= 0 && value < 1)) {
    throw new OptionError(`${where}: ${name} expected at least 0 and below 1, got ${value}`);
  }
}

function checkDecay(where: string, value: number): void {
  if (!(value >= 0))
    throw new OptionError(`${where}: weightDecay expected at least 0, got ${value}`);
}

const decayName = (decay: number, decoupled: boolean): string =>
  decay === 0 ? "" : `, ${decoupled ? "decoupled " : ""}decay ${decay}`;

export interface AdamOptions {
  /** Decay of the average of gradients. @default 0.9 */
  readonly beta1?: number;
  /** Decay of the average of squared gradients. @default 0.999 */
  readonly beta2?: number;
  /** Added to the root of the second average. @default 1e-8 */
  readonly epsilon?: number;
  /** Weight decay. @default 0 */
  readonly weightDecay?: number;
  /** Decoupled decay shrinks parameters by `rate * weightDecay` (AdamW); coupled adds it to the gradient. @default true */
  readonly decoupled?: boolean;
}

/** Adam; with `weightDecay`, AdamW. */
export function adam({
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon = 1e-8,
  weightDecay = 0,
  decoupled = true,
}: AdamOptions = {}): Optimizer {
  checkFraction("adam", "beta1", beta1);
  checkFraction("adam", "beta2", beta2);
  checkDecay("adam", weightDecay);
  return {
    name: `adam(${beta1}, ${beta2}, ${epsilon}${decayName(weightDecay, decoupled)})`,
    init(params) {
      const state: OptimizerState = { seen1: np.zeros([]), seen2: np.zeros([]) };
      for (const [path, value] of Object.entries(params)) {
        state[`first/${path}`] = np.zeros([...value.shape]);
        state[`second/${path}`] = np.zeros([...value.shape]);
      }
      return state;
    },
    update(params, gradients, state, rate) {
      // The bias corrections 1 - beta^t are the same averages taken over ones: no powers, no step counter.
      const seen1 = state["seen1"].mul(beta1).add(1 - beta1);
      const seen2 = state["seen2"].mul(beta2).add(1 - beta2);
      const next: OptimizerState = { seen1, seen2 };
      const updated: Params = {};
      for (const [path, value] of Object.entries(params)) {
        let gradient = gradients[path];
        if (weightDecay > 0 && !decoupled) gradient = gradient.add(value.ref.mul(weightDecay));
        const first = state[`first/${path}`].mul(beta1).add(gradient.ref.mul(1 - beta1));
        const second = state[`second/${path}`].mul(beta2).add(np.square(gradient).mul(1 - beta2));
        const scale = np.sqrt(second.ref.div(seen2.ref)).add(epsilon);
        let step = first.ref.div(seen1.ref).div(scale);
        if (weightDecay > 0 && decoupled) step = step.add(value.ref.mul(weightDecay));
        updated[path] = value.sub(step.mul(rate.ref));
        next[`first/${path}`] = first;
        next[`second/${path}`] = second;
      }
      rate.dispose();
      return { params: updated, state: next };
    },
  };
}

export interface SgdOptions {
  /** Decay of the running sum of gradients; 0 turns it off. @default 0 */
  readonly momentum?: number;
  /** Look one step ahead along the momentum. @default false */
  readonly nesterov?: boolean;
  /** Added to the gradient as `weightDecay * params`. @default 0 */
  readonly weightDecay?: number;
}

/** Stochastic gradient descent: `v = momentum * v + g`, step `v`, or `g + momentum * v` with `nesterov`. */
export function sgd({
  momentum = 0,
  nesterov = false,
  weightDecay = 0,
}: SgdOptions = {}): Optimizer {
  checkFraction("sgd", "momentum", momentum);
  checkDecay("sgd", weightDecay);
  if (nesterov && momentum === 0) {
    throw new OptionError("sgd: nesterov needs momentum above 0, got 0; set momentum, 0.9 for one");
  }
  return {
    name: `sgd(${nesterov ? "nesterov " : ""}momentum ${momentum}${decayName(weightDecay, false)})`,
    init(params) {
      const state: OptimizerState = {};
      if (momentum === 0) return state;
      for (const [path, value] of Object.entries(params)) {
        state[`velocity/${path}`] = np.zeros([...value.shape]);
      }
      return state;
    },
    update(params, gradients, state, rate) {
      const next: OptimizerState = {};
      const updated: Params = {};
      for (const [path, value] of Object.entries(params)) {
        let step = gradients[path];
        if (weightDecay > 0) step = step.add(value.ref.mul(weightDecay));
        if (momentum > 0) {
          const velocity = state[`velocity/${path}`].mul(momentum).add(step.ref);
          next[`velocity/${path}`] = velocity.ref;
          if (nesterov) step = step.add(velocity.mul(momentum));
          else {
            step.dispose();
            step = velocity;
          }
        }
        updated[path] = value.sub(step.mul(rate.ref));
      }
      rate.dispose();
      return { params: updated, state: next };
    },
  };
}
