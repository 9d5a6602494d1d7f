// Files of theta in base64, by name. Written by `node scripts/ship-theta.js`; do not edit.

/** Every theta that comes with the package. */
export const shipped: Readonly<Record<string, string>> = {};
