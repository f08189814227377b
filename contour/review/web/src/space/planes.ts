/** How the grid's three index planes lie on the screen, in the radiological convention. */

import type { Xyz, Zyx } from "../api/contract";
import { dot, type Grid } from "./grid";

export type PlaneName = "axial" | "coronal" | "sagittal";
export const PLANES: readonly PlaneName[] = ["axial", "coronal", "sagittal"];

const LEFT: Xyz = [1, 0, 0];
const POSTERIOR: Xyz = [0, 1, 0];
const INFERIOR: Xyz = [0, 0, -1];

/** The index axis that a plane's slices are counted along, and what its screen's right and bottom should show. */
const WANTED: Record<PlaneName, { normal: number; right: Xyz; down: Xyz; up: Xyz }> = {
  axial: { normal: 0, right: LEFT, down: POSTERIOR, up: [0, 0, 1] },
  coronal: { normal: 1, right: LEFT, down: INFERIOR, up: [0, -1, 0] },
  sagittal: { normal: 2, right: POSTERIOR, down: INFERIOR, up: LEFT },
};

/**
 * One plane's picture: columns run along an index axis to the right, rows along another one down,
 * either of them backwards (sign -1) where the scan was taken the other way round.
 */
export interface PlaneFrame {
  name: PlaneName;
  normalAxis: number;
  columnAxis: number;
  rowAxis: number;
  columnSign: 1 | -1;
  rowSign: 1 | -1;
  columns: number;
  rows: number;
  slices: number;
  /** The step of the slice index that goes up in the body (or forward, or to the patient's left). */
  upStep: 1 | -1;
}

export function planeFrame(grid: Grid, name: PlaneName): PlaneFrame {
  const wanted = WANTED[name];
  const [a, b] = [0, 1, 2].filter((axis) => axis !== wanted.normal) as [number, number];
  const columnAxis = Math.abs(dot(grid.axis(a), wanted.right)) > Math.abs(dot(grid.axis(b), wanted.right)) ? a : b;
  const rowAxis = columnAxis === a ? b : a;
  return {
    name,
    normalAxis: wanted.normal,
    columnAxis,
    rowAxis,
    columnSign: dot(grid.axis(columnAxis), wanted.right) >= 0 ? 1 : -1,
    rowSign: dot(grid.axis(rowAxis), wanted.down) >= 0 ? 1 : -1,
    columns: grid.shape[columnAxis] as number,
    rows: grid.shape[rowAxis] as number,
    slices: grid.shape[wanted.normal] as number,
    upStep: dot(grid.axis(wanted.normal), wanted.up) >= 0 ? 1 : -1,
  };
}

/** Index of a picture position (column, row), pixel centres at whole numbers. */
export function pixelToIndex(frame: PlaneFrame, slice: number, column: number, row: number): Zyx {
  const index: Zyx = [0, 0, 0];
  index[frame.normalAxis] = slice;
  index[frame.columnAxis] = frame.columnSign > 0 ? column : frame.columns - 1 - column;
  index[frame.rowAxis] = frame.rowSign > 0 ? row : frame.rows - 1 - row;
  return index;
}

/** Picture position (column, row) of an index. */
export function indexToPixel(frame: PlaneFrame, index: readonly number[]): [number, number] {
  const along = index[frame.columnAxis] as number;
  const down = index[frame.rowAxis] as number;
  return [
    frame.columnSign > 0 ? along : frame.columns - 1 - along,
    frame.rowSign > 0 ? down : frame.rows - 1 - down,
  ];
}

/** Directions of the screen's right and bottom in the patient. */
export function screenDirections(grid: Grid, frame: PlaneFrame): { right: Xyz; down: Xyz } {
  return { right: grid.axis(frame.columnAxis, frame.columnSign), down: grid.axis(frame.rowAxis, frame.rowSign) };
}
