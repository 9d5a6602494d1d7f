// `weightspace/plan`: what a layer over a spec consists of, as printable data: atomic tensors, terms, products.

export {
  lowerSpec,
  type AtomicTensor,
  type LoweredAxis,
  type LoweredDim,
  type LoweredSpec,
  type LowerOptions,
} from "../symmetry/lower.ts";
export { bellNumber, setPartitions, stirlingNumber } from "../basis/partitions.ts";
export { enumerateTerms, type BasisTerm } from "../basis/terms.ts";
export {
  countIndependentLayerTerms,
  countLayerTerms,
  countLayerWeights,
  countTerms,
} from "../basis/counts.ts";
export { burnsideDimension } from "../basis/burnside.ts";
export { compilePlan, type CompilePlanOptions } from "../plan/compile.ts";
export { printPlan, type PrintPlanOptions } from "../plan/print.ts";
export type { Block, Pattern, Plan, Product, Slot } from "../plan/plan.ts";
export type { SplitTree } from "../symmetry/parts.ts";
export {
  deriveProducts,
  type DerivedSpec,
  type DeriveProductsOptions,
} from "../plan/products/derive-products.ts";
export type { LeftOut } from "../plan/products/chain-operands.ts";
export type { Formula, TensorRole } from "../symmetry/formula.ts";
export type { DimPairs } from "../symmetry/formula.ts";
