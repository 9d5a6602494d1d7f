// `weightspace/formats`: weight files and graphs as named tensors.

export {
  readSafetensors,
  safetensorsHeader,
  type SafetensorsEntry,
  type SafetensorsFile,
  type SafetensorsHeader,
  type SafetensorsLimits,
  type SafetensorsOptions,
} from "../formats/safetensors/safetensors.ts";
export {
  streamSafetensors,
  writeSafetensors,
  type PlannedTensor,
  type WritableTensor,
} from "../formats/safetensors/safetensors-write.ts";
export type { Bytes, ByteSource } from "../formats/byte-source.ts";
export { openTensorSource, type OpenOptions } from "../formats/open.ts";
export {
  weightsSource,
  type TensorEntry,
  type TensorFormat,
  type TensorSource,
} from "../formats/tensor-source.ts";
export type { Taken } from "../formats/pytorch/pytorch-choice.ts";
export {
  toFloat32,
  type SafeDtype,
  type SafeTensor,
} from "../formats/safetensors/safetensors-dtypes.ts";
export { decodeTensor, type OnnxTensor } from "../formats/onnx/onnx-tensor.ts";
export { readOnnx, type ReadOnnxOptions } from "../formats/onnx/onnx.ts";
export { embedData, type EmbedOptions, type OutsideData } from "../formats/onnx/onnx-data.ts";
export { replaceInitializers } from "../formats/onnx/onnx-write.ts";
export type {
  OnnxAttribute,
  OnnxGraph,
  OnnxNode,
  OnnxValueType,
} from "../formats/onnx/onnx-types.ts";
export type { FindBeside, OpenBeside, ReadableFile } from "../formats/byte-source.ts";
export { registerFormat, type NamedFormat } from "../formats/registry.ts";
export { httpSource } from "../remote/http-source.ts";
