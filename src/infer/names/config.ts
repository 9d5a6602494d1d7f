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
      const value = said(found, key);
      // A list has a count for every stage of the network; tensors tell those.
      if (value === undefined || (Array.isArray(value) && value.length > 0 && value.every(isCount)))
        continue;
      if (isCount(value)) return value;
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
  const alibi = switchOf(found, "alibi");
  return {
    ...(heads !== undefined && { heads }),
    ...(keyValueHeads !== undefined && { keyValueHeads }),
    ...(headSize !== undefined && { headSize }),
    ...((encoder ?? decoder) !== undefined && { sides }),
    ...(tied !== undefined && { tied }),
    ...(alibi !== undefined && { alibi }),
    clips: isClipped(found) || isClipped(sectionOf(found, "attn_config")),
  };
}

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= maxHeads;

/** What a config says under a key of its own; undefined for null, too. */
const said = (config: Config, key: string): unknown =>
  Object.hasOwn(config, key) ? (config[key] ?? undefined) : undefined;

/** @throws {FormatError} when it is neither true nor false */
function switchOf(config: Config, key: string): boolean | undefined {
  const value = said(config, key);
  if (value === undefined || typeof value === "boolean") return value;
  throw new FormatError(
    `factsFromConfig: "${key}" must be true or false, got ${JSON.stringify(value)}`,
  );
}

/** @throws {FormatError} when it is no object */
function sectionOf(config: Config, key: string): Config | undefined {
  const value = said(config, key);
  if (value === undefined || isObject(value)) return value;
  throw new FormatError(
    `factsFromConfig: "${key}" must be an object, got ${JSON.stringify(value)}`,
  );
}

/** Whether a config bounds queries, keys and values, as MPT and OLMo may. */
const isClipped = (part: Config | undefined): boolean =>
  part !== undefined && said(part, "clip_qkv") !== undefined;

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
  const nested = section === undefined ? undefined : sectionOf(root, section);
  const isOther = (part: Config) => !modelTypes.includes(modelTypeOf(part) ?? modelTypes[0]);
  if (nested !== undefined) return isOther(nested) ? undefined : nested;
  const modelType = modelTypeOf(root);
  if (modelType === undefined || modelTypes.includes(modelType)) return root;
  return Object.values(root).find(
    (value): value is Config => isObject(value) && modelTypes.includes(modelTypeOf(value) ?? ""),
  );
}

/** What kind of model a config says it is, if it says so. @throws {FormatError} when it is no text */
export function modelTypeOf(config: unknown): string | undefined {
  const found = isObject(config) ? said(config, "model_type") : undefined;
  if (found === undefined || typeof found === "string") return found;
  throw new FormatError(`factsFromConfig: "model_type" must be text, got ${JSON.stringify(found)}`);
}

/** `OPTModel`, but not `GPT2LMHeadModel`, `GPT2DoubleHeadsModel` or `MarianMTModel`. */
const isBaseClass = (name: string): boolean =>
  name.endsWith("Model") && !/(Heads?|MT)Model$/.test(name);

/** The classes that a config names. @throws {FormatError} when it is no list of names */
function classesOf(config: Config): readonly string[] {
  const classes = said(config, "architectures") ?? [];
  if (Array.isArray(classes) && classes.every((name) => typeof name === "string")) return classes;
  throw new FormatError(
    `factsFromConfig: "architectures" must be a list of names, got ${JSON.stringify(classes)}`,
  );
}

/** Said outright, or meant by GPT-2's language model, whose embedding is tied unless the config denies it. */
function tiedOf(config: Config): boolean | undefined {
  const tied = switchOf(config, "tie_word_embeddings");
  const classes = classesOf(config);
  // A class without a head gives out its stream; of its ties nothing is left.
  if (tied !== undefined) return tied && classes.some(isBaseClass) ? undefined : tied;
  return classes.includes("GPT2LMHeadModel") ? true : undefined;
}

/** Whether a config says that the output matrix is the embedding; undefined where it says nothing. */
export const isTied = (config: unknown): boolean | undefined =>
  isObject(config) ? tiedOf(config) : undefined;
