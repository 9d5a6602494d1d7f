// Folders of networks that are images, as they were published with NFN (Zhou et al. 2023): `<prefix>_<class>s/net<number>.pth`, one
// file an image, sine layers one after another and a linear one.

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { formatShape } from "../../core/shapes.ts";
import { defineSpec } from "../../symmetry/spec.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";

const folderName = /^(?<prefix>.+)_(?<class>[^_]+)s$/;
const fileName = /^net(?<number>\d+)\.(?:pth|pt|safetensors|npz)$/;

/** A network of such a folder. */
export interface ClassFile {
  /** Path below the folder, with forward slashes. */
  readonly path: string;
  /** Number of its class. */
  readonly label: number;
}

/** The networks of a folder and what their classes are called, by number. */
export interface ClassFolders {
  readonly files: readonly ClassFile[];
  readonly classes: readonly string[];
}

/**
 * The networks among the paths of a folder, in the order of class, prefix and number; undefined when no folder in it is named after a
 * class. Classes that are numbers from 0 keep their numbers, others are numbered in the order of their names.
 * @throws {FormatError} when there is only one class
 */
export function findClassFolders(
  paths: readonly string[],
  location: string,
): ClassFolders | undefined {
  const found = paths.flatMap((path) => {
    const [folder, file, ...deeper] = path.split("/");
    const named = folderName.exec(folder)?.groups;
    const number = fileName.exec(file ?? "")?.groups?.["number"];
    if (named === undefined || number === undefined || deeper.length > 0) return [];
    return [{ path, folder, class: named["class"], number: Number(number) }];
  });
  if (found.length === 0) return undefined;
  const names = [...new Set(found.map((one) => one.class))];
  const areNumbers = names.every((name) => /^\d{1,4}$/.test(name));
  const classes = areNumbers
    ? Array.from({ length: Math.max(...names.map(Number)) + 1 }, (_, i) => String(i))
    : names.toSorted();
  if (classes.length < 2)
    throw new FormatError(
      `findClassFolders: ${location} has networks of one class only ("${names[0]}"), expected folders <prefix>_<class>s of several`,
    );
  const labelOf = (name: string) => (areNumbers ? Number(name) : classes.indexOf(name));
  const files = found
    .toSorted(
      (a, b) =>
        labelOf(a.class) - labelOf(b.class) ||
        (a.folder < b.folder ? -1 : a.folder > b.folder ? 1 : 0) ||
        a.number - b.number,
    )
    .map((one) => ({ path: one.path, label: labelOf(one.class) }));
  return { files, classes };
}

/**
 * The spec of sine layers one after another and a linear layer: hidden units may be reordered and change their sign.
 * @throws {UnsupportedError} naming the tensor that is not part of such a network
 */
export function sineChainSpec(
  tensors: readonly { readonly name: string; readonly shape: readonly number[] }[],
): SymmetrySpec {
  const fail = (name: string, what: string): never => {
    throw new UnsupportedError(
      `sineChainSpec: tensor "${name}" ${what}; expected sine layers one after another, each a weight [outputs, inputs] and a bias [outputs]; give the symmetries with --spec`,
    );
  };
  const axes: [string, { size: number; group: "fixed" | "permutation"; scale?: "sign" }][] = [];
  const placed: [string, string[]][] = [];
  for (let at = 0; at < tensors.length; at += 2) {
    const [weight, bias] = [tensors[at], tensors[at + 1]];
    const [outputs, inputs] = weight.shape;
    const [before, size] = axes.at(-1) ?? ["in", { size: inputs }];
    if (weight.shape.length !== 2 || inputs !== size.size)
      fail(weight.name, `has shape ${formatShape(weight.shape)}`);
    if (bias === undefined) fail(weight.name, "has no bias after it");
    if (bias.shape.length !== 1 || bias.shape[0] !== outputs)
      fail(bias.name, `has shape ${formatShape(bias.shape)} after "${weight.name}"`);
    const isLast = at + 2 === tensors.length;
    if (at === 0) axes.push(["in", { size: inputs, group: "fixed" }]);
    const own = isLast ? "out" : `h${at / 2 + 1}`;
    axes.push([own, { size: outputs, ...(isLast ? fixed : flipped) }]);
    placed.push([weight.name, [own, at === 0 ? before : `${before}^-1`]], [bias.name, [own]]);
  }
  if (axes.length < 3) fail(tensors[0]?.name ?? "none", "stands without a hidden layer");
  return defineSpec({ axes: Object.fromEntries(axes), tensors: Object.fromEntries(placed) });
}

const fixed = { group: "fixed" } as const;
const flipped = { group: "permutation", scale: "sign" } as const;
