/** Where voxels sit in the patient: indices to LPS millimetres and back. */

import type { GridFacts, Xyz, Zyx } from "../api/contract";

export const dot = (a: Xyz, b: Xyz): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

export class Grid {
  constructor(readonly facts: GridFacts) {}

  get shape(): Zyx {
    return this.facts.shape_zyx;
  }

  /** Unit vector of an index axis (0 slices, 1 rows, 2 columns) times `sign`. */
  axis(axis: number, sign = 1): Xyz {
    const [x, y, z] = this.facts.axes_xyz[axis] as Xyz;
    return [x * sign, y * sign, z * sign];
  }

  spacing(axis: number): number {
    return this.facts.spacing_zyx_mm[axis] as number;
  }

  /** Patient position of a whole or fractional index. */
  toPoint(index: readonly number[]): Xyz {
    const point: Xyz = [...this.facts.origin_xyz_mm];
    for (let axis = 0; axis < 3; axis++) {
      const step = (index[axis] as number) * this.spacing(axis);
      const direction = this.facts.axes_xyz[axis] as Xyz;
      for (let c = 0; c < 3; c++) point[c] = (point[c] as number) + step * (direction[c] as number);
    }
    return point;
  }

  /** Fractional index of a patient position. */
  toIndex(point: Xyz): Zyx {
    const o = this.facts.origin_xyz_mm;
    const offset: Xyz = [point[0] - o[0], point[1] - o[1], point[2] - o[2]];
    return [0, 1, 2].map((axis) => dot(offset, this.facts.axes_xyz[axis] as Xyz) / this.spacing(axis)) as Zyx;
  }

  /** The nearest voxel inside the grid. */
  clamp(index: readonly number[]): Zyx {
    return [0, 1, 2].map((axis) =>
      Math.min((this.shape[axis] as number) - 1, Math.max(0, Math.round(index[axis] as number))),
    ) as Zyx;
  }

  holds(index: readonly number[]): boolean {
    return [0, 1, 2].every((axis) => {
      const i = Math.round(index[axis] as number);
      return i >= 0 && i < (this.shape[axis] as number);
    });
  }
}
