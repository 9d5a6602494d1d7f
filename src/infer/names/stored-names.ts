// What wrappers and versions of libraries do to the names of tensors: `module.` of data-parallel training, `_orig_mod.` of
// compiled modules, `base_layer` of adapters, `gamma` and `beta` of older normalisations, the parametrised weight norm.

/** Wrappers around the whole network, or around a module of it. */
const wrappers = [
  "module.",
  "_orig_mod.",
  "_fsdp_wrapped_module.",
  "_checkpoint_wrapped_module.",
] as const;

/** Attributes under which programs hold the whole network: taken away only where every name has them. */
const holders = [...wrappers, "base_model.model.", "model."] as const;

export interface PlainNames {
  /** The name without wrappers and in today's words, by the name in the file; every name once. */
  readonly plain: ReadonlyMap<string, string>;
  /** Prefixes that all names had, outermost first. */
  readonly stripped: readonly string[];
}

/**
 * Names without what wrappers add. Two names never become one: where they would, both stay as they are.
 */
export function plainNames(names: readonly string[]): PlainNames {
  const stripped: string[] = [];
  let rest = [...names];
  for (let found = true; found && rest.length > 0;) {
    const holder = holders.find((one) =>
      rest.every((name) => name.startsWith(one) && name !== one),
    );
    found = holder !== undefined;
    if (holder === undefined) continue;
    stripped.push(holder);
    rest = rest.map((name) => name.slice(holder.length));
  }
  const remaining = new Set(rest);
  const wanted = rest.map((name) => inTodaysWords(name, remaining));
  const counts = new Map<string, number>();
  for (const name of wanted) counts.set(name, (counts.get(name) ?? 0) + 1);
  const isFree = (name: string, was: string) =>
    counts.get(name) === 1 && (name === was || !remaining.has(name));
  const plain = new Map(
    names.map((name, i) => [name, isFree(wanted[i], rest[i]) ? wanted[i] : rest[i]]),
  );
  return Object.freeze({ plain, stripped: Object.freeze(stripped) });
}

function inTodaysWords(name: string, all: ReadonlySet<string>): string {
  let plain = name;
  for (const wrapper of wrappers) plain = plain.replaceAll(`.${wrapper}`, ".");
  plain = plain.replace(/\.base_layer\.(weight|bias)$/, ".$1");
  const ending = /^(.*\.)(gamma|beta)$/.exec(name);
  // Both together are a normalisation; one alone is a scale of a layer.
  if (ending !== null && all.has(`${ending[1]}gamma`) && all.has(`${ending[1]}beta`))
    plain = plain.replace(/gamma$/, "weight").replace(/beta$/, "bias");
  return plain
    .replace(/(^|\.)_packed_params\._packed_params\.0$/, "$1weight")
    .replace(/(^|\.)_packed_params\._packed_params\.1$/, "$1bias")
    .replace(/(^|\.)parametrizations\.(\w+)\.original0$/, "$1$2_g")
    .replace(/(^|\.)parametrizations\.(\w+)\.original1$/, "$1$2_v")
    .replace(/(^|\.)parametrizations\.(\w+)\.original$/, "$1$2_orig");
}
