// How a GGUF file begins; apart from its reader, which is only loaded for such files.

/** `GGUF` */
const mark = [0x47, 0x47, 0x55, 0x46];

export const isGguf = (start: Uint8Array): boolean => mark.every((byte, i) => start[i] === byte);
