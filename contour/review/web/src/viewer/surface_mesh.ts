/** Reads a surface as the server sends it, and gives it normals. */

export interface Mesh {
  /** x, y, z in mm, one after the other. */
  points: Float32Array;
  /** 3, a, b, c for each triangle, as VTK wants them. */
  cells: Uint32Array;
}

/** Two counts as uint32, then points as float32, then triangles as uint32; little endian. */
export function readSurface(data: ArrayBuffer): Mesh {
  const head = new DataView(data);
  const points = head.getUint32(0, true);
  const triangles = head.getUint32(4, true);
  const corners = new Uint32Array(data, 8 + points * 12, triangles * 3);
  const cells = new Uint32Array(triangles * 4);
  for (let t = 0; t < triangles; t++) {
    cells[t * 4] = 3;
    cells.set(corners.subarray(t * 3, t * 3 + 3), t * 4 + 1);
  }
  return { points: new Float32Array(data, 8, points * 3), cells };
}

/** The mean of the triangles' normals at each point, by area. */
export function pointNormals({ points, cells }: Mesh): Float32Array {
  const normals = new Float32Array(points.length);
  const p = (corner: number, part: number): number => points[corner * 3 + part] as number;
  for (let t = 0; t < cells.length; t += 4) {
    const [a, b, c] = [cells[t + 1], cells[t + 2], cells[t + 3]] as [number, number, number];
    const u = [p(b, 0) - p(a, 0), p(b, 1) - p(a, 1), p(b, 2) - p(a, 2)] as const;
    const v = [p(c, 0) - p(a, 0), p(c, 1) - p(a, 1), p(c, 2) - p(a, 2)] as const;
    const normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]] as const;
    for (const corner of [a, b, c]) {
      for (let part = 0; part < 3; part++) {
        const at = corner * 3 + part;
        normals[at] = (normals[at] as number) + (normal[part] as number);
      }
    }
  }
  for (let i = 0; i < normals.length; i += 3) {
    const length = Math.hypot(normals[i] as number, normals[i + 1] as number, normals[i + 2] as number) || 1;
    for (let part = 0; part < 3; part++) normals[i + part] = (normals[i + part] as number) / length;
  }
  return normals;
}
