/** How codes, times and numbers are told to a reader. */

import type { ReviewState } from "../api/contract";

export const STATE_NAMES: Record<ReviewState, string> = {
  new: "New",
  in_review: "In review",
  approved: "Approved",
  rejected: "Rejected",
};

/** "TOO_MANY_EDITS" as "Too many edits". */
export function sentence(code: string): string {
  const words = code.replaceAll("_", " ").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A time in seconds since 1970, or as text. */
export function timeText(time: number | string): string {
  const date = typeof time === "number" ? new Date(time * 1000) : new Date(time);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
}

export function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** A number with fixed decimals, or a dash for none. */
export const figure = (value: number | null | undefined, decimals: number): string =>
  value == null ? "–" : value.toFixed(decimals);

/** A signed number, or a dash for none. */
export const signed = (value: number | null | undefined, decimals: number): string =>
  value == null ? "–" : `${value > 0 ? "+" : ""}${value.toFixed(decimals)}`;
