// Editing networks that are images in weight space (Zhou et al. 2023, section 4.3; several outputs after "output-capacity expansion"):
// an equivariant map reads the weights and says how to change them, U' = U + gamma f(U) with a learned gamma a tensor; the changed
// networks are run at every pixel, and where the map has several outputs their images are averaged. The prediction is the image.

import { numpy as np } from "@jax-js/jax";
import { OptionError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import { prefixed, scoped } from "../layers/layer.ts";
import { runSineNetworks, type SineNetwork, sineNetworkStage } from "../layers/sine-network.ts";
import { sineNetworkOnKernels } from "../layers/sine-network-kernels.ts";
import { besides, type Stage, stage } from "../layers/stage.ts";
import { checkBatch } from "../layers/check-batch.ts";
import type { Backend } from "../kernels/backend.ts";
import { sineFitProblem } from "../kernels/sine-fits/sine-fit-kernel.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { EquivariantOptions } from "./equivariant-stack.ts";
import { type Model, onlyOutput, type Params, type WeightBatch } from "./model.ts";
import { checkValues, editorOptions } from "./options.ts";
import { equivariantUNF } from "./unf.ts";

export interface PictureEditorOptions {
  /** @default "picture-editor" */
  readonly name?: string;
  /** The map that says how weights change. @default "nfn-np" */
  readonly map?: "nfn-np" | "nfn-hnp" | "unf";
  /** Channels between the map's layers; input and output follow. @default [16, 16] */
  readonly hidden?: readonly number[];
  /** Changed networks for each network, whose images are averaged. @default 1 */
  readonly copies?: number;
  /** Height and width of the images in pixels. @default [28, 28] */
  readonly pixels?: readonly number[];
  /** Frequency of the networks that are read. @default 30 */
  readonly omega?: number;
  /** By tensor, what its weights are divided by before the map reads them; changes are multiplied by it. @default 1 */
  readonly scales?: Readonly<Record<string, number>>;
  /** @default "kernels" */
  readonly backend?: Backend;
}

/** What gammas start at, as published. */
const firstGamma = 0.01;

/** What the maps differ in; that of NP knows positions, as the published one for images does. */
const maps = {
  "nfn-np": { bias: "tensor", init: "fan-in", positions: true, fixedAxes: "permute" },
  "nfn-hnp": { bias: "tensor", init: "fan-in", positions: false, fixedAxes: "fold" },
  unf: { bias: "full", init: "balanced", positions: true, fixedAxes: "permute" },
} as const satisfies Record<string, EquivariantOptions>;

/** Weight and bias of every layer in order. @throws {OptionError} when the networks are not layer after layer with one output */
function chainOf(spec: SymmetrySpec): readonly string[] {
  const tensors = Object.entries(spec.tensors);
  let arriving = 2;
  const isChain = tensors.every(([, { shape }], at) => {
    if (at % 2 === 1) return shape.length === 1 && shape[0] === arriving;
    const [outputs, inputs] = shape;
    const fits = shape.length === 2 && inputs === arriving;
    arriving = outputs;
    return fits;
  });
  if (!isChain || tensors.length % 2 === 1 || arriving !== 1)
    throw new OptionError(
      "picture-editor: expected networks from 2 coordinates to 1 brightness, layer after layer, each a weight [outputs, inputs] and a bias [outputs]; grey images of the pictures tasks are such networks",
    );
  return tensors.map(([name]) => name);
}

/** Places of pixels, row-major [height * width, 2]: row and column, from -1 to 1 at the outer edges of the image. */
export function pixelPlaces(height: number, width: number): Float32Array<ArrayBuffer> {
  const places = new Float32Array(height * width * 2);
  for (let row = 0, at = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      places[at++] = (2 * row + 1) / height - 1;
      places[at++] = (2 * column + 1) / width - 1;
    }
  return places;
}

/** Networks at all pixels: on kernels where these run such networks. */
function drawingStage(
  { tensors }: SymmetrySpec,
  network: SineNetwork,
  places: Float32Array<ArrayBuffer>,
  backend: Backend,
): Stage {
  const [[hidden, inputs], , second] = Object.values(tensors).map(({ shape }) => shape);
  const shape = { inputs, hidden, omega: network.omega };
  const fits = network.depth === 3 && second[0] === hidden && sineFitProblem(shape) === undefined;
  return backend === "kernels" && fits
    ? sineNetworkOnKernels(shape, places)
    : sineNetworkStage(network, places, inputs);
}

/** What of a pass is not the map: changed networks, and their images as one. */
function editing(
  spec: SymmetrySpec,
  names: readonly string[],
  scaleOf: (tensor: string) => number,
  { copies, pixels }: { readonly copies: number; readonly pixels: number },
) {
  return {
    /** What the map reads. @consumes */
    scaled: (weights: WeightBatch): WeightBatch =>
      Object.fromEntries(names.map((one) => [one, np.multiply(weights[one], 1 / scaleOf(one))])),
    /** Changed networks [batch * copies, ...shape] by tensor. Pure. @consumes */
    change: (params: Params, raw: readonly np.Array[], changes: WeightBatch) =>
      names.map((one, i) => {
        const gamma = np.multiply(params[one], scaleOf(one));
        const by = np.multiply(np.moveaxis(changes[one], -1, 1), gamma); // [batch, copies, ...shape]
        const { shape } = spec.tensors[one];
        return np.reshape(np.add(np.expandDims(raw[i], 1), by), [-1, ...shape]);
      }),
    /** Images [batch * copies, pixels, 1] averaged over copies: [batch, pixels], brightness from 0 to 1. Pure. @consumes */
    average: (drawn: np.Array) =>
      np.multiply(np.add(np.mean(np.reshape(drawn, [-1, copies, pixels]), 1), 1), 0.5),
  };
}

/**
 * A functional whose prediction [batch, height * width] is the edited image, brightness from 0 to 1 (what networks draw between -1 and
 * 1). Weights must come as they are, not normalised.
 * @throws {OptionError} for networks that are no grey images, or options out of their range
 */
export function pictureEditor(spec: SymmetrySpec, options: PictureEditorOptions = {}): Model {
  checkValues("picture-editor", editorOptions, options);
  const { name = "picture-editor", map = "nfn-np", hidden = [16, 16], copies = 1 } = options;
  const { pixels: size = [28, 28], omega = 30, scales = {}, backend = "kernels" } = options;
  const names = chainOf(spec);
  const pixels = size[0] * size[1];
  const network = { depth: names.length / 2, omega };
  const places = pixelPlaces(size[0], size[1]);
  const body = equivariantUNF(spec, { ...maps[map], channels: [1, ...hidden, copies], backend });
  const scaleOf = (tensor: string) => scales[tensor] ?? 1;
  const { scaled, change, average } = editing(spec, names, scaleOf, { copies, pixels });
  return {
    name,
    spec,
    outputs: pixels,
    parameterCount: body.parameterCount + names.length,
    init: (seed) => ({
      ...prefixed("map", body.init(deriveSeed(seed, "map"))),
      ...Object.fromEntries(names.map((one) => [`gamma.${one}`, np.array([firstGamma])])),
    }),
    apply: (params, weights) => {
      checkBatch(spec, weights, 1);
      const raw = names.map((one) => weights[one].ref);
      const changes = body.apply(scoped("map", params), scaled(weights));
      const tensors = change(scoped("gamma", params), raw, changes);
      return average(
        runSineNetworks(network, tensors, np.array(places, { shape: [1, pixels, 2] })),
      );
    },
    staged: {
      toFeatures: (weights) => {
        checkBatch(spec, weights, 1);
        const raw = names.map((one) => weights[one].ref);
        return [...raw, ...body.staged.toFeatures(scaled(weights))];
      },
      stages: [
        ...body.staged.stages.map((one) => besides(one, names.length, "map")),
        stage("gamma", (params, inputs) => {
          const changes = body.staged.fromFeatures(inputs.slice(names.length));
          return change(params, inputs.slice(0, names.length), changes);
        }),
        drawingStage(spec, network, places, backend),
        stage(null, (_, [drawn]) => [average(drawn)]),
      ],
      fromFeatures: onlyOutput,
    },
  };
}
