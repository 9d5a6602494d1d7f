// A low-rank adapter as a file holds it: which layers it changes, by which factors and by which scale. A layer's weight becomes
// W + scale * B A. Names tell the factors, a tensor or a configuration tells alpha.

import { FormatError, SpecError, type SpecProblem, UnsupportedError } from "../core/errors.ts";
import { formatShape, sizeOf } from "../core/shapes.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import type { AdapterRole, KeyStyle, OtherKind } from "../infer/names/adapter-keys.ts";
import { layerPlace, otherKindOf, readAdapterKey } from "../infer/names/read-adapter-key.ts";
import { type AdapterConfig, configsInHeader, metadataKey, scaleFrom } from "./adapter-config.ts";

/** A layer with the tensors that change it. */
export interface AdapterLayer {
  /** The network of a pipeline that it belongs to; "" where names do not say. */
  readonly part: string;
  /** Its name in the base model, as far as the file's names keep it. */
  readonly layer: string;
  /** The name that its tensors have before their endings. */
  readonly stem: string;
  readonly style: KeyStyle;
  /** Its tensors; `down` and `up` are always there. */
  readonly names: Readonly<Partial<Record<AdapterRole, string>>> & {
    readonly down: string;
    readonly up: string;
  };
  /** Rows of A, columns of B; the larger one where a convolution has three steps. */
  readonly rank: number;
  /** Outputs, inputs, and the sizes of the kernel. */
  readonly shape: readonly number[];
  /** Null where nothing tells it. */
  readonly alpha: number | null;
  /** Null where nothing tells it. */
  readonly scale: number | null;
  /** Whether nothing tells alpha, and it is the rank, as the library takes it then. */
  readonly isAssumed: boolean;
}

/** An adapter: its layers, and what stands beside them. */
export interface Adapter {
  readonly location: string;
  readonly source: TensorSource;
  readonly layers: readonly AdapterLayer[];
  /** Tensors that replace or change weights as they are: biases, heads, norms, full differences. */
  readonly whole: readonly string[];
  /** Tensors of methods that are no product of two factors. */
  readonly others: readonly { readonly name: string; readonly kind: OtherKind }[];
  /** By the network of a pipeline; "" where there is one. */
  readonly configs: ReadonlyMap<string, AdapterConfig>;
}

type Stems = ReadonlyMap<string, Partial<Record<AdapterRole, string>> & { style: KeyStyle }>;

interface Sorted {
  readonly stems: Stems;
  readonly adapters: ReadonlySet<string>;
  readonly loose: readonly string[];
  readonly others: Adapter["others"];
}

/** Names by what they are. Only factors make a layer; other roles belong to a layer that has some. */
function sortNames(names: Iterable<string>): Sorted {
  const stems = new Map<string, Partial<Record<AdapterRole, string>> & { style: KeyStyle }>();
  const adapters = new Set<string>();
  const loose: string[] = [];
  const later: [string, NonNullable<ReturnType<typeof readAdapterKey>>][] = [];
  const others: { name: string; kind: OtherKind }[] = [];
  for (const name of names) {
    const key = readAdapterKey(name);
    const kind = key === undefined ? otherKindOf(name) : undefined;
    if (kind !== undefined) others.push({ name, kind });
    else if (key === undefined) loose.push(name);
    else if (key.role !== "down" && key.role !== "up") later.push([name, key]);
    else {
      if (key.adapter !== "") adapters.add(key.adapter);
      const known = stems.get(key.stem) ?? { style: key.style };
      stems.set(key.stem, { ...known, [key.role]: name });
    }
  }
  for (const [name, { stem, role }] of later) {
    const known = stems.get(stem);
    if (known === undefined || known[role] !== undefined) loose.push(name);
    else stems.set(stem, { ...known, [role]: name });
  }
  const inOthers = new Set(others.map(({ name }) => name.slice(0, name.lastIndexOf("."))));
  const kindOf = (name: string) =>
    inOthers.has(name.slice(0, name.lastIndexOf("."))) && /\.(alpha|dora_scale)$/.test(name)
      ? others.find((one) => one.name.startsWith(name.slice(0, name.lastIndexOf(".") + 1)))?.kind
      : undefined;
  for (const name of loose) {
    const kind = kindOf(name);
    if (kind !== undefined) others.push({ name, kind });
  }
  return { stems, adapters, loose: loose.filter((name) => kindOf(name) === undefined), others };
}

/**
 * Whether names are those of an adapter alone: some are factors, and no weight that they change is beside them. A file of
 * nothing but tensors of another method is an adapter too.
 */
export function isAdapter(names: ReadonlySet<string> | ReadonlyMap<string, unknown>): boolean {
  const { stems, loose, others } = sortNames(names.keys());
  const pairs = [...stems].filter(([, { down, up }]) => down !== undefined && up !== undefined);
  if (pairs.length === 0) return others.length > loose.length;
  return !pairs.some(
    ([stem]) => names.has(`${stem}.weight`) || names.has(`${stem}.base_layer.weight`),
  );
}

/** The factors of every layer in a file, by what stands before their endings. @throws {SpecError} when they do not fit each other */
export function pairsOf(
  entries: TensorSource["entries"],
): ReadonlyMap<string, AdapterLayer["names"]> {
  const problems: SpecProblem[] = [];
  const pairs = new Map<string, AdapterLayer["names"]>();
  for (const [stem, { style: _, ...names }] of sortNames(entries.keys()).stems) {
    const found = factorsOf({ entries }, stem, names, problems);
    if (found !== undefined) pairs.set(stem, found.names);
  }
  if (problems.length > 0) throw new SpecError("adapter", problems);
  return pairs;
}

/**
 * The adapter in a file.
 * @param config - adapter_config.json, where there is one; the header of the file may hold others
 * @throws {SpecError} listing tensors that do not fit each other; {UnsupportedError} for several adapters in one file and
 * for settings that are not handled; {FormatError} for a configuration that does not belong to the file; as reading does
 */
export async function readAdapter(source: TensorSource, config?: AdapterConfig): Promise<Adapter> {
  const { location, entries, metadata } = source;
  const { stems, adapters, loose, others } = sortNames(entries.keys());
  if (adapters.size > 1)
    throw new UnsupportedError(
      `readAdapter: ${location} holds ${adapters.size} adapters (${[...adapters].slice(0, 5).join(", ")}); save the one that is meant into a file of its own`,
    );
  const inHeader = configsInHeader(metadata, location);
  const configs = config === undefined ? inHeader : new Map([["", config]]);
  const problems: SpecProblem[] = [];
  const layers: AdapterLayer[] = [];
  for (const [stem, { style, ...names }] of stems) {
    const found = factorsOf(source, stem, names, problems);
    if (found === undefined) continue;
    const { part, layer, inPipeline } = layerPlace(stem, style);
    const { rank } = found;
    const told = names.alpha === undefined ? undefined : await alphaTensor(source, names.alpha);
    const scaled = scaleOf({ part, layer, inPipeline, style, rank, told, configs });
    layers.push(Object.freeze({ part, layer, stem, style, ...found, ...scaled }));
  }
  if (problems.length > 0) throw new SpecError(`readAdapter: ${location}`, problems);
  return Object.freeze({ location, source, layers, whole: loose, others, configs });
}

interface ScaleRequest {
  readonly part: string;
  readonly layer: string;
  readonly inPipeline: boolean;
  readonly style: KeyStyle;
  readonly rank: number;
  /** Alpha in the file itself. */
  readonly told: number | undefined;
  readonly configs: ReadonlyMap<string, AdapterConfig>;
}

/** A tensor's alpha first, then that of a configuration, then what the library takes without either. */
function scaleOf({ part, layer, inPipeline, style, rank, told, configs }: ScaleRequest) {
  if (told !== undefined) return { alpha: told, scale: told / rank, isAssumed: false };
  const config = configs.get(part) ?? (needsConfig(style) ? configs.get("") : undefined);
  if (config !== undefined) return { ...scaleFrom(config, layer, rank), isAssumed: false };
  const scale = inPipeline ? 1 : style.scaleWithoutAlpha;
  return { alpha: scale === null ? null : rank * scale, scale, isAssumed: scale !== null };
}

const needsConfig = (style: KeyStyle): boolean => style.scaleWithoutAlpha === null;

/** Whether an adapter's alpha may be in a configuration beside its file: a name is one of PEFT's, and no header tells it. */
export function wantsConfig({
  entries,
  metadata,
}: Pick<TensorSource, "entries" | "metadata">): boolean {
  if (Object.hasOwn(metadata, metadataKey) || !isAdapter(entries)) return false;
  return [...entries.keys()].some((name) => {
    const key = readAdapterKey(name);
    return key?.role === "down" && needsConfig(key.style);
  });
}

/** @throws {FormatError} for what is no number; {UnsupportedError} for 0, which libraries read in two ways */
async function alphaTensor(source: TensorSource, name: string): Promise<number> {
  const where = `readAdapter: ${source.location}: tensor ${JSON.stringify(name)}`;
  const { shape } = source.entries.get(name)!;
  if (sizeOf(shape) !== 1)
    throw new FormatError(
      `${where} has shape ${formatShape(shape)}, expected one number; an adapter's alpha is one`,
    );
  const [alpha] = (await source.read(name)).data;
  if (!Number.isFinite(alpha))
    throw new FormatError(
      `${where} is ${alpha}, expected a finite number; export the adapter again`,
    );
  if (alpha === 0)
    throw new UnsupportedError(
      `${where} is 0, which kohya's scripts read as the rank and others as "adds nothing"; write the alpha that is meant`,
    );
  return alpha;
}

type Names = Partial<Record<AdapterRole, string>>;

/** Names, rank and shape of a layer whose tensors fit each other; undefined, with the reason in `problems`, elsewhere. */
function factorsOf(
  { entries }: Pick<TensorSource, "entries">,
  stem: string,
  { down, up, ...rest }: Names,
  problems: SpecProblem[],
): Pick<AdapterLayer, "names" | "rank" | "shape"> | undefined {
  const fail = (tensor: string, what: string): undefined => {
    problems.push({ severity: "error", tensor, message: `tensor "${tensor}" ${what}` });
    return undefined;
  };
  if (down === undefined || up === undefined)
    return fail(
      (down ?? up)!,
      `has no counterpart: layer "${stem}" has no ${down === undefined ? "A (lora_A, lora_down)" : "B (lora_B, lora_up)"}`,
    );
  const shapeOf = (name: string) => entries.get(name)!.shape;
  const [a, b] = [shapeOf(down), shapeOf(up)];
  if (a.length < 2) return fail(down, `has shape ${formatShape(a)}, expected [rank, in, ...]`);
  if (b.length < 2 || b.slice(2).some((size) => size !== 1))
    return fail(up, `has shape ${formatShape(b)}, expected [out, rank]`);
  const m = rest.middle === undefined ? undefined : shapeOf(rest.middle);
  const [left, right] = m ?? [a[0], a[0]];
  if (left !== b[1] || right !== a[0] || (m !== undefined && a.slice(2).some((size) => size !== 1)))
    return fail(
      up,
      `has shape ${formatShape(b)}, which does not go with ${formatShape(a)} of "${down}"${m === undefined ? "" : ` and ${formatShape(m)} of "${rest.middle}"`}`,
    );
  const magnitude = rest.magnitude === undefined ? undefined : sizeOf(shapeOf(rest.magnitude));
  if (magnitude !== undefined && magnitude !== b[0] && magnitude !== a[1])
    return fail(rest.magnitude!, `has ${magnitude} numbers, expected ${b[0]} or ${a[1]}`);
  if (rest.bias !== undefined && sizeOf(shapeOf(rest.bias)) !== b[0])
    return fail(rest.bias, `has shape ${formatShape(shapeOf(rest.bias))}, expected [${b[0]}]`);
  const kernel = (m ?? a).slice(2);
  // A kernel of one entry is a matrix.
  const shape = [b[0], a[1], ...(sizeOf(kernel) === 1 ? [] : kernel)];
  return { names: { ...rest, down, up }, rank: Math.max(a[0], b[1]), shape };
}
