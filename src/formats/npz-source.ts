// NumPy's arrays read lazily: a .npz archive (stored or deflated), whose arrays are tensors, or one .npy file.

import { FormatError } from "../core/errors.ts";
import { type Bytes, type ByteSource, byteSource } from "./byte-source.ts";
import { type NpyHeader, npyDataStart, npyHeader } from "./npy.ts";
import { dtypeBytes } from "./safetensors/safetensors-dtypes.ts";
import { gather } from "./strided.ts";
import { makeTensorSource, type TensorSource } from "./tensor-source.ts";
import { openZip } from "./archives/zip-source.ts";

const ending = ".npy";

/**
 * The arrays of a .npz file by their names, in its order. Only their headers are read at once; an array's checksum is
 * checked when it is read. Files of the archive that are no arrays are left out.
 * @throws {FormatError} for damage; {UnsupportedError} for big-endian numbers, objects, text, by array
 */
export async function openNpz(bytes: Bytes): Promise<TensorSource> {
  const file = byteSource(bytes);
  const archive = await openZip(file, { checksums: true });
  const headers = new Map<string, NpyHeader>();
  for (const [member, size] of archive.sizes) {
    if (!member.endsWith(ending)) continue;
    const where = `array "${member.slice(0, -ending.length)}"`;
    const dataStart = npyDataStart(await archive.readStart(member, 12), where);
    const header = npyHeader(await archive.readStart(member, dataStart), where);
    checkLength(header, size, where);
    headers.set(member.slice(0, -ending.length), header);
  }
  if (headers.size === 0)
    throw new FormatError(
      `readNpz: the archive ${file.location} holds no arrays (files ending in .npy); give a file made by numpy.savez or torch.save`,
    );
  const load = async (name: string): Promise<Uint8Array> => {
    const header = headers.get(name)!;
    const member = await archive.read(`${name}${ending}`);
    return rowMajor(member.subarray(header.dataStart), header);
  };
  return makeTensorSource({ file, format: "npz", entries: headers, load });
}

/** The array of a .npy file, under the given name. @throws {FormatError} {UnsupportedError} */
export async function openNpy(bytes: Bytes, name = "array"): Promise<TensorSource> {
  const file = byteSource(bytes);
  const start = (end: number) => file.read(0, Math.min(end, file.size));
  const where = `the array of ${file.location}`;
  const header = npyHeader(await start(npyDataStart(await start(12), where)), where);
  checkLength(header, file.size, where);
  return makeTensorSource({
    file,
    format: "npy",
    entries: new Map([[name, header]]),
    load: async () => rowMajor(await readData(file, header), header),
  });
}

const readData = (file: ByteSource, { dataStart, fileBytes }: NpyHeader) =>
  file.read(dataStart, fileBytes);

function checkLength({ fileBytes }: NpyHeader, found: number, where: string): void {
  if (found !== fileBytes)
    throw new FormatError(
      `readNpy: ${where} has ${found} bytes, expected ${fileBytes} from its shape; the file is damaged, fetch or save it again`,
    );
}

/** Fortran order is a view with the strides of the reversed shape. */
function rowMajor(data: Uint8Array, { dtype, shape, isFortran }: NpyHeader): Uint8Array {
  if (!isFortran || shape.length < 2) return data;
  const strides = shape.map(() => 1);
  for (let i = 1; i < shape.length; i++) strides[i] = strides[i - 1] * shape[i - 1];
  return gather(data, dtypeBytes[dtype], 0, shape, strides);
}
