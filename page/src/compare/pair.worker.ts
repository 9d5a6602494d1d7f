// Compares two files, and moves the second one onto the first when that is asked for.

import { actOnTensor, type GroupElement } from "weightspace";
import {
  alignCompared,
  checkMoved,
  quantisedCheck,
  type ComparedNetworks,
  compareNetworks,
  differencePanels,
  isScaling,
  movesSentence,
  type Network,
  openNetwork,
  type RunnableGraph,
  verdictSentence,
  withOwnGraph,
} from "weightspace/checkpoints";
import { replaceInitializers, streamSafetensors } from "weightspace/formats";
import { type Dropped, openingOf } from "../work/dropped.ts";
import { serve } from "../work/serve.ts";
import type { AlignedFile, Pair, PairResult, PairStep, PairWork, SentGraph } from "./pair.ts";
import { normsOf } from "./pair-norms.ts";
import { notesOf } from "./pair-notes.ts";

/** What was compared last: the second network stays open, to be moved. */
let last: { readonly compared: ComparedNetworks; readonly second: Network } | undefined;

/** Tensors that have a picture. */
const pictures = 24;

serve<PairWork>((request, tell) =>
  request.kind === "compare" ? compare(request.pair, tell) : align(tell),
);

const open = (dropped: Dropped) => openNetwork(dropped.file, openingOf(dropped));

async function compare({ two, graph }: Pair, tell: (step: PairStep) => void): Promise<PairResult> {
  tell({ step: "reading both files" });
  const [first, second] = [await open(two[0]), await open(two[1])];
  const model = graph && (await open(graph));
  const onStep = (step: string, share?: number) =>
    tell({ step, ...(share !== undefined && { share }) });
  const verdict = await compareNetworks(distinct(first, second), second, {
    ...(model && { requested: { model } }),
    align: false,
    onStep,
  });
  tell({ step: "looking how far they are apart", judged: judgmentOf(verdict) });
  const compared = await alignCompared(verdict, { onStep });
  last = { compared, second };
  const judged = judgmentOf(compared);
  tell({ step: "drawing the differences", judged });
  const panels = await differencePanels(compared, {
    top: pictures,
    onPanel: (done, total) => tell({ step: "drawing the differences", share: done / total }),
  });
  const norms = await normsOf(compared, panels, (done, total) =>
    tell({ step: "measuring what alignment leaves", share: done / total }),
  );
  return { ...judged, panels, norms };
}

/** What is known before anything is drawn. */
function judgmentOf(compared: ComparedNetworks): PairResult {
  const { comparison, conversions, sources } = compared;
  return {
    verdict: comparison.verdict,
    sentence: verdictSentence(comparison, conversions),
    moves: movesSentence((comparison.symmetry ?? comparison.alignment)?.axes ?? []),
    notes: notesOf(compared),
    panels: [],
    norms: [],
    differing: comparison.tensors.length,
    equal: Math.max(0, sources[0].entries.size - comparison.tensors.length),
    ...(comparison.alignment && { similarity: comparison.alignment.similarity }),
    canAlign: elementOf(compared) !== undefined,
  };
}

/** Two files of one name are two networks all the same. */
const distinct = (first: Network, { path }: Network): Network =>
  first.path === path ? { ...first, path: `${path} (first)` } : first;

const elementOf = ({ comparison, found }: ComparedNetworks): GroupElement | undefined =>
  "spec" in found ? (comparison.symmetry ?? comparison.alignment)?.element : undefined;

async function align(tell: (step: PairStep) => void): Promise<AlignedFile> {
  const element = last && elementOf(last.compared);
  if (last === undefined || element === undefined || !("spec" in last.compared.found))
    throw new TypeError("there is nothing to move the second file by");
  const { compared, second } = last;
  const { spec } = last.compared.found;
  const source = compared.sources[1];
  const total = source.entries.size;
  let done = 0;
  const check = quantisedCheck(source);
  const move = async (name: string) => {
    tell({ step: "moving the second file", share: done++ / total });
    const moved = actOnTensor(spec, element, name, await source.read(name));
    check(name, moved);
    return moved;
  };
  const stem = second.path.replace(/\.[^.]+$/, "");
  const isGraph = second.onnx !== undefined && compared.conversions.length === 0;
  const name = `${stem}-aligned.${isGraph ? "onnx" : "safetensors"}`;
  const moves = (tensor: string) => Object.hasOwn(spec.tensors, tensor);
  const read = (tensor: string) => (moves(tensor) ? move(tensor) : source.readStored(tensor));
  const bytes = isGraph
    ? new Blob([await movedModel(second, Object.keys(spec.tensors), move)])
    : await collected(streamSafetensors(source.entries, read, source.metadata));
  tell({ step: "reading it again and moving it back" });
  const written = await openNetwork(new File([bytes], name));
  const movedBack = await checkMoved(name, { source }, written.source, spec, element);
  const found = await withOwnGraph(last.compared.found, second);
  const { graph, origin } = found;
  return {
    name,
    bytes,
    movedBack,
    scaled: isScaling(element),
    origin,
    ...(graph && { graph: sentGraph(graph) }),
  };
}

/** A graph without its functions: what has been inferred and fitted is not done again elsewhere. */
const sentGraph = ({ modelBytes, places, inference }: RunnableGraph): SentGraph => {
  const { graph, inputShapes, otherShapes } = inference;
  return { model: modelBytes(), places, inference: { graph, inputShapes, otherShapes } };
};

async function movedModel(
  { onnx }: Network,
  names: readonly string[],
  move: (name: string) => ReturnType<Network["source"]["read"]>,
): Promise<Uint8Array<ArrayBuffer>> {
  const moved = [];
  for (const name of names) moved.push([name, await move(name)] as const);
  return new Uint8Array(replaceInitializers(onnx!.modelBytes(), Object.fromEntries(moved)));
}

/** Pieces as one Blob; the browser keeps each outside of this worker's memory. */
async function collected(pieces: AsyncIterable<Uint8Array>): Promise<Blob> {
  const blobs: Blob[] = [];
  for await (const piece of pieces) blobs.push(new Blob([new Uint8Array(piece)]));
  return new Blob(blobs);
}
