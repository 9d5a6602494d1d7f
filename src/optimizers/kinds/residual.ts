// Optimizers that add a network's output to momentum (Zhou, Finn and Harrison 2024, section 4.2): W - alpha (m + beta f), where m is
// momentum of decay gamma and f reads the 19 published inputs through three dense layers on every entry and one last layer: dense (Deep Sets),
// equivariant (UNF, NFN), or equivariant with coefficients shared by kind of term, which acts on any spec. Alpha, gamma and beta are
// meta-learned as exponents. Running means of gradients among the inputs are means, the momentum is a sum, as in the paper.

import { jit, numpy as np } from "@jax-js/jax";
import { deriveSeed } from "../../core/random.ts";
import { keepArrays } from "../../engine/arrays.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { denseEntries } from "../dense-entries.ts";
import { entryNetwork } from "../entry-network.ts";
import { denseOutput } from "../outputs/dense-output.ts";
import { equivariantOutput } from "../outputs/equivariant-output.ts";
import type { OutputLayer } from "../outputs/output-layer.ts";
import { blocksAsAxes } from "../permuted-spec.ts";
import {
  entryChannels,
  entryFeatures,
  momentumDecays,
  timeChannels,
} from "../features/published-features.ts";
import { type TensorLayout, tensorLayout } from "../tensor-layout.ts";
import { thetaPart } from "../host-theta.ts";
import { publishedStep, residualMove } from "../steps/published-step.ts";
import type { UpdateProgram } from "../update-program.ts";
import { initialScalars, prepareScalars, scalarShapes } from "./momentum.ts";

/** The last layer: see {@link residualProgram}. */
export type ResidualOutput = "dense" | "unf" | "nfn" | "kinds";

export interface ResidualOptions {
  readonly output: ResidualOutput;
  /** Width of the three dense layers. @default 32 */
  readonly width?: number;
}

/** Inputs are bounded by this before they are normalised. */
const clip = 1;

function outputLayer(
  spec: SymmetrySpec,
  layout: TensorLayout,
  { output, width }: Required<ResidualOptions>,
): OutputLayer {
  if (output === "dense") return denseOutput(width);
  if (output === "kinds")
    return equivariantOutput(spec, layout, { channels: width, coefficients: "kinds" });
  // UNF permutes kernel positions as axes of their own; NFN folds them into channels, without a bias where there are any.
  const named = blocksAsAxes(spec);
  const hasBlocks = named !== spec;
  return output === "unf"
    ? equivariantOutput(named, layout, { channels: width, coefficients: "terms" })
    : equivariantOutput(spec, layout, { channels: width, coefficients: "terms", bias: !hasBlocks });
}

/** Momentum, and updates against it and the network's outputs. Compiled. */
const residualUpdate = (layout: TensorLayout) =>
  jit((f: np.Array, gradient: np.Array, before: np.Array, scalars: np.Array[], steps: np.Array) => {
    const [alpha, gamma, beta] = scalars;
    const momentum = np.add(np.multiply(before, gamma), gradient);
    const direction = np.add(momentum.ref, np.multiply(f, beta));
    return {
      momentum,
      steps: np.add(steps, 1),
      updates: layout.unflatten(np.negative(np.multiply(direction, alpha))),
    };
  });

/** An optimizer of the residual kind over a spec. */
export function residualProgram(
  spec: SymmetrySpec,
  { output, width = 32 }: ResidualOptions,
): UpdateProgram {
  const layout = tensorLayout(spec);
  const dense = denseEntries({
    sizes: [entryChannels, width, width, width],
    time: timeChannels,
    activateLast: true,
  });
  const last = outputLayer(spec, layout, { output, width });
  const network = entryNetwork({ dense, last, entries: layout.total });
  const isDense = last.kernels.tensors === undefined;
  const readEntries = entryFeatures(layout, { clip });
  const finish = residualUpdate(layout);
  return {
    thetaShapes: { ...dense.thetaShapes, ...last.thetaShapes, ...scalarShapes(true) },
    initialTheta: (seed) => ({
      ...dense.initialTheta(deriveSeed(seed, "dense")),
      ...last.initialTheta(deriveSeed(seed, "output")),
      ...initialScalars(true),
    }),
    initialState: (n) => ({
      means: np.zeros([n, momentumDecays.length, layout.total]),
      momentum: np.zeros([n, layout.total]),
      steps: np.zeros([n]),
    }),
    prepare: (theta) => ({
      ...dense.prepare(thetaPart(theta, dense.thetaShapes)),
      ...last.prepare(thetaPart(theta, last.thetaShapes)),
      ...prepareScalars(thetaPart(theta, scalarShapes(true))),
    }),
    stepKernel: () =>
      publishedStep({
        layout,
        widths: [...dense.sizes, ...(isDense ? [1] : [])],
        clip,
        last: last.kernels.tensors,
        move: residualMove(["dense0", "dense1", "dense2", ...(isDense ? ["out"] : [])]),
      }),
    update(prepared, gradients, state, params) {
      const gradient = layout.flatten(gradients);
      const flat = layout.flatten(keepArrays(params));
      const read = readEntries(gradient.ref, flat, state["means"]);
      const f = network(prepared, read.features, state["steps"].ref);
      const scalars = ["alpha", "gamma", "beta"].map((name) => prepared[`rule.${name}`].ref);
      const { updates, momentum, steps } = finish(
        f,
        gradient,
        state["momentum"],
        scalars,
        state["steps"],
      );
      return [updates, { means: read.momenta, momentum, steps }];
    },
  };
}
