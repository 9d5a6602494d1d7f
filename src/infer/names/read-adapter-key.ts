// Reads the name of one tensor as a part of a low-rank adapter, by the table of key styles.

import {
  type AdapterRole,
  type KeyStyle,
  keyStyles,
  otherKinds,
  type OtherKind,
  partPrefixes,
} from "./adapter-keys.ts";

/** A tensor of an adapter, told by its name. */
export interface AdapterKey {
  readonly role: AdapterRole;
  readonly style: KeyStyle;
  /** What stands before the ending. */
  readonly stem: string;
  /** The adapter's own name, where the library writes it; "" where not. */
  readonly adapter: string;
}

interface Rule {
  readonly role: AdapterRole;
  readonly style: KeyStyle;
  readonly pattern: RegExp;
}

const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

const patternOf = (ending: string): RegExp =>
  new RegExp(`^(.+?)${ending.split("{adapter}").map(literal).join("([^.]+)")}$`);

const rules: readonly Rule[] = keyStyles.flatMap((style) =>
  (Object.entries(style.endings) as [AdapterRole, readonly string[]][]).flatMap(([role, endings]) =>
    endings.map((ending) => ({ role, style, pattern: patternOf(ending) })),
  ),
);

/** Names longer than this belong to nothing that libraries write. */
const maxLength = 2000;

/** What a name says of an adapter; undefined for names of other tensors. */
export function readAdapterKey(name: string): AdapterKey | undefined {
  if (name.length > maxLength) return undefined;
  for (const { role, style, pattern } of rules) {
    const found = pattern.exec(name);
    if (found !== null) return { role, style, stem: found[1], adapter: found[2] ?? "" };
  }
  return undefined;
}

/** Which other method writes such a name; undefined where none does. */
export const otherKindOf = (name: string): OtherKind | undefined =>
  name.length > maxLength ? undefined : otherKinds.find(({ pattern }) => pattern.test(name));

/** Where a layer is: the network of a pipeline that it belongs to, and its name there. */
export interface LayerPlace {
  /** `unet`, `text_encoder`, ...; "" where names do not say. */
  readonly part: string;
  /** Without what wrappers and pipelines put before it. */
  readonly layer: string;
  /** Whether its name begins with the network of a pipeline, as diffusers and kohya's scripts write it. */
  readonly inPipeline: boolean;
}

/** Attributes under which PEFT and wrappers hold the network; around all names. */
const wrappers = ["base_model.model.", "module.", "_orig_mod."] as const;

/** The layer behind the part of a tensor's name that stands before its ending. */
export function layerPlace(stem: string, style: KeyStyle): LayerPlace {
  let rest = stem;
  let isWrapped = false;
  for (let found = true; found;) {
    const wrapper = wrappers.find((one) => rest.startsWith(one));
    found = wrapper !== undefined;
    if (wrapper === undefined) continue;
    isWrapped ||= wrapper === "base_model.model.";
    rest = rest.slice(wrapper.length);
  }
  // PEFT wraps one network: what follows are its own names.
  const known = isWrapped ? undefined : partPrefixes.find(({ prefix }) => rest.startsWith(prefix));
  const layer = known === undefined ? rest : rest.slice(known.prefix.length);
  const rule = style.layers?.find(({ from }) => from.test(layer));
  return {
    part: known?.part ?? "",
    inPipeline: known !== undefined,
    layer: rule === undefined ? layer : layer.replace(rule.from, rule.to),
  };
}
