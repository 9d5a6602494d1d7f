// Bounds of what a zoo can be asked for.

/** More networks than any machine trains; a larger number is a slip. */
export const maxNetworks = 10_000_000;
