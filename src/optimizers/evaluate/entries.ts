// What is measured side by side: hand-made optimizers, each with the same number of rates to choose from, and learned ones, as they are or
// with as many lengths of their steps to choose from.

import { jit, numpy as np } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import { noSuchName } from "../../core/nearest-name.ts";
import { disposeArrays } from "../../engine/arrays.ts";
import type { Params } from "../../models/model.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { muon } from "../../train/optimizers/muon.ts";
import { adam, adamW, rmsprop, sgd } from "../../train/optimizers/optimizers.ts";
import { meanParams, scheduleFreeAdamW } from "../../train/optimizers/schedule-free.ts";
import {
  chain,
  type OptimizerState,
  scaleBy,
  type UpdateRule,
} from "../../train/optimizers/update-rules.ts";
import { stackThetas, thetaToVector } from "../host-theta.ts";
import { optimizerKind } from "../registry.ts";
import type { ThetaFile } from "../theta-file.ts";
import { type StepsOnKernels, stepsOnKernels } from "./steps-on-kernels.ts";

/** An optimizer of n networks. */
export interface ManyRule {
  readonly init: (params: Params) => OptimizerState;
  /** Updates and the next state. @keeps params @consumes gradients, state */
  readonly update: (
    gradients: Params,
    state: OptimizerState,
    params: Params,
  ) => readonly [updates: Params, state: OptimizerState];
  /** The parameters that are evaluated, where they are not those that move. Keeps its arguments. */
  readonly evaluated?: (state: OptimizerState, params: Params) => Params;
  /** The same steps on kernels, one network at a time, where the optimizer has them. */
  readonly onKernels?: () => StepsOnKernels;
  readonly close: () => void;
}

/** An optimizer in an evaluation. */
export interface OptimizerEntry {
  readonly name: string;
  /** Rates to choose from, or factors of a learned optimizer's steps; none where nothing is tuned. */
  readonly rates: readonly number[];
  /** The rule for networks with a rate each; without rates, for so many networks. */
  readonly rule: (spec: SymmetrySpec, rates: readonly number[]) => ManyRule;
}

/** How many rates every hand-made optimizer may try. */
export const triedRates = 20;

/** The published grid of Adam is 0.0005, 0.001, ..., 0.01 (GradMetaNet); others have the same number of rates. */
const grid = (step: number): number[] =>
  Array.from({ length: triedRates }, (_, i) => step * (i + 1));

/** As many rates from 0.0001 to 0.1, in equal ratios: for tasks whose best rate lies at an end of the published grid. */
const wideGrid = Array.from(
  { length: triedRates },
  (_, i) => 0.0001 * 1000 ** (i / (triedRates - 1)),
);

type MakeRule = (rate: np.Array) => UpdateRule;

function handMade(
  name: string,
  rates: readonly number[],
  make: MakeRule,
  evaluated?: ManyRule["evaluated"],
): OptimizerEntry {
  return {
    name,
    rates,
    rule(_, chosen) {
      const rate = np.array([...chosen]);
      const step = jit(
        (now: np.Array, gradients: Params, state: OptimizerState, params: Params) => {
          const [updates, next] = make(now).update(gradients, state, params);
          disposeArrays(params);
          now.dispose();
          return { updates, next };
        },
      );
      return {
        init: (params) => make(rate).init(params),
        update(gradients, state, params) {
          const kept = Object.fromEntries(Object.entries(params).map(([k, v]) => [k, v.ref]));
          const { updates, next } = step(rate.ref, gradients, state, kept);
          return [updates, next];
        },
        ...(evaluated && { evaluated }),
        close: () => rate.dispose(),
      };
    },
  };
}

const handMadeOnes: Readonly<Record<string, () => OptimizerEntry>> = {
  adam: () => handMade("adam", grid(0.0005), (rate) => adam({ rate })),
  "adam-wide": () => handMade("adam-wide", wideGrid, (rate) => adam({ rate })),
  adamw: () => handMade("adamw", grid(0.0005), (rate) => adamW({ rate })),
  sgdm: () => handMade("sgdm", grid(0.02), (rate) => sgd({ rate, momentum: 0.9 })),
  nesterov: () =>
    handMade("nesterov", grid(0.02), (rate) => sgd({ rate, momentum: 0.9, nesterov: true })),
  rmsprop: () => handMade("rmsprop", grid(0.0005), (rate) => rmsprop({ rate })),
  "schedule-free": () =>
    handMade(
      "schedule-free",
      grid(0.0025),
      (rate) => scheduleFreeAdamW({ rate, warmup: 50 }),
      (state, params) => meanParams(state, params),
    ),
  muon: () => handMade("muon", grid(0.005), (rate) => chain(muon({ leading: 1 }), scaleBy(rate))),
};

/** Names of the hand-made optimizers. */
export const handMadeNames = (): readonly string[] => Object.keys(handMadeOnes);

/** A hand-made optimizer with its rates. @throws {OptionError} listing the names there are */
export function handMadeEntry(name: string): OptimizerEntry {
  if (Object.hasOwn(handMadeOnes, name)) return handMadeOnes[name]();
  throw new OptionError(
    `evaluateOptimizers: ${noSuchName("optimizer", name, handMadeNames())}, or a file of theta`,
  );
}

/** Factors that a learned optimizer's steps may be multiplied by: powers of the root of 2, from 1/32 to 23. */
const stepFactors = Array.from({ length: triedRates }, (_, i) => 2 ** (i / 2 - 5));

/** Multiplies the updates of networks by a factor each. */
function scaledSteps(factors: readonly number[]) {
  const held = np.array([...factors]);
  const scaled = jit((now: np.Array, updates: Params) => scaleBy(now).update(updates, {}, {})[0]);
  return { scale: (updates: Params) => scaled(held.ref, updates), close: () => held.dispose() };
}

/** How a learned optimizer is measured. */
export interface LearnedEntryOptions {
  /** Its steps are multiplied by one of 20 factors, chosen as hand-made optimizers choose rates. @default false: it is used as it is */
  readonly tuned?: boolean;
}

/** A learned optimizer. */
export function learnedEntry(
  name: string,
  { kind, theta }: ThetaFile,
  { tuned = false }: LearnedEntryOptions = {},
): OptimizerEntry {
  return {
    name,
    rates: tuned ? stepFactors : [],
    rule(spec, networks) {
      const program = optimizerKind(kind).program(spec);
      const { stepKernel } = program;
      const vector = thetaToVector(program.thetaShapes, theta);
      const vectors = networks.map(() => vector);
      const prepared = program.prepare(stackThetas(program.thetaShapes, vectors));
      const steps = tuned ? scaledSteps(networks) : undefined;
      return {
        init: () => program.initialState(networks.length),
        update(gradients, state, params) {
          const [updates, next] = program.update(prepared, gradients, state, params);
          return [steps?.scale(updates) ?? updates, next];
        },
        ...(stepKernel !== undefined && {
          onKernels: () =>
            stepsOnKernels(program, stepKernel, prepared, tuned ? networks : undefined),
        }),
        close() {
          disposeArrays(prepared);
          steps?.close();
        },
      };
    },
  };
}
