// Functionals by the names people give them on the command line, and whether they can read a population at all.

import { OptionError } from "../core/errors.ts";
import { noSuchName } from "../core/nearest-name.ts";
import type { Backend } from "../kernels/backend.ts";
import {
  buildModel,
  isModelName,
  modelEntry,
  modelNames,
  type ModelOptions,
  withBackend,
} from "../models/registry.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { ExperimentEntry } from "./settings.ts";

/** More parameters than any run here can hold beside its gradients and the optimizer's state. */
const maxParameters = 100_000_000;

/** Names beside those of the registry. `nfn` is both of its variants, as published results compare both. */
const aliases: Readonly<Record<string, readonly ExperimentEntry[]>> = {
  nfn: [
    { name: "nfn-np", options: {} },
    { name: "nfn-hnp", options: {} },
  ],
  mlp: [{ name: "flat-mlp", options: {} }],
  "unf-shared": [{ name: "unf-shared", model: "unf", options: { share: {} } }],
};

/** What each further name stands for: `nfn` for `nfn-np, nfn-hnp`. */
export const modelAliases: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(aliases).map(([alias, entries]) => [
    alias,
    entries
      .map(({ name, model, options }) =>
        model === undefined ? name : `${model} with options ${JSON.stringify(options)}`,
      )
      .join(", "),
  ]),
);

/** Every name that {@link chooseModels} knows. */
export const entryNames = (): readonly string[] => [...modelNames(), ...Object.keys(aliases)];

/** Before a name: networks are brought to their canonical form first. */
const canonicalPrefix = "canonical:";

/** A name without what stands before it, and how an entry is called and read with that. */
function readName(given: string): {
  name: string;
  label: (entry: ExperimentEntry) => ExperimentEntry;
} {
  if (!given.startsWith(canonicalPrefix)) return { name: given, label: (entry) => entry };
  return {
    name: given.slice(canonicalPrefix.length),
    label: ({ name, model = name, ...others }) => ({
      ...others,
      name: canonicalPrefix + name,
      model,
      canonical: true,
    }),
  };
}

const isKnown = (name: string): boolean => isModelName(name) || Object.hasOwn(aliases, name);

/** Whether a name, after `canonical:` where that stands before it, is one of {@link entryNames}, or `quasi:` and a model. */
export const isEntryName = (given: string): boolean => isKnown(readName(given).name);

/** Names that people give to variants stand in tables and file names. */
const variantName = /^(?!tune-)[a-z0-9][a-z0-9-]{0,39}$/;

/** A variant of a model under a name of its own: its options say which `model` it is; undefined for other names. */
function findVariant(name: string, options: ModelOptions | undefined): ExperimentEntry | undefined {
  const { model, ...others } = options ?? {};
  if (model === undefined) return undefined;
  if (!variantName.test(name)) {
    throw new OptionError(
      `experiment: a variant's name expected up to 40 small letters, digits and dashes, not beginning with "tune-", got "${name}"`,
    );
  }
  if (typeof model !== "string" || !modelNames().includes(model)) {
    throw new OptionError(
      `experiment: options of "${name}" say it is a ${JSON.stringify(model)}, expected "model" to be one of ${modelNames().join(", ")}`,
    );
  }
  return { name, model, options: others };
}

/**
 * The functionals of a list of names, each once, in their order. `options` holds more options by name, as given or as
 * shown in tables; a name that is not known is a variant when its options name a `model`.
 * `backend` runs the layers of those that have a choice.
 * @throws {OptionError} for a name that is not known, or options of a functional that takes no part.
 */
export function chooseModels(
  names: readonly string[],
  options: Readonly<Record<string, ModelOptions>> = {},
  backend?: Backend,
): ExperimentEntry[] {
  const chosen = new Map<string, ExperimentEntry>();
  const used = new Set<string>();
  const optionsOf = (name: string): ModelOptions => {
    if (!Object.hasOwn(options, name)) return {};
    used.add(name);
    return options[name];
  };
  for (const given of names) {
    const { name, label } = readName(given);
    if (!isKnown(name)) {
      const variant = findVariant(name, Object.hasOwn(options, name) ? options[name] : undefined);
      if (variant !== undefined) {
        used.add(name);
        chosen.set(given, label(variant));
        continue;
      }
      throw new OptionError(
        `experiment: ${noSuchName("model", given, entryNames())}, or give it options with "model": one of these`,
      );
    }
    const entries = Object.hasOwn(aliases, name) ? aliases[name] : [{ name, options: {} }];
    for (const entry of entries) {
      const merged = {
        ...entry.options,
        ...optionsOf(name),
        ...(entry.name === name ? {} : optionsOf(entry.name)),
      };
      const named = label({ ...entry, options: merged });
      chosen.set(named.name, named);
    }
  }
  const unused = Object.keys(options).find((name) => !used.has(name));
  if (unused !== undefined) {
    throw new OptionError(
      `experiment: options are given for "${unused}", which is not among ${names.join(", ")}; add it to the models or leave its options out`,
    );
  }
  return [...chosen.values()].map((each) => ({
    ...each,
    options: withBackend(each.model ?? each.name, each.options, backend),
  }));
}

/** The functionals, those that a publication trained in its own way with that training. */
export function trainAsPublished(entries: readonly ExperimentEntry[]): ExperimentEntry[] {
  return entries.map((entry) => {
    const { training } = modelEntry(entry.model ?? entry.name);
    return training === undefined ? entry : { ...entry, training };
  });
}

/**
 * Builds every functional once, so that one that cannot read these networks is refused before any is trained.
 * @throws {OptionError} naming the functional and why.
 */
export function checkReadable(spec: SymmetrySpec, entries: readonly ExperimentEntry[]): void {
  for (const { name, model = name, options } of entries) {
    let parameters: number;
    try {
      parameters = buildModel(model, spec, options).parameterCount;
    } catch (error) {
      throw new OptionError(
        `experiment: ${name} cannot read these networks: ${(error as Error).message}; leave it out or change its options`,
        { cause: error },
      );
    }
    if (parameters > maxParameters) {
      throw new OptionError(
        `experiment: ${name} would have ${parameters} parameters on these networks, expected at most ${maxParameters}; leave it out or give it smaller ${modelEntry(model).width?.option ?? "options"}`,
      );
    }
  }
}
