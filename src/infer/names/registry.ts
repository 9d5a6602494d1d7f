// All families that tensor names can be read as. A new one is one file and one line here.

import { bert } from "./bert.ts";
import { gpt2 } from "./gpt2.ts";
import { llama } from "./llama.ts";
import { cnn, mlp } from "./plain.ts";
import { gru, lstm, rnn } from "./recurrent.ts";
import { resnet } from "./resnet.ts";
import type { Template } from "./template.ts";
import { vit } from "./vit.ts";

export const templates: readonly Template[] = Object.freeze([
  gpt2,
  bert,
  llama,
  vit,
  resnet,
  mlp,
  cnn,
  rnn,
  gru,
  lstm,
]);

/** Names of all families, in order. */
export const families: readonly string[] = Object.freeze(templates.map(({ family }) => family));
