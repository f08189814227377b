/** Keeps the outlines of masks as paths in picture coordinates, made when first drawn. */

import { outlines } from "../masks/outline";
import type { PackedMask } from "../masks/packed_mask";
import type { PlaneFrame } from "../space/planes";

const paths = new WeakMap<PackedMask, Map<string, Path2D | null>>();

/** The outlines of a mask in one slice, in (column, row) of the picture; null where it has no voxels. */
export function outlinePath(mask: PackedMask, frame: PlaneFrame, slice: number): Path2D | null {
  let known = paths.get(mask);
  if (known === undefined) {
    known = new Map();
    paths.set(mask, known);
  }
  const key = `${frame.name}/${slice}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = makePath(mask, frame, slice);
  known.set(key, made);
  return made;
}

function makePath(mask: PackedMask, frame: PlaneFrame, slice: number): Path2D | null {
  const voxels = mask.slice(frame.normalAxis, slice, frame.rowAxis, frame.columnAxis);
  if (voxels === null) return null;
  const lastColumn = frame.columns - 1;
  const lastRow = frame.rows - 1;
  const path = new Path2D();
  for (const loop of outlines(voxels)) {
    for (let i = 0; i < loop.length; i += 2) {
      const row = loop[i] as number;
      const column = loop[i + 1] as number;
      const x = frame.columnSign > 0 ? column : lastColumn - column;
      const y = frame.rowSign > 0 ? row : lastRow - row;
      if (i === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    }
    path.closePath();
  }
  return path;
}
