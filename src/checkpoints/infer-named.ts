// The spec that the names of a network's tensors tell, where its file has no graph.

import { configOfGguf } from "../infer/names/config.ts";
import { isAdapter, pairsOf } from "../adapters/adapter.ts";
import { adapterSpec } from "../adapters/adapter-spec.ts";
import { OptionError, SpecError, UnsupportedError } from "../core/errors.ts";
import {
  type InferNamesOptions,
  inferSpecFromNames,
  type NamesInference,
} from "../infer/names/infer-names.ts";
import type { NamedShape } from "../infer/names/template.ts";
import { otherKindOf } from "../infer/names/read-adapter-key.ts";
import type { Network } from "./network.ts";

/**
 * The spec of the names of a network; what the header of a GGUF file says stands in for a config that is not given.
 * @throws as `inferSpecFromNames`
 */
export function inferNamed(
  network: Pick<Network, "source">,
  options: InferNamesOptions,
): NamesInference {
  const { format, metadata, entries } = network.source;
  if (options.family === undefined && isAdapter(entries)) return inferAdapter(network.source);
  const isAsked = options.config !== undefined || (options.family ?? "gguf") !== "gguf";
  const config = format === "gguf" && !isAsked ? configOfGguf(metadata) : undefined;
  return inferSpecFromNames(namedShapes(network), config ? { ...options, config } : options);
}

/** Whether an error says that a file tells no symmetries, and not that something went wrong. */
export const tellsNone = (error: unknown): boolean =>
  error instanceof UnsupportedError || error instanceof SpecError || error instanceof OptionError;

/** What stands in for the name of a family. */
const adapterFamily = "low-rank adapter";

/** The spec of a low-rank adapter. @throws {SpecError} as `adapterSpec`; {UnsupportedError} for other methods */
function inferAdapter(source: Network["source"]): NamesInference {
  if (pairsOf(source.entries).size === 0) {
    const name = [...source.entries.keys()].find((one) => otherKindOf(one) !== undefined)!;
    const { kind, what } = otherKindOf(name)!;
    throw new UnsupportedError(
      `inferAdapter: ${source.location} holds ${kind} (${what}, such as ${JSON.stringify(name)}), whose symmetries are not known here; merge it into its base and give the network`,
    );
  }
  const spec = adapterSpec(source);
  const unknown = [...source.entries.keys()].filter((name) => !Object.hasOwn(spec.tensors, name));
  return Object.freeze({
    family: adapterFamily,
    spec,
    warnings: Object.freeze([
      "the scale alpha / rank is no part of the symmetries; commands for adapters read it from tensors or adapter_config.json",
    ]),
    unknown: Object.freeze(unknown),
  });
}

/** Names and shapes of the tensors of a network. */
const namedShapes = ({ source }: Pick<Network, "source">): NamedShape[] =>
  [...source.entries].map(([name, { shape }]) => ({ name, shape }));

/** What is said of every spec that names tell. */
export const notProved = (family: string): string =>
  `read as family "${family}" by tensor names; not proved, which needs the graph`;
