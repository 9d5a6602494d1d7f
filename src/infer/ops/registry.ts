// All operations that inference follows. A new family is one file with its handlers and one line here.

import { joinDomain } from "../../formats/onnx-flatten.ts";
import type { OnnxNode } from "../../formats/onnx-types.ts";
import { attentions } from "./attention.ts";
import { channels } from "./channels.ts";
import { classical } from "./classical.ts";
import { constants } from "./constants.ts";
import { controlFlow } from "./control-flow.ts";
import { contraction } from "./contraction.ts";
import { convolution } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import { gathering } from "./gathering.ts";
import type { Handler, Handlers } from "./handler.ts";
import { joining } from "./joining.ts";
import { microsoft } from "./microsoft.ts";
import { pooling } from "./pooling.ts";
import { quantised, quantisedMicrosoft } from "./quantised.ts";
import { recurrent, recurrentMicrosoft } from "./recurrent.ts";
import { reduction } from "./reduction.ts";
import { reshaping } from "./reshaping.ts";
import { scattering } from "./scattering.ts";

const handlers = new Map<string, Handler>(
  Object.entries({
    ...elementwise,
    ...contraction,
    ...convolution,
    ...channels,
    ...reduction,
    ...pooling,
    ...reshaping,
    ...joining,
    ...gathering,
    ...recurrent,
    ...constants,
    ...attentions,
    ...scattering,
    ...quantised,
  }),
);

/** Standard operators that onnxruntime also knows under its own domain. */
const alike = ["Gelu", "FastGelu", "QuickGelu", "BiasGelu"];

/** Operators outside the standard set, by domain. */
const extensions: Readonly<Record<string, Handlers>> = {
  "com.microsoft": {
    ...elementwiseOf(alike),
    ...microsoft,
    ...quantisedMicrosoft,
    ...recurrentMicrosoft,
  },
  "ai.onnx.ml": classical,
  [joinDomain]: controlFlow,
};

function elementwiseOf(names: readonly string[]): Handlers {
  return Object.fromEntries(names.map((name) => [name, elementwise[name]]));
}

/** The handler of a node, or undefined: then every axis that touches it is fixed. */
export function handlerOf({ op, domain }: OnnxNode): Handler | undefined {
  if (domain === "") return handlers.get(op);
  const known = Object.hasOwn(extensions, domain) ? extensions[domain] : {};
  return Object.hasOwn(known, op) ? known[op] : undefined;
}

/** Names of the standard operators that are followed, sorted. */
export const followedOperators: readonly string[] = Object.freeze([...handlers.keys()].sort());
