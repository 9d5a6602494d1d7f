// All families that tensor names can be read as. A new one is one file and one line here.

import { checkFunctions, openRegistry } from "../../core/registry.ts";
import { bert } from "./bert.ts";
import { gpt2 } from "./gpt2.ts";
import { llama } from "./llama.ts";
import { cnn, mlp } from "./plain.ts";
import { gru, lstm, rnn } from "./recurrent.ts";
import { resnet } from "./resnet.ts";
import type { Template } from "./template.ts";
import { vit } from "./vit.ts";

const registry = openRegistry<Template>(
  "family",
  Object.fromEntries(
    [gpt2, bert, llama, vit, resnet, mlp, cnn, rnn, gru, lstm].map((template) => [
      template.family,
      template,
    ]),
  ),
);

/** All families, in the order in which they are tried. */
export const templates = (): readonly Template[] => registry.entries();

/** Names of all families, in order. */
export const families = (): readonly string[] => registry.names();

/** A family of one's own; the `name` is what `--family` takes. */
export interface NamedFamily extends Pick<Template, "matches" | "read"> {
  readonly name: string;
  /** Which models and name styles, for people. @default the name */
  readonly covers?: string;
  /** Only used when asked for by name. @default false */
  readonly optIn?: boolean;
  /** `model_type` of configs that describe this very network. @default none */
  readonly modelTypes?: readonly string[];
}

/** Adds a family of tensor names, for this process. @throws {OptionError} when the name is taken */
export function registerFamily({ name, ...template }: NamedFamily): void {
  checkFunctions("family", { name, ...template }, ["matches", "read"]);
  const { covers = name, optIn = false, modelTypes = [] } = template;
  registry.add(name, Object.freeze({ ...template, family: name, covers, optIn, modelTypes }));
}
