// Numbers and names as the page writes them.

import { visibleName } from "weightspace";

const units = ["bytes", "kB", "MB", "GB", "TB"] as const;

/** `3.4 kB`, in powers of 1,000. */
export function bytesText(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[power]}`;
}

/** `12,345`. */
export const countText = (count: number): string => count.toLocaleString("en");

/** `1 axis`, `5 axes`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${countText(count)} ${count === 1 ? one : many}`;

/** A small number: `7.2e-8`. */
export const smallText = (value: number): string => (value === 0 ? "0" : value.toExponential(1));

/** `[6, 3, 3, 3]` without brackets: `6 × 3 × 3 × 3`; a number alone is a scalar. */
export const shapeText = (shape: readonly number[]): string =>
  shape.length === 0 ? "scalar" : shape.join(" × ");

/** A share: `12.3%`; what is not 0 never looks like 0. */
export function shareText(share: number): string {
  if (!Number.isFinite(share)) return "–";
  if (share === 0) return "0";
  if (share < 0.0005) return share.toExponential(0);
  return `${(100 * share).toFixed(1)}%`;
}

/** How long something may still take: `12 s`, `3 min`. */
export function durationText(milliseconds: number): string {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

/** A name from a file, as it may stand on the page. */
export const nameText = (name: string): string => visibleName(name);

/** The first letter as a capital, and a full stop. */
export const sentence = (text: string): string =>
  text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?:]$/.test(text) ? "" : ".");

/** A share in whole percent: `83 %`. */
export const percentText = (share: number): string => `${Math.round(100 * share)} %`;
