// Node 20 knows fused multiply-add behind a flag, which the command line sets; later versions have it, and no flag.

/** Arguments that give a Node of such a version ("v20.1.0") fused multiply-add. */
export const fusedFlags = (version = process.version) =>
  version.startsWith("v20.") ? ["--experimental-wasm-relaxed-simd"] : [];
