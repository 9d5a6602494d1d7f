// The names of what can run a functional's layers.

/** Generated kernels, the array engine, or every term from its definition in float64, which is slow and exact. */
export const backendNames = ["kernels", "engine", "reference"] as const;

/** See {@link backendNames}; arguments that are being traced go to the engine whatever is said here. */
export type Backend = (typeof backendNames)[number];

/** What can train the networks of a population: the kernel that a task has for its networks, or the array engine, which trains those of every task. */
export const populationBackends = ["kernels", "engine"] as const satisfies readonly Backend[];

/** See {@link populationBackends}; the last digits of networks depend on it. */
export type PopulationBackend = (typeof populationBackends)[number];
