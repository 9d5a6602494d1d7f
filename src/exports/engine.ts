// `weightspace/engine`: the array engine and the arrays that it owns.

export { startEngine, type StartedEngine, type StartOptions } from "../engine/start.ts";
export { checkWebGPU, type DeviceCheck, type EngineDevice } from "../engine/device.ts";
export {
  arraysFromHost,
  arraysToHost,
  disposeArrays,
  keepArrays,
  type ArrayRecord,
  type HostRecord,
} from "../engine/arrays.ts";
