// Names of Keras variables as its users know them: `dense/kernel`, `lstm/lstm_cell/recurrent_kernel`. Older files give them
// themselves; files of Keras 3 number the variables of each layer, whose kind tells what the numbers stand for.

import type { Hdf5Array, Hdf5File } from "../hdf5/hdf5-file.ts";

/** The variables of layers in their order, by the kind of layer in snake case. */
const variables: readonly (readonly [kind: RegExp, names: readonly string[]])[] = [
  [/^(dense|einsum_dense|conv[123]d(_transpose)?|depthwise_conv[12]d)$/, ["kernel", "bias"]],
  [/^separable_conv[12]d$/, ["depthwise_kernel", "pointwise_kernel", "bias"]],
  [/^embedding$/, ["embeddings"]],
  [/^batch_normalization$/, ["gamma", "beta", "moving_mean", "moving_variance"]],
  [/^(layer|group)_normalization$/, ["gamma", "beta"]],
  [/^rms_normalization$/, ["scale"]],
  [/^normalization$/, ["mean", "variance", "count"]],
  [
    /^(lstm|gru|simple_rnn|conv_lstm|conv_lstm[123]d)_cell$/,
    ["kernel", "recurrent_kernel", "bias"],
  ],
  [/^(p_re_lu|prelu)$/, ["alpha"]],
  [/^(query|key|value|output)_dense$/, ["kernel", "bias"]],
];

/** The groups of an attention layer, which are called after its parts and not after classes. */
const attention = /^(query|key|value|output)_dense$/;

/** A layer as the config of its model describes it. */
export interface KerasLayer {
  readonly name: string;
  /** Variables that it does without: `gamma`, `beta`, `bias`. */
  readonly without: readonly string[];
}

/** Lists of layers in files, which are no layers themselves. */
const containers = /^(layers|_layer_checkpoint_dependencies)$/;

/** Whether a file is one that Keras wrote. */
export function isKeras({ arrays, groups }: Hdf5File): boolean {
  const root = groups.get("");
  return (
    root?.has("layer_names") === true ||
    root?.has("keras_version") === true ||
    groups.has("model_weights") ||
    arrays.some(({ path }) => path.at(-2) === "vars")
  );
}

/**
 * The arrays of a file by name, those of an optimizer left out. `layers` describes layers by the groups that
 * hold them, where a config does. Where two names are alike, both are the paths in the file.
 */
export function namedArrays(
  file: Hdf5File,
  layers: ReadonlyMap<string, KerasLayer> = new Map(),
): ReadonlyMap<string, Hdf5Array> {
  const kept = file.arrays.filter(({ path }) => !/^optimizer(_weights)?$/.test(path[0]));
  const isVariable = ({ path }: Hdf5Array) => path.at(-2) === "vars";
  const sizes = new Map<string, number>();
  for (const { path } of kept) {
    const above = path.slice(0, -1).join("/");
    sizes.set(above, (sizes.get(above) ?? 0) + 1);
  }
  const names = kept.map((array) =>
    isVariable(array) ? variableName(array, file, sizes, layers) : layerName(array.path),
  );
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map(
    kept.map((array, i) => [counts.get(names[i]) === 1 ? names[i] : array.path.join("/"), array]),
  );
}

/** Older files: a group for each layer, and in it the name of the variable, `dense/sequential/dense/kernel:0`. */
function layerName(path: readonly string[]): string {
  const [layer, ...rest] = path[0] === "model_weights" ? path.slice(1) : path;
  const last = rest.at(-1);
  if (last === undefined) return layer;
  const name = [...rest.slice(0, -1), last.replace(/:\d+$/, "")];
  const at = name.indexOf(layer);
  if (at !== -1) return name.slice(at).join("/");
  // A model that was loaded and saved again has layers under names with one more number.
  const isAgain = name.length > 1 && name[0].replace(/_\d+$/, "") === layer;
  return [layer, ...(isAgain ? name.slice(1) : name)].join("/");
}

/** Files of Keras 3: `layers/dense_1/vars/0`, where the group `vars` carries the name of its layer. */
function variableName(
  { path }: Hdf5Array,
  { groups }: Hdf5File,
  sizes: ReadonlyMap<string, number>,
  layers: ReadonlyMap<string, KerasLayer>,
): string {
  const holder = path.slice(0, -2);
  const owners = holder.flatMap((group, i) => {
    if (containers.test(group)) return [];
    const above = holder.slice(0, i + 1).join("/");
    return [groups.get(`${above}/vars`)?.get("name") || (layers.get(above)?.name ?? group)];
  });
  const group = kindOf(holder.at(-1) ?? "");
  const given = kindOf(groups.get([...holder, "vars"].join("/"))?.get("name") ?? "");
  // Groups in a list of layers are called after classes, others after attributes of their owner.
  const isInList = containers.test(holder.at(-2) ?? "");
  const isOfClass = isInList || attention.test(group);
  const kind = isOfClass ? group : !isKnown(group) || group === given ? given : "";
  const without = layers.get(holder.join("/"))?.without ?? [];
  const number = path.at(-1) ?? "";
  const count = sizes.get(path.slice(0, -1).join("/")) ?? 0;
  return [...owners, variableNames(kind, without, count)?.[Number(number)] ?? number].join("/");
}

const kindOf = (name: string): string => name.replace(/_\d+$/, "");
const isKnown = (kind: string): boolean => variables.some(([pattern]) => pattern.test(kind));

/** Names of so many variables of a layer of this kind; undefined where the number leaves it open. */
function variableNames(
  kind: string,
  without: readonly string[],
  count: number,
): readonly string[] | undefined {
  const [, all] = variables.find(([pattern]) => pattern.test(kind)) ?? [];
  const names = all?.filter((name) => !without.includes(name));
  if (names === undefined) return undefined;
  const withoutBias = names.at(-1) === "bias" ? names.slice(0, -1) : names;
  return [names, withoutBias].find((list) => list.length === count);
}

/** `MyLayer2D` as `my_layer2d`: how Keras names a group after a class. */
export function snakeCase(name: string): string {
  return name
    .replaceAll(/\W+/g, "")
    .replaceAll(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}
