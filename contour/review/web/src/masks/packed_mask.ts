/** A structure's voxels as packed bits of a crop of the grid. */

import type { Zyx } from "../api/contract";
import type { IndexBox } from "../space/box";
import type { PlaneFrame } from "../space/planes";

export class PackedMask {
  constructor(
    readonly lower: Zyx,
    readonly shape: Zyx,
    readonly bits: Uint8Array,
  ) {}

  /** Out of an edit's answer, where the bits come as base64. */
  static fromBase64(lower: Zyx, shape: Zyx, text: string): PackedMask {
    const binary = atob(text);
    const bits = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bits[i] = binary.charCodeAt(i);
    return new PackedMask(lower, shape, bits);
  }

  private bit(offset: number): number {
    return ((this.bits[offset >> 3] as number) >> (7 - (offset & 7))) & 1;
  }

  /** Whether the mask has voxels at this slice of an index axis, as far as its crop tells. */
  reaches(axis: number, slice: number): boolean {
    const at = slice - (this.lower[axis] as number);
    return at >= 0 && at < (this.shape[axis] as number);
  }

  /**
   * The crop's part in one slice across `normal`, as bytes 0 and 1 with rows along `rowAxis`;
   * null where the crop does not reach.
   */
  slice(normal: number, slice: number, rowAxis: number, columnAxis: number): MaskSlice | null {
    if (!this.reaches(normal, slice)) return null;
    const strides = [(this.shape[1] as number) * (this.shape[2] as number), this.shape[2] as number, 1];
    const rows = this.shape[rowAxis] as number;
    const columns = this.shape[columnAxis] as number;
    const start = (slice - (this.lower[normal] as number)) * (strides[normal] as number);
    const rowStride = strides[rowAxis] as number;
    const columnStride = strides[columnAxis] as number;
    const voxels = new Uint8Array(rows * columns);
    let any = false;
    for (let r = 0, to = 0; r < rows; r++) {
      for (let c = 0, at = start + r * rowStride; c < columns; c++, at += columnStride, to++) {
        if (this.bit(at)) {
          voxels[to] = 1;
          any = true;
        }
      }
    }
    if (!any) return null;
    return { row: this.lower[rowAxis] as number, column: this.lower[columnAxis] as number, rows, columns, voxels };
  }
}

/** Voxels of one slice; `row` and `column` are the grid indices of its first one. */
export interface MaskSlice {
  row: number;
  column: number;
  rows: number;
  columns: number;
  voxels: Uint8Array;
}

/** The box around a mask's voxels in one slice of a plane; null where it has none there. */
export function sectionBox(mask: PackedMask, frame: PlaneFrame, slice: number): IndexBox | null {
  const found = mask.slice(frame.normalAxis, slice, frame.rowAxis, frame.columnAxis);
  if (found === null) return null;
  let [top, bottom, left, right] = [found.rows, -1, found.columns, -1];
  found.voxels.forEach((voxel, at) => {
    if (voxel === 0) return;
    const [row, column] = [Math.floor(at / found.columns), at % found.columns];
    top = Math.min(top, row);
    bottom = Math.max(bottom, row);
    left = Math.min(left, column);
    right = Math.max(right, column);
  });
  const box: IndexBox = { lower: [slice, slice, slice], shape: [1, 1, 1] };
  box.lower[frame.rowAxis] = found.row + top;
  box.shape[frame.rowAxis] = bottom - top + 1;
  box.lower[frame.columnAxis] = found.column + left;
  box.shape[frame.columnAxis] = right - left + 1;
  return box;
}
