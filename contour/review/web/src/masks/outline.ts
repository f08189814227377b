/** Outlines of a slice's voxels by marching squares, half-way between voxel centres. */

import type { MaskSlice } from "./packed_mask";

/** Closed loops of (row, column) grid indices, flat: r0, c0, r1, c1, ... */
export type Loops = Float32Array[];

/*
 * Cells lie between four voxel centres. Bits of a cell: 1 top left, 2 top right, 4 bottom right, 8 bottom left.
 * Edges: 0 top, 1 right, 2 bottom, 3 left. Each entry is from-edge, to-edge with the inside on the left hand;
 * saddles (5, 10) keep diagonal neighbours apart.
 */
const SEGMENTS: readonly (readonly number[])[] = [
  [], [0, 3], [1, 0], [1, 3], [2, 1], [0, 3, 2, 1], [2, 0], [2, 3],
  [3, 2], [0, 2], [1, 0, 3, 2], [1, 2], [3, 1], [0, 1], [3, 0], [],
];

/** All loops around a slice's voxels; outer ones and holes alike, so fill them by the even-odd rule. */
export function outlines(slice: MaskSlice): Loops {
  const next = directedEdges(slice);
  const stride = slice.columns + 2;
  const loops: Loops = [];
  for (const first of next.keys()) {
    if (!next.has(first)) continue;
    const points: number[] = [];
    let at = first;
    for (;;) {
      const to = next.get(at);
      if (to === undefined) break;
      next.delete(at);
      points.push(...edgePoint(at, stride, slice));
      at = to;
    }
    if (points.length >= 6) loops.push(straightened(points));
  }
  return loops;
}

/** From each crossed edge of the lattice to the one that the outline meets next. */
function directedEdges({ rows, columns, voxels }: MaskSlice): Map<number, number> {
  const next = new Map<number, number>();
  const stride = columns + 2;
  const inside = (r: number, c: number): number =>
    r >= 0 && c >= 0 && r < rows && c < columns ? (voxels[r * columns + c] as number) : 0;
  for (let r = -1; r < rows; r++) {
    let left = inside(r, -1) | (inside(r + 1, -1) << 3);
    for (let c = -1; c < columns; c++) {
      const right = (inside(r, c + 1) << 1) | (inside(r + 1, c + 1) << 2);
      const code = left | right;
      left = (right >> 1 & 1) | ((right >> 2 & 1) << 3);
      if (code === 0 || code === 15) continue;
      const cell = (r + 1) * stride + (c + 1);
      const edges = [cell * 2, (cell + 1) * 2 + 1, (cell + stride) * 2, cell * 2 + 1];
      const segments = SEGMENTS[code] as readonly number[];
      for (let s = 0; s < segments.length; s += 2) {
        next.set(edges[segments[s] as number] as number, edges[segments[s + 1] as number] as number);
      }
    }
  }
  return next;
}

/** Even edges lie between a voxel and its right neighbour, odd ones between a voxel and the one below it. */
function edgePoint(edge: number, stride: number, slice: MaskSlice): [number, number] {
  const cell = edge >> 1;
  const r = Math.floor(cell / stride) - 1 + slice.row;
  const c = (cell % stride) - 1 + slice.column;
  return edge & 1 ? [r + 0.5, c] : [r, c + 0.5];
}

/** Without the points that lie on a straight line between their neighbours. */
function straightened(points: number[]): Float32Array {
  const count = points.length / 2;
  const kept: number[] = [];
  const at = (i: number, part: number): number => points[((i + count) % count) * 2 + part] as number;
  for (let i = 0; i < count; i++) {
    const before = [at(i, 0) - at(i - 1, 0), at(i, 1) - at(i - 1, 1)] as const;
    const after = [at(i + 1, 0) - at(i, 0), at(i + 1, 1) - at(i, 1)] as const;
    if (before[0] * after[1] !== before[1] * after[0]) kept.push(at(i, 0), at(i, 1));
  }
  return Float32Array.from(kept.length >= 6 ? kept : points);
}
