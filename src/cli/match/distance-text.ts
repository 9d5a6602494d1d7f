// A distance of two networks in words: a table of layers, the total, and what it may be taken for.

import type { NetworkDistance } from "../../transport/networks/network-distance.ts";
import { textTable } from "../app/output.ts";

const kinds: Readonly<Record<NetworkDistance["kind"], string>> = {
  sw: "sliced W2",
  tsw: "tree-sliced (Db-TSW, delta 10, order 1)",
  energy: "energy distance",
};

const coordinates = {
  exact: "all weights",
  statistics: "statistics",
  activations: "activations",
} as const;

const short = (value: number): string => String(Number(value.toPrecision(4)));

/** What `distance` prints. */
export function distanceText(result: NetworkDistance, origin: string): string {
  const rows = result.layers.map((layer) => [
    layer.axis,
    layer.neurons,
    coordinates[layer.coordinates],
    short(layer.distance),
  ]);
  if (result.fixed !== undefined) rows.push(["(fixed)", "", "all weights", short(result.fixed)]);
  const blocks = [
    `distance ${short(result.total)}, ${kinds[result.kind]}`,
    textTable(["axis", "neurons", "compared by", "distance"], rows),
  ];
  const byStatistics = result.layers.some((layer) => layer.coordinates === "statistics");
  if (result.exact)
    blocks.push("all weights are compared: only symmetric networks are at distance 0");
  else if (byStatistics)
    blocks.push(
      "not a metric here: layers compared by statistics may differ at distance 0; give --activations inputs.npz, or align first",
    );
  else blocks.push("not a metric here: layers are compared by what they do on the given inputs");
  if (result.notCompared.length > 0)
    blocks.push(`not compared: axes ${result.notCompared.join(", ")}`);
  blocks.push(`symmetries: ${origin}`);
  return blocks.join("\n\n");
}
