/** How codes, times and numbers are told to a reader. */

import type { ReviewState } from "../api/contract";

export const STATE_NAMES: Record<ReviewState, string> = {
  new: "New",
  in_review: "In review",
  approved: "Approved",
  rejected: "Rejected",
};

/** What stays in capitals when a code becomes words. */
const ABBREVIATIONS = /\b(ct|dicom|gtv|ctv|ptv|oar|hu|hd95|rtstruct|uid)\b/g;
const UNITS = /\b([cm]m)([23])\b/g;
const PLAIN_WORD = /^[a-z]+(-[a-z]+)*(?![\w-])/;
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** "CUT_BY_PLAN_CT" as "Cut by plan CT". */
export const sentence = (code: string): string =>
  capital(code.replaceAll("_", " ").toLowerCase().replace(ABBREVIATIONS, (word) => word.toUpperCase()));

/** A message of the server as a sentence: its first word with a capital unless it is a name, "cm2" as "cm²". */
export const told = (message: string): string =>
  message
    .replace(PLAIN_WORD, capital)
    .replace(UNITS, (_, unit: string, power: string) => unit + (power === "2" ? "²" : "³"));

/** A time in seconds since 1970, or as text, by the clock and calendar of the reader's place. */
export function timeText(time: number | string): string {
  const date = typeof time === "number" ? new Date(time * 1000) : new Date(time);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

export function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** A number with fixed decimals, or a dash for none. */
export const figure = (value: number | null | undefined, decimals: number): string =>
  value == null ? "–" : value.toFixed(decimals);

/** A signed number, or a dash for none. */
export function signed(value: number | null | undefined, decimals: number): string {
  if (value == null) return "–";
  const text = Math.abs(value).toFixed(decimals);
  if (Number(text) === 0) return text;
  return (value > 0 ? "+" : "-") + text;
}

/** The first characters of an identifier, enough to tell a few dozen apart. */
export const shortId = (id: string): string => id.slice(0, 8);
