// `weightspace/engine`: the array engine and the arrays that it owns.

export { startEngine } from "../engine/start.ts";
export {
  arraysFromHost,
  arraysToHost,
  disposeArrays,
  keepArrays,
  type ArrayRecord,
  type HostRecord,
} from "../engine/arrays.ts";
