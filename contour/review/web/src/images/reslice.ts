/** Takes one slice of a plane out of a volume, in the order of the screen. */

import type { Zyx } from "../api/contract";
import type { PlaneFrame } from "../space/planes";

/** (rows x columns) values; a view of `volume` where the order is the array's own, otherwise a copy. */
export function sampleSlice(volume: Int16Array, shape: Zyx, frame: PlaneFrame, slice: number): Int16Array {
  const strides: Zyx = [shape[1] * shape[2], shape[2], 1];
  const size = frame.rows * frame.columns;
  const start = slice * (strides[frame.normalAxis] as number);
  const asStored = frame.normalAxis === 0 && frame.rowAxis === 1 && frame.rowSign > 0 && frame.columnSign > 0;
  if (asStored) return volume.subarray(start, start + size);
  const picture = new Int16Array(size);
  const rowStride = (strides[frame.rowAxis] as number) * frame.rowSign;
  const columnStride = (strides[frame.columnAxis] as number) * frame.columnSign;
  const firstRow = start + (frame.rowSign < 0 ? (frame.rows - 1) * -rowStride : 0);
  const first = firstRow + (frame.columnSign < 0 ? (frame.columns - 1) * -columnStride : 0);
  for (let r = 0, to = 0; r < frame.rows; r++) {
    let from = first + r * rowStride;
    for (let c = 0; c < frame.columns; c++, from += columnStride) picture[to++] = volume[from] as number;
  }
  return picture;
}
