// A functional that is a list of layers by name: the package's own, or those that others have registered.

import { OptionError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import { type ActivationName, activate } from "../layers/pointwise/activation.ts";
import { denseStack } from "../layers/pointwise/dense.ts";
import { invariantPool, type PoolKind } from "../layers/invariant-pool.ts";
import { prefixed, scoped } from "../layers/layer.ts";
import { positionEncoding } from "../layers/position-encoding.ts";
import { stage } from "../layers/stage.ts";
import { createLayer } from "../layers/weight-layer.ts";
import { weightFeatures } from "../layers/weight-features.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { type Model, onlyOutput } from "./model.ts";
import { checkValues, layeredOptions } from "./options.ts";

/** The shape of a functional of layers. */
export interface LayeredOptions {
  /** Name shown in tables. @default "layered" */
  readonly name?: string;
  /** Names of the layers, in order. @default ["pointwise", "equivariant"] */
  readonly layers?: readonly string[];
  /** Channels after each layer, one number a layer. @default 16 after each */
  readonly channels?: readonly number[];
  /** After every layer. @default "relu" */
  readonly activation?: ActivationName;
  /** @default "complete" */
  readonly pooling?: PoolKind;
  /** Sizes of the dense head; the last is the number of outputs. @default [64, 1] */
  readonly head?: readonly number[];
}

/**
 * An invariant functional of layers by name: weights of a batch of networks -> predictions [batch, outputs]. After the first
 * layer, positions along fixed axes are told apart by encodings. It is invariant when every layer commutes with the group.
 * @throws {OptionError} for impossible options and names that are not known.
 */
export function layered(spec: SymmetrySpec, options: LayeredOptions = {}): Model {
  const { name = "layered", pooling = "complete", activation = "relu", head = [64, 1] } = options;
  checkValues("layered", layeredOptions, options);
  const { names, channels } = layersOf(options);
  const features = weightFeatures(spec);
  const layers = names.map((layer: string, i: number) =>
    createLayer(layer, features.executable, {
      inputChannels: i === 0 ? 1 : channels[i - 1],
      outputChannels: channels[i],
    }),
  );
  const positions = positionEncoding(features.executable.lowered, channels[0]);
  const pool = invariantPool(features.executable, pooling);
  const last = channels[channels.length - 1];
  const top = denseStack([pool.width * last, ...head]);
  const stages = [
    ...layers.flatMap((layer, i) => [
      ...layer.stages(`layer${i}`),
      stage(i === 0 ? "positions" : null, (params, x) =>
        (i === 0 ? positions.apply(params, x) : x).map((array) => activate(activation, array)),
      ),
    ]),
    pool.stage(last),
    stage("head", (params, [pooled], { key }) => [top.apply(params, pooled, key)]),
  ];
  return {
    name,
    spec,
    outputs: head[head.length - 1],
    parameterCount: layers.reduce(
      (sum, layer) => sum + layer.parameterCount,
      positions.parameterCount + top.parameterCount,
    ),
    init: (seed) =>
      Object.assign(
        {},
        ...layers.map((layer, i) =>
          prefixed(`layer${i}`, layer.init(deriveSeed(seed, "layer", i))),
        ),
        prefixed("positions", positions.init(deriveSeed(seed, "positions"))),
        prefixed("head", top.init(deriveSeed(seed, "head"))),
      ),
    apply: (params, weights) => {
      let x = features.toFeatures(weights);
      for (const [i, layer] of layers.entries()) {
        x = layer.apply(scoped(`layer${i}`, params), x);
        if (i === 0) x = positions.apply(scoped("positions", params), x);
        x = x.map((array) => activate(activation, array));
      }
      return top.apply(scoped("head", params), pool.apply(x));
    },
    staged: {
      toFeatures: (weights) => features.toFeatures(weights),
      stages,
      fromFeatures: onlyOutput,
    },
  };
}

/** The names of the layers and the channels after each. @throws {OptionError} */
function layersOf({ layers: names = ["pointwise", "equivariant"], channels }: LayeredOptions): {
  readonly names: readonly string[];
  readonly channels: readonly number[];
} {
  const after = channels ?? names.map(() => 16);
  if (after.length !== names.length)
    throw new OptionError(
      `layered: channels expected one number for each of ${names.length} layers, got ${after.length}`,
    );
  return { names, channels: after };
}
