// The configuration of an adapter whose layers were split anew: ranks as they are, and alpha equal to the rank, so that the scale
// of every layer is 1.

import { type AdapterConfig, metadataKey } from "./adapter-config.ts";
import type { LayerPlan } from "./refactor.ts";

/** A layer's name as a pattern of PEFT that fits it alone. */
const patternOf = (layer: string): string =>
  `^${layer.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}`;

/** The same configuration with the ranks of plans, and scale 1. */
export function configOfPlans(
  { raw }: AdapterConfig,
  plans: readonly LayerPlan[],
): Record<string, unknown> {
  const counts = new Map<number, number>();
  for (const { rank } of plans) counts.set(rank, (counts.get(rank) ?? 0) + 1);
  const [[most] = [1]] = [...counts].toSorted(([a, x], [b, y]) => y - x || b - a);
  const others = Object.fromEntries(
    plans.flatMap(({ like: { layer }, rank }) => (rank === most ? [] : [[patternOf(layer), rank]])),
  );
  return {
    ...raw,
    r: most,
    lora_alpha: most,
    use_rslora: false,
    rank_pattern: others,
    alpha_pattern: { ...others },
  };
}

/** The header of a file whose configurations are inside, with those of plans. */
export function headerOfPlans(
  metadata: Readonly<Record<string, string>>,
  configs: ReadonlyMap<string, AdapterConfig>,
  plans: readonly LayerPlan[],
): Record<string, string> {
  if (!Object.hasOwn(metadata, metadataKey)) return { ...metadata };
  const packed = [...configs].flatMap(([part, config]) => {
    const ofPart = plans.filter(({ like }) => like.part === part);
    const found = ofPart.length === 0 ? config.raw : configOfPlans(config, ofPart);
    return Object.entries(found).map(([key, value]) => [
      part === "" ? key : `${part}.${key}`,
      value,
    ]);
  });
  return { ...metadata, [metadataKey]: JSON.stringify(Object.fromEntries(packed)) };
}
