// A graph that runs with the weights of any checkpoint of it.

import type { Tensor } from "../core/tensors.ts";
import { modelWriter } from "../formats/onnx/onnx-write.ts";
import { readAll } from "../formats/tensor-source.ts";
import type { WeightReader } from "../parts/problem.ts";
import type { FittedGraph } from "./found-spec.ts";

/** Puts the weights of a checkpoint into its graph; tensors that no checkpoint has keep the numbers of the graph. */
export function modelMaker({
  modelBytes,
  places,
}: Pick<FittedGraph, "modelBytes" | "places">): (read: WeightReader) => Promise<Uint8Array> {
  const write = modelWriter(modelBytes());
  return async (read) => {
    const readPlace = async (wanted: string) => {
      const place = places.get(wanted);
      const tensor = await read(place?.name ?? wanted);
      return place?.transposed === true ? transpose(tensor) : tensor;
    };
    return write(await readAll(places.keys(), readPlace));
  };
}

function transpose({ shape: [rows, columns], data }: Tensor): Tensor {
  const turned = data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)]);
  return { shape: [columns, rows], data: turned };
}
