// The tensors of several checkpoints as one: those of each part under its name.

import { makeTensorSource, type TensorEntry, type TensorSource } from "./tensor-source.ts";

/**
 * The tensors of all parts, named `part.tensor`. Closing it closes them.
 * @param parts by name, in order
 */
export function joinSources(
  location: string,
  parts: ReadonlyMap<string, TensorSource>,
): TensorSource {
  const places = new Map<string, readonly [TensorSource, string]>();
  const entries = new Map<string, TensorEntry>();
  for (const [part, source] of parts) {
    for (const [name, entry] of source.entries) {
      places.set(`${part}.${name}`, [source, name]);
      entries.set(`${part}.${name}`, entry);
    }
  }
  const close = async () => {
    for (const source of parts.values()) await source.close();
  };
  const load = async (name: string): Promise<Uint8Array> => {
    const [source, storedName] = places.get(name)!;
    return (await source.readStored(storedName)).data;
  };
  return makeTensorSource({ file: { location, close }, format: "parts", entries, load });
}
