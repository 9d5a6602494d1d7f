// The kernels of an equivariant stack as text, for people who want to see what runs.

import { writeProgram } from "../kernels/wasm/module.ts";
import { planProgram } from "../kernels/program.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { type EquivariantOptions, equivariantStack } from "./equivariant-stack.ts";

/** The model whose kernels {@link kernelText} prints. */
export interface KernelTextOptions extends EquivariantOptions {
  /** Only the function of this name; every pass and every operation of a pass is one. @default all of them */
  readonly only?: string;
  /** Multiply and add in one instruction. @default false, which every host can run */
  readonly fused?: boolean;
  /** Whether kernels of gradients are printed too. @default false */
  readonly gradients?: boolean;
}

/**
 * The WebAssembly module that runs the equivariant layers over a spec, in the text format of WebAssembly: one function an
 * operation, then one a pass that calls them.
 * @throws {OptionError} for impossible options.
 */
export function kernelText(
  spec: SymmetrySpec,
  { only, fused = false, gradients = false, ...options }: KernelTextOptions = {},
): string {
  const stack = equivariantStack(spec, options, true);
  const program = planProgram({ layers: stack.kernelLayers() }, { gradients });
  return writeProgram(program, { fused }).text(only);
}
