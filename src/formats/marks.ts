// How files of some formats begin; apart from their readers, which are only loaded for such files.

const begins = (start: Uint8Array, mark: readonly number[]) =>
  mark.every((byte, i) => start[i] === byte);

/** `GGUF` */
export const isGguf = (start: Uint8Array): boolean => begins(start, [0x47, 0x47, 0x55, 0x46]);

/** `\x89HDF\r\n\x1a\n` */
export const isHdf5 = (start: Uint8Array): boolean =>
  begins(start, [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]);
