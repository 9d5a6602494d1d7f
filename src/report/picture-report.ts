// The page of experiments on networks that are images: how well functionals do, and the images themselves.

import { html, htmlPage } from "./html.ts";
import { type Column, decimal, htmlTable, withStd } from "./table.ts";
import type { ReportedImage } from "./transport-report.ts";

/** How well one functional tells the images of one population. */
export interface ReportedClassRow {
  readonly set: string;
  readonly setting: string;
  readonly model: string;
  readonly parameters: number;
  readonly accuracyMean: number;
  readonly accuracyStd: number;
  readonly movedMean: number;
  readonly movedStd: number;
  readonly signsMean?: number;
  readonly signsStd?: number;
}

/** How well the networks of a population draw their images, in dB. */
export interface PictureQuality {
  readonly set: string;
  readonly setting: string;
  readonly networks: number;
  readonly steps: number;
  readonly psnrLowest: number;
  readonly psnrMedian: number;
  readonly psnrHighest: number;
}

/** Images of one population under each other: rows of the picture in the order that the caption says. */
export interface PictureGroup {
  readonly title: string;
  readonly caption: string;
  readonly image: ReportedImage;
}

const groups = (list: readonly PictureGroup[]) =>
  list.map(
    ({ title, caption, image }) =>
      html`<figure>
        <img
          src="${image.address}"
          alt="${image.caption}"
          style="width: 100%; image-rendering: pixelated"
        />
        <figcaption><b>${title}</b>: ${caption}</figcaption>
      </figure>`,
  );

const percent = (mean: number, std: number) => withStd(100 * mean, 100 * std, 1);

/** The page of `experiment inr` as text. */
export function classesReport({
  command,
  rows,
  qualities,
  pictures,
}: {
  readonly command: string;
  readonly rows: readonly ReportedClassRow[];
  readonly qualities: readonly PictureQuality[];
  readonly pictures: readonly PictureGroup[];
}): string {
  const columns: Column<ReportedClassRow>[] = [
    { label: "functional", cell: ({ model }) => model, className: () => "name" },
    { label: "images", cell: ({ set }) => set },
    { label: "starts", cell: ({ setting }) => setting },
    { label: "parameters", cell: ({ parameters }) => String(parameters) },
    { label: "right, %", cell: (row) => percent(row.accuracyMean, row.accuracyStd) },
    { label: "reordered, %", cell: (row) => percent(row.movedMean, row.movedStd) },
    {
      label: "reordered and flipped, %",
      cell: ({ signsMean = Number.NaN, signsStd = Number.NaN }) => percent(signsMean, signsStd),
    },
  ];
  return htmlPage(
    "Images told from weights",
    html`<p class="eyebrow">weightspace</p>
      <h1>What networks that are images show, told from their weights</h1>
      <p class="lead">
        Every network draws one image. A functional reads its weights and says what the image shows.
        Networks whose units are in another order, or have other signs, draw the same images.
      </p>
      ${htmlTable(rows, columns)}
      <p class="soft">
        Mean and standard deviation over trainings, test networks. The functional probes runs the
        networks and reads what they draw; all others read weights.
      </p>
      <h2>The images</h2>
      ${groups(pictures)}
      ${htmlTable(qualities, [
        { label: "images", cell: ({ set }) => set },
        { label: "starts", cell: ({ setting }) => setting },
        { label: "networks", cell: ({ networks }) => String(networks) },
        { label: "steps", cell: ({ steps }) => String(steps) },
        { label: "PSNR, lowest, dB", cell: ({ psnrLowest }) => decimal(psnrLowest, 1) },
        { label: "median", cell: ({ psnrMedian }) => decimal(psnrMedian, 1) },
        { label: "highest", cell: ({ psnrHighest }) => decimal(psnrHighest, 1) },
      ])}
      <pre>${command}</pre>`,
  );
}

/** How well one map edits the images of a population. */
export interface ReportedEditRow {
  readonly edit: string;
  readonly model: string;
  readonly outputs: number;
  readonly parameters: number;
  readonly mseMean: number;
  readonly mseStd: number;
  readonly movedMean: number;
}

/** The page of `experiment inr-editing` as text. */
export function editingReport({
  command,
  rows,
  unedited,
  pictures,
}: {
  readonly command: string;
  readonly rows: readonly ReportedEditRow[];
  /** By edit, the error of images that are not edited at all. */
  readonly unedited: Readonly<Record<string, number>>;
  readonly pictures: readonly PictureGroup[];
}): string {
  const columns: Column<ReportedEditRow>[] = [
    { label: "map", cell: ({ model }) => model, className: () => "name" },
    { label: "outputs", cell: ({ outputs }) => String(outputs) },
    { label: "edit", cell: ({ edit }) => edit },
    { label: "parameters", cell: ({ parameters }) => String(parameters) },
    { label: "error", cell: ({ mseMean, mseStd }) => withStd(mseMean, mseStd, 5) },
    { label: "error, reordered", cell: ({ movedMean }) => decimal(movedMean, 5) },
    { label: "error, not edited", cell: ({ edit }) => decimal(unedited[edit], 5) },
  ];
  return htmlPage(
    "Images edited in weight space",
    html`<p class="eyebrow">weightspace</p>
      <h1>Networks that are images, edited in weight space</h1>
      <p class="lead">
        Every network draws one image. A map reads its weights and changes them, so that it draws
        the edited image; no pixel is touched. With several outputs, as many changed networks are
        drawn and their images averaged.
      </p>
      ${groups(pictures)} ${htmlTable(rows, columns)}
      <p class="soft">
        Mean squared error of test images, brightness from 0 to 1; mean and standard deviation over
        trainings.
      </p>
      <pre>${command}</pre>`,
  );
}
