// `weightspace/trace`: the symmetries of a network that is a function of arrays.

export {
  inferSpecFromFunction,
  type InferFunctionOptions,
  type NetworkFunction,
  type Shaped,
} from "../trace/infer-function.ts";
