// An adapter to be written whose layers were split anew: its tensors one at a time, its header and its configuration, and the
// look at what was written.

import { EnvironmentError, OptionError, UnsupportedError } from "../core/errors.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { type Adapter, readAdapter } from "./adapter.ts";
import { configName, readAdapterConfig } from "./adapter-config.ts";
import { readFactors } from "./factors.ts";
import { configOfPlans, headerOfPlans } from "./new-config.ts";
import { normOfSum } from "./product.ts";
import { type LayerPlan, type NewTensor, tensorsOf } from "./refactor.ts";

/** What is to be written. */
export interface RefactoredAdapter {
  readonly plans: readonly LayerPlan[];
  readonly tensors: ReadonlyMap<string, NewTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** What adapter_config.json beside the file must say; undefined where the file tells alpha itself. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** @throws {UnsupportedError} for adapters that are not products of two factors alone */
export function refuseOthers(command: string, { location, others, layers }: Adapter): void {
  const [other] = others;
  if (other !== undefined)
    throw new UnsupportedError(
      `${command}: ${location} holds ${other.kind.kind} (${other.kind.what}), which is not split anew; merge the adapter into its base and give the networks`,
    );
  if (layers.length === 0) throw new OptionError(`${command}: ${location} changes no layer`);
}

/** The tensors, header and configuration of plans; `whole` are tensors beside the layers. */
export function refactored(
  home: Adapter,
  plans: readonly LayerPlan[],
  whole: readonly NewTensor[],
): RefactoredAdapter {
  const tensors = [...plans.flatMap(tensorsOf), ...whole];
  const { source, configs } = home;
  const config = configs.get("");
  const metadata = headerOfPlans(source.metadata, configs, plans);
  const isBeside = config !== undefined && metadata[configHeader] === undefined;
  return {
    plans,
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    metadata,
    ...(isBeside && { config: configOfPlans(config, plans) }),
  };
}

const configHeader = "lora_adapter_metadata";

/** What float32 factors may be off by. */
const maxError = 1e-5;

/**
 * Reads what was written and compares it with what it should be.
 * @returns the largest difference of a layer beyond what its rank leaves out, over the layer's norm
 * @throws {EnvironmentError} when a layer is not there or is another one
 */
export async function checkRefactored(
  { plans, config }: RefactoredAdapter,
  source: TensorSource,
): Promise<number> {
  const written = await readAdapter(
    source,
    config === undefined ? undefined : readAdapterConfig(config, configName),
  );
  const layers = new Map(written.layers.map((layer) => [layer.stem, layer]));
  let largest = 0;
  for (const { like, shares, norm, lost } of plans) {
    const layer = layers.get(like.stem);
    const all = [];
    for (const share of shares)
      all.push({
        factors: await readFactors(share.adapter.source, share.layer),
        weight: share.weight,
      });
    const difference =
      layer === undefined
        ? Infinity
        : normOfSum([...all, { factors: await readFactors(source, layer), weight: -1 }]);
    const off = norm === 0 ? difference : Math.max(0, difference - lost) / norm;
    if (!(off <= maxError))
      throw new EnvironmentError(
        `layer ${JSON.stringify(like.stem)} is not what it should be once it is read again: off by ${off.toExponential(1)} of its norm; nothing was written, run again`,
      );
    largest = Math.max(largest, off);
  }
  return largest;
}
