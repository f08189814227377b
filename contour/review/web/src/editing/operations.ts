/** Edits as the server takes them. */

import type { Xyz } from "../api/contract";
import type { PlaneName } from "../space/planes";

export type FreehandMode = "replace" | "add" | "remove";
export type BooleanWay = "union" | "intersection" | "difference";

export type Operation =
  | { kind: "brush"; plane: PlaneName; points_xyz_mm: Xyz[]; radius_mm: number; erase: boolean; ball: boolean }
  | { kind: "freehand"; plane: PlaneName; points_xyz_mm: Xyz[]; mode: FreehandMode }
  | { kind: "nudge"; offset_xyz_mm: Xyz }
  | { kind: "interpolate"; axis: "z" }
  | ({ kind: "margin" } & Margins)
  | { kind: "boolean"; way: BooleanWay; others: string[] }
  | { kind: "smooth"; radius_mm: number };

export interface Margins {
  left_mm: number;
  right_mm: number;
  anterior_mm: number;
  posterior_mm: number;
  superior_mm: number;
  inferior_mm: number;
}

export const BRUSH_MM = { least: 0.5, most: 50 };
export const BRUSH_POINTS_MOST = 2000;
export const FREEHAND_POINTS = { least: 3, most: 5000 };
export const MARGIN_MOST_MM = 30;
export const NUDGE_MOST_MM = 500;
export const SMOOTH_MM = { least: 0.5, most: 10 };

/** A point as it is sent: to a thousandth of a millimetre. */
export const rounded = (point: Xyz): Xyz => point.map((value) => Math.round(value * 1000) / 1000) as Xyz;

const NAMES: Record<Operation["kind"], string> = {
  brush: "brush stroke",
  freehand: "freehand outline",
  nudge: "nudge",
  interpolate: "interpolation",
  margin: "margin",
  boolean: "combination",
  smooth: "smoothing",
};

/** What an edit is called in messages. */
export const operationName = (operation: Operation): string =>
  operation.kind === "brush" && operation.erase ? "eraser stroke" : NAMES[operation.kind];
