// The few facts of a Hugging Face config.json that tensor names leave open.

import { FormatError } from "../../core/errors.ts";
import type { ModelFacts } from "./template.ts";

const maxHeads = 100_000;

type Config = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Config =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** @throws {FormatError} when a config is not an object */
function checked(config: unknown): Config {
  if (isObject(config)) return config;
  throw new FormatError("factsFromConfig: expected the object of a config.json");
}

/** Head counts and weight tying from a parsed config. @throws {FormatError} when it is not an object or a count is odd */
export function factsFromConfig(config: unknown): ModelFacts {
  const found = checked(config);
  const count = (...keys: readonly string[]): number | undefined => {
    for (const key of keys) {
      const value = Object.hasOwn(found, key) ? found[key] : undefined;
      // A list has a count for every stage of the network; tensors tell those.
      if (value === undefined || value === null || Array.isArray(value)) continue;
      if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= maxHeads)
        return value;
      throw new FormatError(
        `factsFromConfig: "${key}" must be a whole number from 1, got ${JSON.stringify(value)}`,
      );
    }
    return undefined;
  };
  const heads = count("num_attention_heads", "n_head", "n_heads", "num_heads");
  const keyValueHeads = count("num_key_value_heads", "n_kv_heads");
  const headSize = count("head_dim", "d_kv");
  const [encoder, decoder] = [count("encoder_attention_heads"), count("decoder_attention_heads")];
  const sides = { ...(encoder && { encoder }), ...(decoder && { decoder }) };
  const tied = tiedOf(found);
  return {
    ...(heads !== undefined && { heads }),
    ...(keyValueHeads !== undefined && { keyValueHeads }),
    ...(headSize !== undefined && { headSize }),
    ...((encoder ?? decoder) !== undefined && { sides }),
    ...(tied !== undefined && { tied }),
    ...(typeof found["alibi"] === "boolean" && { alibi: found["alibi"] }),
    clips: isClipped(found) || isClipped(found["attn_config"]),
  };
}

/** Whether a config bounds queries, keys and values, as MPT and OLMo may. */
const isClipped = (part: unknown): boolean =>
  isObject(part) && Object.hasOwn(part, "clip_qkv") && (part["clip_qkv"] ?? null) !== null;

/** Architectures of GGUF files whose heads weigh distances by slopes of their own. */
const withSlopes: readonly string[] = ["bloom", "mpt"];

/** What the header of a GGUF file says, in the words of a config; undefined where it names no architecture. */
export function configOfGguf(metadata: Readonly<Record<string, string>>): Config | undefined {
  const kind = metadata["general.architecture"];
  if (kind === undefined) return undefined;
  const count = (key: string): number | undefined => {
    const text = metadata[`${kind}.attention.${key}`];
    return text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
  };
  const size = count("key_length");
  return {
    model_type: kind,
    num_attention_heads: count("head_count"),
    num_key_value_heads: count("head_count_kv"),
    // Keys and values of different lengths have no one size of a head.
    head_dim: size === (count("value_length") ?? size) ? size : undefined,
    alibi: withSlopes.includes(kind),
    clip_qkv: metadata[`${kind}.attention.clamp_kqv`],
  };
}

/**
 * The part of a config that describes a network of these kinds: the section asked for, the config itself, or the section
 * that says so. Undefined where the config names another kind.
 */
export function partOfConfig(
  config: unknown,
  modelTypes: readonly string[],
  section?: string,
): Config | undefined {
  const root = checked(config);
  const nested = section === undefined ? undefined : root[section];
  const isOther = (part: Config) => !modelTypes.includes(modelTypeOf(part) ?? modelTypes[0]);
  if (isObject(nested)) return isOther(nested) ? undefined : nested;
  const modelType = modelTypeOf(root);
  if (modelType === undefined || modelTypes.includes(modelType)) return root;
  return Object.values(root).find(
    (value): value is Config => isObject(value) && modelTypes.includes(modelTypeOf(value) ?? ""),
  );
}

/** What kind of model a config says it is, if it says so. */
export function modelTypeOf(config: unknown): string | undefined {
  if (typeof config !== "object" || config === null || !Object.hasOwn(config, "model_type"))
    return undefined;
  const { model_type: found } = config as { readonly model_type: unknown };
  return typeof found === "string" ? found : undefined;
}

/** `OPTModel`, but not `GPT2LMHeadModel`, `GPT2DoubleHeadsModel` or `MarianMTModel`. */
const isBaseClass = (name: unknown): boolean =>
  typeof name === "string" && name.endsWith("Model") && !/(Heads?|MT)Model$/.test(name);

/** Said outright, or meant by GPT-2's language model, whose embedding is tied unless the config denies it. */
function tiedOf(config: Readonly<Record<string, unknown>>): boolean | undefined {
  const tied = config["tie_word_embeddings"];
  const { architectures } = config;
  // A class without a head gives out its stream; of its ties nothing is left.
  const isHeadless = Array.isArray(architectures) && architectures.some(isBaseClass);
  if (typeof tied === "boolean") return tied && isHeadless ? undefined : tied;
  return Array.isArray(architectures) && architectures.includes("GPT2LMHeadModel")
    ? true
    : undefined;
}

/** Whether a config says that the output matrix is the embedding; undefined where it says nothing. */
export const isTied = (config: unknown): boolean | undefined =>
  isObject(config) ? tiedOf(config) : undefined;
