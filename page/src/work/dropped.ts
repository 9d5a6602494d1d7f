// Dropped files as checkpoints: which file is meant, and which ones lie beside it.

import type { OpenBeside } from "weightspace/formats";

/** One checkpoint of what was dropped: its file, and those that it may name. */
export interface Dropped {
  readonly file: File;
  readonly beside: readonly File[];
  /** Which dictionary of a PyTorch file is meant. */
  readonly key?: string;
}

/** What was dropped at once: one checkpoint to look at or two to compare, and the graph of both. */
export type Choice =
  | { readonly kind: "one"; readonly one: Dropped }
  | { readonly kind: "two"; readonly two: readonly [Dropped, Dropped]; readonly graph?: Dropped }
  | { readonly kind: "unclear"; readonly message: string };

const ending = (file: File) => /\.([^.]+)$/.exec(file.name)?.[1].toLowerCase() ?? "";
const isData = (file: File) =>
  /^(data|onnx_data|weights)$/.test(ending(file)) || /-\d{5}-of-\d{5}\./.test(file.name);

/** Tells what a person means by these files. */
export function chooseFiles(files: readonly File[]): Choice {
  const main = files.filter((file) => !isData(file));
  const own = main.length === 0 ? files : main;
  const beside = files.filter((file) => !own.includes(file));
  const dropped = (file: File): Dropped => ({ file, beside });
  const graphs = own.filter((file) => ending(file) === "onnx");
  if (own.length === 1) return { kind: "one", one: dropped(own[0]) };
  if (own.length === 2) return { kind: "two", two: [dropped(own[0]), dropped(own[1])] };
  if (own.length === 3 && graphs.length === 1) {
    const [a, b] = own.filter((file) => file !== graphs[0]);
    return { kind: "two", two: [dropped(a), dropped(b)], graph: dropped(graphs[0]) };
  }
  const message =
    own.length === 0
      ? "No file was dropped; drop a file, not a folder."
      : `${own.length} files were dropped, expected one to look at, two to compare, or two with the one .onnx graph of both.`;
  return { kind: "unclear", message };
}

/** Options to open a dropped checkpoint with. */
export function openingOf({ beside, key }: Dropped) {
  const openBeside: OpenBeside = (name) => {
    const last = name.slice(name.lastIndexOf("/") + 1);
    const file = beside.find((one) => one.name === last);
    return Promise.resolve(
      file && {
        location: file.name,
        size: file.size,
        read: async (start, end) => new Uint8Array(await file.slice(start, end).arrayBuffer()),
      },
    );
  };
  return { openBeside, ...(key !== undefined && { key }) };
}
