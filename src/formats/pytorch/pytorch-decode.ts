// Stored numbers of a PyTorch tensor as plain ones: 8-bit floats by a table, bytes in the other order, quantised numbers
// times their scales, in float32 as torch.dequantize computes them.

import { FormatError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shapes.ts";
import { dtypeBytes } from "../safetensors/safetensors-dtypes.ts";
import { toFloat32 } from "../safetensors/safetensors-dtypes.ts";
import { float8Values } from "./pytorch-types.ts";
import type { StoredView } from "./pytorch-views.ts";

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/**
 * The bytes of a tensor in its `dtype`, row-major, from its stored numbers in the same order. `load` reads another tensor.
 * @throws {FormatError} for scales that are no finite numbers
 */
export async function decodeView(
  name: string,
  view: StoredView,
  data: Uint8Array,
  load: (view: StoredView) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const { coding, type } = view;
  switch (coding?.kind) {
    case undefined:
      return data;
    case "float8": {
      const values = float8Values(coding.name);
      return bytesOf(Float32Array.from(data, (code) => values[code]));
    }
    case "swapped":
      return swapped(data, dtypeBytes[type.dtype]);
    case "affine": {
      checkScales(name, [coding.scale], [coding.zero]);
      const scale = Math.fround(coding.scale);
      const { zero } = coding;
      return bytesOf(integers(view, data).map((code) => Math.fround(code - zero) * scale));
    }
    case "channels": {
      const [scales, zeros] = [
        toFloat32({ dtype: coding.scales.dtype, data: await load(coding.scales) }),
        toFloat32({ dtype: coding.zeros.dtype, data: await load(coding.zeros) }),
      ];
      checkScales(name, scales, zeros);
      const inner = view.shape.slice(coding.axis + 1).reduce((a, b) => a * b, 1);
      const codes = integers(view, data);
      const result = new Float32Array(codes.length);
      for (let i = 0; i < codes.length; i++) {
        const channel = Math.floor(i / inner) % scales.length;
        result[i] = Math.fround(codes[i] - zeros[channel]) * scales[channel];
      }
      return bytesOf(result);
    }
  }
}

/** How far apart two neighbouring values of a quantised tensor are, for every value; `load` reads another tensor. */
export async function stepsOfView(
  { coding, shape }: StoredView,
  load: (view: StoredView) => Promise<Uint8Array>,
): Promise<Float32Array> {
  const steps = new Float32Array(sizeOf(shape));
  if (coding?.kind === "affine") return steps.fill(Math.abs(coding.scale));
  if (coding?.kind !== "channels") return steps;
  const scales = toFloat32({ dtype: coding.scales.dtype, data: await load(coding.scales) });
  const inner = sizeOf(shape.slice(coding.axis + 1));
  return steps.map((_, i) => Math.abs(scales[Math.floor(i / inner) % scales.length]));
}

/** Whether its numbers are whole ones times scales. */
export const isQuantised = ({ coding, unreadable }: StoredView): boolean =>
  unreadable === undefined && (coding?.kind === "affine" || coding?.kind === "channels");

function checkScales(name: string, scales: ArrayLike<number>, zeros: ArrayLike<number>): void {
  if ([scales, zeros].every((list) => Array.from(list).every(Number.isFinite))) return;
  throw new FormatError(
    `readPytorch: tensor ${JSON.stringify(name)} has a scale or a zero point that is no finite number; the file is damaged, fetch or save it again`,
  );
}

function swapped(data: Uint8Array, width: number): Uint8Array {
  const result = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) result[i] = data[i - (i % width) + width - 1 - (i % width)];
  return result;
}

/** The stored whole numbers; those of 32 bits lose nothing that float32 would keep after the zero point is taken away. */
function integers({ type }: StoredView, data: Uint8Array): Float32Array<ArrayBuffer> {
  if (type.width === 1) return toFloat32({ dtype: type.dtype, data });
  return toFloat32({ dtype: "I32", data });
}
