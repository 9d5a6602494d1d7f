// Public checkers for maps and models over weights: `import { assertEquivariant } from "weightspace/testing"`.

export {
  assertEquivariant,
  assertInvariant,
  equivarianceError,
  invarianceError,
  toBatch,
  type AssertOptions,
  type EquivarianceOptions,
  type WeightFunction,
  type WeightMap,
} from "./equivariance.ts";
export { randomSpec, randomWeights, type RandomSpecOptions } from "./random.ts";
