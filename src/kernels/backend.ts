// The names of what can run a functional's layers.

/** Generated kernels, the array engine, or every term from its definition in float64, which is slow and exact. */
export const backendNames = ["kernels", "engine", "reference"] as const;

/** See {@link backendNames}; arguments that are being traced go to the engine whatever is said here. */
export type Backend = (typeof backendNames)[number];
