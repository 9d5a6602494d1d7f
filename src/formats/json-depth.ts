// How deep a JSON text is nested, told before anything is built from it.

/** Whether braces and brackets outside of strings stand more than `most` deep; nothing else of the text is checked. */
export function isNestedDeeper(text: Uint8Array, most: number): boolean {
  let depth = 0;
  let isString = false;
  for (let i = 0; i < text.length; i++) {
    const byte = text[i];
    if (isString) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) isString = false;
    } else if (byte === 0x22) isString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > most) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return false;
}
