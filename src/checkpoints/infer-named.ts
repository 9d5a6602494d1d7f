// The spec that the names of a network's tensors tell, where its file has no graph.

import { configOfGguf } from "../infer/names/config.ts";
import {
  type InferNamesOptions,
  inferSpecFromNames,
  type NamesInference,
} from "../infer/names/infer-names.ts";
import type { NamedShape } from "../infer/names/template.ts";
import type { Network } from "./network.ts";

/**
 * The spec of the names of a network; what the header of a GGUF file says stands in for a config that is not given.
 * @throws as `inferSpecFromNames`
 */
export function inferNamed(
  network: Pick<Network, "source">,
  options: InferNamesOptions,
): NamesInference {
  const { format, metadata } = network.source;
  const isAsked = options.config !== undefined || (options.family ?? "gguf") !== "gguf";
  const config = format === "gguf" && !isAsked ? configOfGguf(metadata) : undefined;
  return inferSpecFromNames(namedShapes(network), config ? { ...options, config } : options);
}

/** Names and shapes of the tensors of a network. */
const namedShapes = ({ source }: Pick<Network, "source">): NamedShape[] =>
  [...source.entries].map(([name, { shape }]) => ({ name, shape }));

/** What is said of every spec that names tell. */
export const notProved = (family: string): string =>
  `read as family "${family}" by tensor names; not proved, which needs the graph`;
