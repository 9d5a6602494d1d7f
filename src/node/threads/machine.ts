// The machine whose threads do the work, as results name it.

import { availableParallelism, cpus } from "node:os";

/** Processor, cores and version of Node. */
export const machineParts = () => ({
  processor: cpus()[0]?.model.trim() ?? "unknown processor",
  cores: availableParallelism(),
  node: process.versions.node,
});

/** `Intel(R) Xeon(R) Processor, 2 cores, Node 20.20.2`. */
export function machine(): string {
  const { processor, cores, node } = machineParts();
  return `${processor}, ${cores} ${cores === 1 ? "core" : "cores"}, Node ${node}`;
}
