// Neural functional networks (Zhou et al. 2023) as special cases of the same layers: NP permutes input and output axes
// too (`positions: true` breaks that with encodings); HNP permutes hidden axes only and folds the others into channels.

import type { SymmetrySpec } from "../symmetry/types.ts";
import type { Model } from "./model.ts";
import { unf, type UNFOptions } from "./unf.ts";

/** The shape of an NFN functional. */
export interface NFNOptions extends Omit<UNFOptions, "fixedAxes" | "scales"> {
  /** `hnp`: only hidden neurons permute; `np`: all neurons do. @default "np" */
  readonly variant?: "np" | "hnp";
}

/**
 * An invariant NFN; see {@link unf} for the options. As published, with a bias per tensor, mean pooling, coefficients that
 * start by fan-in, and no position encodings, unless asked for.
 */
export function nfn(spec: SymmetrySpec, { variant = "np", ...options }: NFNOptions = {}): Model {
  const published = {
    name: `nfn-${variant}`,
    bias: "tensor",
    pooling: "mean",
    init: "fan-in",
    positions: false,
  } as const;
  return unf(spec, { ...published, ...options, fixedAxes: variant === "np" ? "permute" : "fold" });
}
