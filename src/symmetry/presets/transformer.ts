// Specs of pre-LayerNorm Transformers with a learned position table and a head tied to the token embedding.

import { OptionError } from "../../core/errors.ts";
import { defineSpec } from "../spec.ts";
import type { Axis, SymmetrySpec } from "../types.ts";
import { type EndGroup, endAxis, permutedAxis } from "./axes.ts";

/** The shape of a Transformer. */
export interface TransformerSpecOptions {
  readonly layers: number;
  /** Residual width. */
  readonly width: number;
  readonly vocabulary: number;
  readonly positions: number;
  /** Hidden size of the feed-forward block. @default 4 * width */
  readonly feedForward?: number;
  /** Attention heads; `width` must be a multiple. @default 1 */
  readonly heads?: number;
  /**
   * `split`: permuted heads with positions permuted inside each head (the true symmetry); `merged`: one axis of all
   * heads together (larger than the true symmetry when there is more than one head). @default "split"
   */
  readonly headAxes?: "split" | "merged";
  /** Group of the vocabulary and position axes. @default "fixed" */
  readonly ends?: EndGroup;
}

/**
 * Spec of a decoder or encoder stack: 16 tensors a layer (`layers.0.q.weight` [q/k space, residual], ...), token and
 * position tables, final LayerNorm.
 * @throws {OptionError} when `width` is not a multiple of `heads`.
 */
export function transformerSpec({
  layers,
  width,
  vocabulary,
  positions,
  feedForward = 4 * width,
  heads = 1,
  headAxes = "split",
  ends = "fixed",
}: TransformerSpecOptions): SymmetrySpec {
  if (width % heads !== 0)
    throw new OptionError(`transformerSpec: width ${width} is not a multiple of ${heads} heads`);
  const axes: Record<string, Axis> = {
    vocabulary: endAxis(vocabulary, ends),
    positions: endAxis(positions, ends),
    residual: permutedAxis(width),
  };
  const tensors: Record<string, string[]> = {
    "tokens.weight": ["vocabulary", "residual"],
    "positions.weight": ["positions", "residual"],
  };
  const split = headAxes === "split" && heads > 1;
  const inner = split ? width / heads : width;
  for (let layer = 0; layer < layers; layer++) {
    const name = (axis: string) => `${axis}${layer}`;
    const prefix = `layers.${layer}`;
    if (split) axes[name("head")] = permutedAxis(heads);
    const within = split ? { within: name("head") } : {};
    axes[name("qk")] = { ...permutedAxis(inner), ...within };
    axes[name("v")] = { ...permutedAxis(inner), ...within };
    axes[name("ff")] = permutedAxis(feedForward);
    const qk = split ? `${name("head")} * ${name("qk")}` : name("qk");
    const v = split ? `${name("head")} * ${name("v")}` : name("v");
    const linear = (tensor: string, output: string, input: string) => {
      tensors[`${prefix}.${tensor}.weight`] = [output, input];
      tensors[`${prefix}.${tensor}.bias`] = [output];
    };
    const norm = (tensor: string) => {
      tensors[`${prefix}.${tensor}.weight`] = ["residual"];
      tensors[`${prefix}.${tensor}.bias`] = ["residual"];
    };
    norm("norm1");
    linear("q", qk, "residual");
    linear("k", qk, "residual");
    linear("v", v, "residual");
    linear("o", "residual", v);
    norm("norm2");
    linear("up", name("ff"), "residual");
    linear("down", "residual", name("ff"));
  }
  tensors["norm.weight"] = ["residual"];
  tensors["norm.bias"] = ["residual"];
  return defineSpec({ axes, tensors });
}
