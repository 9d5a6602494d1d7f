// All families that tensor names can be read as. A new one is one table, or a program where a table cannot say it, and one line here.

import { checkFunctions, openRegistry } from "../../core/registry.ts";
import { bart } from "./families/bart.ts";
import { albert, bert } from "./families/bert.ts";
import { clip } from "./families/clip.ts";
import { convnext } from "./families/convnext.ts";
import { densenet } from "./families/densenet.ts";
import { t5, whisper } from "./families/encoder-decoder.ts";
import { gguf } from "./families/gguf.ts";
import { codegen, gptJ, gptNeo, mpt } from "./families/gpt-kin.ts";
import { gpt2 } from "./families/gpt2.ts";
import { invertedResiduals } from "./families/inverted-residuals.ts";
import { kerasApplications } from "./families/keras-applications.ts";
import { llama, mixtral, phi } from "./families/llama.ts";
import { opt } from "./families/opt.ts";
import { bloom, falcon, gptNeox } from "./families/per-head-decoders.ts";
import { cnn, mlp, vgg } from "./families/plain.ts";
import { gru, lstm, rnn } from "./families/recurrent.ts";
import { resnet } from "./families/resnet.ts";
import { swin, swin2 } from "./families/swin.ts";
import { dinov2, vit } from "./families/vit.ts";
import type { Template } from "./template.ts";

const builtIn: readonly Template[] = [
  gpt2,
  gptNeo,
  gptJ,
  codegen,
  mpt,
  bert,
  albert,
  llama,
  mixtral,
  phi,
  gptNeox,
  bloom,
  falcon,
  opt,
  gguf,
  t5,
  bart,
  whisper,
  vit,
  dinov2,
  swin,
  swin2,
  clip,
  resnet,
  convnext,
  densenet,
  invertedResiduals,
  vgg,
  ...kerasApplications,
  mlp,
  cnn,
  rnn,
  gru,
  lstm,
];

const registry = openRegistry<Template>(
  "family",
  Object.fromEntries(builtIn.map((template) => [template.family, template])),
);

/** All families, in the order in which they are tried. */
export const templates = (): readonly Template[] => registry.entries();

/** Names of all families, in order. */
export const families = (): readonly string[] => registry.names();

/** A family of one's own; the `name` is what `--family` takes. */
export interface NamedFamily extends Required<Pick<Template, "matches">>, Pick<Template, "read"> {
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
