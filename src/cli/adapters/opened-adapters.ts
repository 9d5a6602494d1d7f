// Files of the command line that are low-rank adapters. They take a road of their own, unless their symmetries were given.

import { type Adapter, isAdapter, readAdapter } from "../../adapters/adapter.ts";
import { visibleName } from "../../core/visible.ts";
import type { SpecFlags } from "../networks/checkpoint-spec.ts";
import type { Network, OpenedModel } from "../networks/opened-model.ts";
import { UsageError } from "../app/usage-error.ts";

/** Whether a network is an adapter, to be read as one: neither a spec nor a model was given. */
export const isReadAsAdapter = (
  { source, onnx }: Network,
  { spec, model }: { readonly spec?: unknown; readonly model?: unknown },
): boolean =>
  onnx === undefined && spec === undefined && model === undefined && isAdapter(source.entries);

/** The adapter that a network is. @throws as `readAdapter` */
export const adapterOf = ({ source, adapterConfig }: Network): Promise<Adapter> =>
  readAdapter(source, adapterConfig);

/**
 * The adapters that all networks are; undefined when none is one.
 * @throws {UsageError} when some are and others are not; as `readAdapter`
 */
export async function adaptersOf(
  command: string,
  networks: readonly OpenedModel[],
  flags: SpecFlags,
): Promise<Adapter[] | undefined> {
  const are = networks.map((network) => isReadAsAdapter(network, flags));
  if (!are.includes(true)) return undefined;
  if (are.includes(false))
    throw new UsageError(
      `${command}: ${visibleName(networks[are.indexOf(true)].path)} is a low-rank adapter, ${visibleName(networks[are.indexOf(false)].path)} is none; give adapters alone, or merge the adapter into its base first`,
    );
  const adapters: Adapter[] = [];
  for (const network of networks) adapters.push(await adapterOf(network));
  return adapters;
}
