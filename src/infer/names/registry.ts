// All families that tensor names can be read as. A new one is one table, of one stream with attention or of convolutions, and one line here.

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
import { kerasTables } from "./families/keras-applications.ts";
import { llama, mixtral, phi } from "./families/llama.ts";
import { opt } from "./families/opt.ts";
import { bloom, falcon, gptNeox } from "./families/per-head-decoders.ts";
import { cnn, mlp, vgg } from "./families/plain.ts";
import { gru, lstm, rnn } from "./families/recurrent.ts";
import { resnet } from "./families/resnet.ts";
import { swin, swin2 } from "./families/swin.ts";
import { dinov2, vit } from "./families/vit.ts";
import { checkImageStyles } from "./images/check-image-styles.ts";
import type { ImageStyle } from "./images/image-table.ts";
import { imageTemplate } from "./images/read-image-table.ts";
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
  ...kerasTables,
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

/** What people are told of a family of one's own. */
export interface FamilyWords {
  /** What `--family` takes. */
  readonly name: string;
  /** Which models and name styles, for people. @default the name */
  readonly covers?: string;
  /** `model_type` of configs that describe this very network. @default none */
  readonly modelTypes?: readonly string[];
}

/** A family of one's own as a program that assigns tensors one by one. */
export interface NamedFamily
  extends FamilyWords, Required<Pick<Template, "matches">>, Pick<Template, "read"> {
  /** Only used when asked for by name. @default false */
  readonly optIn?: boolean;
}

/** A family of convolutional networks of one's own as a table. */
export interface NamedImageFamily extends FamilyWords {
  /** Styles of names; the first one that is there is read. */
  readonly styles: readonly ImageStyle[];
}

/**
 * Adds a family of tensor names, for this process.
 * @throws {OptionError} when the name is taken, and when functions are missing or a table has words that are none
 */
export function registerFamily(entry: NamedFamily | NamedImageFamily): void {
  registry.add(entry.name, Object.freeze(templateOfOwn(entry)));
}

/** The template of a family of one's own. */
function templateOfOwn(entry: NamedFamily | NamedImageFamily): Template {
  const { name, covers = name, modelTypes = [] } = entry;
  if ("styles" in entry) {
    checkImageStyles(name, entry.styles);
    return imageTemplate({ family: name, covers, modelTypes, styles: entry.styles });
  }
  checkFunctions("family", entry, ["matches", "read"]);
  const { optIn = false } = entry;
  return { ...entry, family: name, covers, optIn, modelTypes };
}
