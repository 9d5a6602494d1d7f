// Thetas that come with the package, meta-trained here, as base64 so that pages need no request; `node scripts/ship-theta.js` writes them.

import { shipped } from "./shipped-thetas.ts";
import { lookup } from "../core/records.ts";

/** Names of the thetas that come with the package. */
export const shippedNames = (): readonly string[] => Object.keys(shipped);

/** The bytes of one; undefined for other names. */
export function shippedTheta(name: string): Uint8Array | undefined {
  const text = lookup(shipped, name);
  return text === undefined
    ? undefined
    : Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
