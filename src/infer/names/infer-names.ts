// The third front end of symmetry inference: tensor names and shapes alone. A template of a known family must find every tensor
// of it, of the shape that follows; what it does not know stays fixed with all that it may read, and so does what names
// cannot say and nobody tells.

import { OptionError, SpecError, UnsupportedError } from "../../core/errors.ts";
import { frozenRecord } from "../../core/records.ts";
import { withPhases } from "../../symmetry/phases.ts";
import { sealSpec } from "../../symmetry/spec.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { factsFromConfig, modelTypeOf, partOfConfig } from "./config.ts";
import { type NetworkPlace, readNetworks } from "./read-names.ts";
import { families, templates } from "./registry.ts";
import { plainNames } from "./stored-names.ts";
import type { ModelFacts, NamedShape, Place, Template } from "./template.ts";

/** What is known of a network beside the names and shapes of its tensors. */
export interface InferNamesOptions extends ModelFacts {
  /** Reads the tensors as this family; needed for `mlp`, `cnn`, `rnn`, `gru` and `lstm`. @default found by names */
  readonly family?: string;
  /** The parsed config.json of a Hugging Face model; options beside it win. */
  readonly config?: unknown;
}

/** The spec of a family that was recognised by names, with what is left open. */
export interface NamesInference {
  readonly family: string;
  readonly spec: SymmetrySpec;
  /** What stayed fixed because it is not known. */
  readonly warnings: readonly string[];
  /** Tensors that the family does not explain; they carry no symmetry, and what they may read has none. */
  readonly unknown: readonly string[];
}

const factKeys = ["heads", "keyValueHeads", "headSize"] as const;

/**
 * The symmetry spec that a template gives to named tensors. It holds for the network the family describes; a proof on
 * this very model needs its graph.
 *
 * ```ts
 * inferSpecFromNames(tensors, { heads: 12, tied: true }).spec;
 * ```
 * @throws {SpecError} listing every tensor that does not fit or is not explained; {UnsupportedError} when no family
 * knows the names; {OptionError} for an unknown family, a count below 1, head counts that contradict the tensors, and an omega
 * without sine layers.
 */
export function inferSpecFromNames(
  tensors: readonly NamedShape[],
  options: InferNamesOptions = {},
): NamesInference {
  const { family, config, ...facts } = options;
  for (const key of factKeys) {
    const count = facts[key];
    if (count !== undefined && (!Number.isSafeInteger(count) || count < 1))
      throw new OptionError(
        `inferSpecFromNames: ${key} must be a whole number from 1, got ${count}`,
      );
  }
  const names = tensors.map(({ name }) => name);
  if (new Set(names).size < tensors.length)
    throw new SpecError("inferSpecFromNames", [
      { severity: "error", message: "two tensors have the same name" },
    ]);
  const { plain } = plainNames(names);
  const renamed = tensors.map(({ name, shape }) => ({ name: plain.get(name) ?? name, shape }));
  const tensorNames = new Set(plain.values());
  const places =
    family === undefined
      ? placesIn(tensorNames, config)
      : placesOf(templateNamed(family), tensorNames);
  const parts = places.map(({ template, place }) => ({
    template,
    place,
    part:
      config === undefined ? undefined : partOfConfig(config, template.modelTypes, place.section),
  }));
  // Of several networks in one file a config may describe those of other kinds too: their tensors are unknown.
  const covered = parts.filter(({ part }) => config === undefined || part !== undefined);
  if (covered.length === 0) throw otherKind(places[0].template, config);
  const networks = covered.map(({ template, place, part }): NetworkPlace => ({
    template,
    place,
    facts: { ...(part && factsFromConfig(part)), ...kindOf(part), ...facts },
  }));
  const read = readNetworks(networks, renamed);
  const spec = withOmega(read.spec, facts);
  const stored = new Map([...plain].map(([name, to]) => [to, name]));
  return Object.freeze({
    family: [...new Set(networks.map(({ template }) => template.family))].join(" + "),
    spec: renameTensors(spec, (name) => stored.get(name) ?? name),
    warnings: Object.freeze([...read.warnings]),
    unknown: Object.freeze(read.unknown.map((name) => stored.get(name) ?? name)),
  });
}

/** The spec with phases where the frequency of sine layers is told. */
function withOmega(spec: SymmetrySpec, { omega, activation }: ModelFacts): SymmetrySpec {
  if (omega === undefined) return spec;
  if (activation !== "sine")
    throw new OptionError(
      `inferSpecFromNames: omega ${omega} is the frequency of sine layers, expected activation "sine" beside it, got ${activation === undefined ? "none" : `"${activation}"`}`,
    );
  return withPhases(spec, { omega });
}

const kindOf = (part: unknown): Pick<ModelFacts, "modelType"> => {
  const modelType = modelTypeOf(part);
  return modelType === undefined ? {} : { modelType };
};

const otherKind = ({ family, modelTypes }: Template, config: unknown) =>
  new UnsupportedError(
    `inferSpecFromNames: the config or header describes a model of type "${modelTypeOf(config)}", family "${family}" covers ${modelTypes.join(", ") || "none that has a config"}; export the model to ONNX`,
  );

type Found = Pick<NetworkPlace, "template" | "place">;

/** The networks of one family; where its names are not found, one that is the whole file. */
function placesOf(template: Template, names: ReadonlySet<string>): Found[] {
  const found = template.places?.(names) ?? [];
  const places: readonly Place[] = found.length > 0 ? found : [{ prefix: "" }];
  return places.map((place) => ({ template, place }));
}

const renameTensors = (spec: SymmetrySpec, named: (name: string) => string): SymmetrySpec =>
  sealSpec({
    axes: spec.axes,
    tensors: frozenRecord(
      Object.entries(spec.tensors).map(([name, tensor]) => [named(name), tensor] as const),
    ),
  });

function templateNamed(family: string): Template {
  const found = templates().find((template) => template.family === family);
  if (found === undefined)
    throw new OptionError(
      `inferSpecFromNames: unknown family "${family}", expected one of ${families().join(", ")}`,
    );
  return found;
}

/** All networks that families know by their names. Where two know one network, a config that names one settles it. */
function placesIn(names: ReadonlySet<string>, config: unknown): Found[] {
  const found = templates()
    .filter(({ optIn }) => !optIn)
    .flatMap((template) => {
      const { places } = template;
      if (places !== undefined) return places(names).map((place) => ({ template, place }));
      return template.matches?.(names) === true ? placesOf(template, names) : [];
    });
  const modelType = modelTypeOf(config);
  const isNamed = ({ template }: Found) =>
    modelType !== undefined && template.modelTypes.includes(modelType);
  const chosen = found.filter((one) => {
    const rivals = found.filter(({ place }) => place.prefix === one.place.prefix);
    return rivals.length === 1 || (isNamed(one) && rivals.filter(isNamed).length === 1);
  });
  const prefixes = new Set(found.map(({ place }) => place.prefix));
  if (chosen.length < prefixes.size) {
    const alike = [...new Set(found.map(({ template }) => template.family))];
    throw new UnsupportedError(
      `inferSpecFromNames: the tensor names look like ${alike.join(" and ")}; choose one with --family`,
    );
  }
  if (chosen.length > 0) return chosen;
  const automatic = templates().filter(({ optIn }) => !optIn).length;
  throw new UnsupportedError(
    `inferSpecFromNames: no family knows these tensor names (${automatic} are looked for, others only with --family, whose help lists all); export the model to ONNX, where its graph says it all`,
  );
}
