/** Boxes of voxels: first corner and size in indices. */

import type { Zyx } from "../api/contract";

export interface IndexBox {
  lower: Zyx;
  shape: Zyx;
}

/** The smallest box around all that hold something; null where none does. */
export function boxAround(boxes: readonly IndexBox[]): IndexBox | null {
  const filled = boxes.filter(({ shape }) => shape.every((size) => size > 0));
  if (filled.length === 0) return null;
  const part = (axis: number, of: (box: IndexBox) => number[], pick: (...n: number[]) => number): number =>
    pick(...filled.map((box) => of(box)[axis] as number));
  const lower = [0, 1, 2].map((axis) => part(axis, (box) => box.lower, Math.min)) as Zyx;
  const end = (box: IndexBox): number[] => box.lower.map((first, axis) => first + (box.shape[axis] as number));
  const shape = lower.map((first, axis) => part(axis, end, Math.max) - first) as Zyx;
  return { lower, shape };
}
