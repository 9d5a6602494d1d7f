// What a configuration beside an adapter says of it: adapter_config.json of PEFT, or the same facts in the header of a
// safetensors file of diffusers. The scale of a layer is alpha / r, or alpha / sqrt(r) where rank stabilisation (rsLoRA) is on.

import { FormatError, UnsupportedError } from "../core/errors.ts";
import { parseJson } from "../core/json-limits.ts";
import { canonicalJson } from "../core/canonical-json.ts";
import { visibleName } from "../core/visible.ts";
import { patternFor } from "./layer-patterns.ts";

/** What a configuration says of an adapter's layers. */
export interface AdapterConfig {
  /** Where it was read, for messages. */
  readonly origin: string;
  /** Null where it is not said. */
  readonly rank: number | null;
  readonly alpha: number;
  readonly ranks: ReadonlyMap<string, number>;
  readonly alphas: ReadonlyMap<string, number>;
  readonly rankStabilised: boolean;
  /** The model that was adapted; "" where it is not said. */
  readonly base: string;
  /** Settings that change what the factors do, as JSON; two adapters differ where these do. */
  readonly settings: ReadonlyMap<string, string>;
  /** How the factors began, where the base was changed for it (PiSSA and others); "" elsewhere. */
  readonly start: string;
  /** The whole configuration, to be written again. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** The name of PEFT's configuration, beside adapter_model.safetensors. */
export const configName = "adapter_config.json";
/** Under this key the header of a safetensors file has the configurations of diffusers, as JSON. */
export const metadataKey = "lora_adapter_metadata";
/** Bytes of a configuration at most. */
export const maxConfigBytes = 2 ** 22;

/** Settings with which a layer does something else than add scale * B A to its weight. */
const unlike: Readonly<Record<string, string>> = {
  use_qalora: "A reads means over groups of inputs (QALoRA)",
  target_parameters: "A and B hold the factors of several matrices of one parameter",
  use_bdlora: "A or B is block-diagonal (BD-LoRA)",
  kasa_config: "singular values stand between A and B (KaSA)",
  monteclora_config: "factors are drawn at random (MonteCLoRA)",
  arrow_config: "a router chooses among adapters (Arrow)",
};
/** Settings that say where or when B A is added. */
const settingKeys = ["alora_invocation_tokens", "layer_replication", "fan_in_fan_out"] as const;
/** Starts for which the base is changed before training. */
const changesBase = /^(pissa|olora|corda|loftq|lora_ga|mica)/;

type Raw = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isOn = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.length > 0
    : value !== undefined && value !== null && value !== false;

/**
 * A parsed configuration.
 * @throws {FormatError} when it is no configuration of an adapter; {UnsupportedError} for methods and settings under which
 * a layer does not add scale * B A
 */
export function readAdapterConfig(value: unknown, origin: string): AdapterConfig {
  const refuse = (what: string) => new FormatError(`adapter configuration: ${origin}: ${what}`);
  if (!isRecord(value)) throw refuse("expected an object, as PEFT writes it");
  if (!["peft_type", "r", "lora_alpha"].some((key) => Object.hasOwn(value, key)))
    throw refuse('it says neither "peft_type" nor "r" nor "lora_alpha", as one of an adapter does');
  const { peft_type: method = "LORA", lora_alpha: alpha = defaultAlpha } = value;
  if (method !== "LORA")
    throw new UnsupportedError(
      `adapter configuration: ${origin} describes ${visibleName(JSON.stringify(method) ?? "no method")}, expected "LORA"; other methods are compared number by number only`,
    );
  for (const [key, what] of Object.entries(unlike))
    if (isOn(value[key]))
      throw new UnsupportedError(
        `adapter configuration: ${origin} sets ${key}: ${what}, so scale * B A is not what it adds; merge the adapter into its base and compare the networks`,
      );
  const start = value["init_lora_weights"];
  return Object.freeze({
    origin,
    rank: value["r"] === undefined ? null : wholeOf(value["r"], "r", refuse),
    alpha: alphaOf(alpha, "lora_alpha", refuse),
    ranks: patternsOf(value["rank_pattern"], "rank_pattern", wholeOf, refuse),
    alphas: patternsOf(value["alpha_pattern"], "alpha_pattern", alphaOf, refuse),
    rankStabilised: switchOf(value["use_rslora"], "use_rslora", refuse),
    base:
      typeof value["base_model_name_or_path"] === "string" ? value["base_model_name_or_path"] : "",
    settings: new Map(
      settingKeys.flatMap((key) =>
        isOn(value[key]) ? [[key, canonicalJson(value[key]) ?? ""] as const] : [],
      ),
    ),
    start: typeof start === "string" && changesBase.test(start) ? start : "",
    raw: value,
  });
}

/** What PEFT takes where a configuration says nothing. */
const defaultAlpha = 8;
const maxRank = 2 ** 20;

type Refuse = (what: string) => FormatError;

function wholeOf(value: unknown, key: string, refuse: Refuse): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= maxRank)
    return value;
  throw refuse(`"${key}" must be a whole number from 1, got ${shown(value)}`);
}

function alphaOf(value: unknown, key: string, refuse: Refuse): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw refuse(`"${key}" must be a number, got ${shown(value)}`);
}

function switchOf(value: unknown, key: string, refuse: Refuse): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value === "boolean") return value;
  throw refuse(`"${key}" must be true or false, got ${shown(value)}`);
}

const shown = (value: unknown): string =>
  visibleName((JSON.stringify(value) ?? "nothing").slice(0, 60));

function patternsOf(
  value: unknown,
  key: string,
  read: (value: unknown, key: string, refuse: Refuse) => number,
  refuse: Refuse,
): ReadonlyMap<string, number> {
  if (value === undefined || value === null) return new Map();
  if (!isRecord(value)) throw refuse(`"${key}" must be an object of numbers, got ${shown(value)}`);
  return new Map(
    Object.entries(value).map(([pattern, one]) => [
      pattern,
      read(one, `${key}.${visibleName(pattern.slice(0, 60))}`, refuse),
    ]),
  );
}

/** The value of the first pattern that speaks of a layer. @throws as `patternFor` */
function valueFor(patterns: ReadonlyMap<string, number>, layer: string): number | undefined {
  const found = patternFor([...patterns.keys()], layer);
  return found === undefined ? undefined : patterns.get(found);
}

/**
 * Alpha and the factor before B A of a layer.
 * @param layer - its name in the base model
 * @param rank - rows of its A
 * @throws {FormatError} when the configuration gives the layer another rank; {UnsupportedError} as `patternFor`
 */
export function scaleFrom(
  config: AdapterConfig,
  layer: string,
  rank: number,
): { readonly alpha: number; readonly scale: number } {
  const told = valueFor(config.ranks, layer) ?? config.rank;
  if (told !== null && told !== rank)
    throw new FormatError(
      `adapter configuration: ${config.origin} gives layer ${JSON.stringify(layer)} rank ${told}, but its A has ${rank} rows; the file and the configuration do not belong together`,
    );
  const alpha = valueFor(config.alphas, layer) ?? config.alpha;
  return { alpha, scale: alpha / (config.rankStabilised ? Math.sqrt(rank) : rank) };
}

/**
 * The configurations in the header of a file of diffusers, by the network of the pipeline they speak of; empty without any.
 * @throws {FormatError} {UnsupportedError} as `readAdapterConfig`
 */
export function configsInHeader(
  metadata: Readonly<Record<string, string>>,
  location: string,
): ReadonlyMap<string, AdapterConfig> {
  const text = Object.hasOwn(metadata, metadataKey) ? metadata[metadataKey] : undefined;
  if (text === undefined) return new Map();
  const origin = `the header of ${location}`;
  const fail = (problem: string) =>
    new FormatError(`adapter configuration: ${metadataKey} in ${origin} ${problem}`);
  const value = parseJson(text, { bytes: maxConfigBytes, fail });
  if (!isRecord(value)) throw fail("is no object");
  const parts = new Map<string, Record<string, unknown>>();
  for (const [key, one] of Object.entries(value)) {
    const at = key.indexOf(".");
    const [part, name] = at === -1 ? ["", key] : [key.slice(0, at), key.slice(at + 1)];
    if (!parts.has(part)) parts.set(part, Object.create(null) as Record<string, unknown>);
    parts.get(part)![name] = one;
  }
  return new Map(
    [...parts].map(([part, raw]) => [part, readAdapterConfig({ ...raw }, origin)] as const),
  );
}

/** A configuration from the bytes of its file. @throws {FormatError} {UnsupportedError} as `readAdapterConfig` */
export const parseAdapterConfig = (bytes: Uint8Array | string, origin: string): AdapterConfig =>
  readAdapterConfig(
    parseJson(bytes, {
      bytes: maxConfigBytes,
      fail: (problem) => new FormatError(`adapter configuration: ${origin} ${problem}`),
    }),
    origin,
  );
