// What configurations say beside alpha and ranks: where and when an adapter acts, on which base, and what nothing says.

import type { Adapter } from "./adapter.ts";

/** Settings that change what the factors do, where they differ. */
export function differentSettings(a: Adapter, b: Adapter): string[] {
  const settings = ({ configs }: Adapter) =>
    new Map([...configs.values()].flatMap((config) => [...config.settings]));
  const [left, right] = [settings(a), settings(b)];
  // A file without a configuration says nothing of them.
  if (a.configs.size === 0 || b.configs.size === 0) return [];
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((key) => left.get(key) !== right.get(key))
    .map((key) => `${key} is ${left.get(key) ?? "off"} and ${right.get(key) ?? "off"}`);
}

/** That nothing tells alpha. */
export function assumedIn({ layers, location }: Adapter): string[] {
  const count = layers.filter(({ isAssumed }) => isAssumed).length;
  return count === 0
    ? []
    : [
        `${location}: alpha of ${count} of ${layers.length} layers is in no tensor and no configuration; taken as the rank, as diffusers and kohya's scripts do`,
      ];
}

/** What configurations say of the bases. */
export function differentBases(a: Adapter, b: Adapter): string[] {
  const said = ({ configs }: Adapter, of: "base" | "start") =>
    [...new Set([...configs.values()].map((config) => config[of]))].join(", ");
  const [baseA, baseB] = [said(a, "base"), said(b, "base")];
  const starts = [...new Set([said(a, "start"), said(b, "start")].filter((one) => one !== ""))];
  return [
    ...(baseA !== baseB && baseA !== "" && baseB !== ""
      ? [
          `the configurations name other bases, ${baseA} and ${baseB}: added to them, the same adapter makes other networks`,
        ]
      : []),
    ...(starts.length > 0
      ? [
          `a configuration says that its base was changed before training (${starts.join(", ")}): the adapter belongs to that changed base`,
        ]
      : []),
  ];
}
