/** Draws a fraction's displacement field on a plane: arrows in the plane, or a heat map of its length in mm. */

import type { DisplacementAnswer } from "../api/client";
import type { Xyz, Zyx } from "../api/contract";
import { dot, type Grid } from "../space/grid";
import { screenDirections } from "../space/planes";
import type { PlaneView } from "./plane_view";

const LEAST_ARROW_MM = 0.5;
const ARROWS_APART_PX = 12;
const HEAT_ALPHA = 0.45;

export class DisplacementField {
  /** Length that the legend ends at: the largest one, rounded up. */
  readonly mostMm: number;

  constructor(
    private readonly answer: DisplacementAnswer,
    readonly grid: Grid,
  ) {
    const values = answer.vectors_xyz_mm;
    let most = 0;
    for (let i = 0; i < values.length; i += 3) {
      const length = Math.hypot(values[i] as number, values[i + 1] as number, values[i + 2] as number);
      if (length > most) most = length;
    }
    this.mostMm = Math.max(1, Math.ceil(most));
  }

  /** Every so manieth node in the layer nearest to a slice; those without a value are left out. */
  layer(axis: number, slice: number, every = 1): { index: Zyx; vector: Xyz }[] {
    const { shape_zyx: shape, step_zyx: step, start_zyx: start, vectors_xyz_mm: values } = this.answer;
    const near = Math.round((slice - (start[axis] as number)) / (step[axis] as number));
    const at = Math.min((shape[axis] as number) - 1, Math.max(0, near));
    const nodes: { index: Zyx; vector: Xyz }[] = [];
    const node: Zyx = [0, 0, 0];
    const [a, b] = [0, 1, 2].filter((other) => other !== axis) as [number, number];
    node[axis] = at;
    for (let i = 0; i < (shape[a] as number); i += every) {
      for (let j = 0; j < (shape[b] as number); j += every) {
        node[a] = i;
        node[b] = j;
        const offset = ((node[0] * shape[1] + node[1]) * shape[2] + node[2]) * 3;
        const vector: Xyz = [values[offset] ?? NaN, values[offset + 1] ?? NaN, values[offset + 2] ?? NaN];
        if (vector.some(Number.isNaN)) continue;
        nodes.push({ index: [0, 1, 2].map((n) => (start[n] as number) + (node[n] as number) * (step[n] as number)) as Zyx, vector });
      }
    }
    return nodes;
  }

  /** Size of a node's cell in pixels of a plane. */
  step(axis: number): number {
    return this.answer.step_zyx[axis] as number;
  }
}

/** Blue for none over green to red for the most. */
export function heatColour(share: number, alpha: number): string {
  const hue = 240 - 240 * Math.min(1, Math.max(0, share));
  return `hsla(${hue},90%,50%,${alpha})`;
}

export function drawDisplacement(
  context: CanvasRenderingContext2D,
  view: PlaneView,
  field: DisplacementField,
  style: "arrows" | "heat",
): void {
  const { normalAxis, columnAxis } = view.frame;
  if (style === "heat") {
    drawHeat(context, view, field, field.layer(normalAxis, view.slice));
    return;
  }
  const apartPx = Math.abs(view.matrix.a) * field.step(columnAxis);
  const every = Math.max(1, Math.round(ARROWS_APART_PX / apartPx));
  drawArrows(context, view, field, field.layer(normalAxis, view.slice, every));
}

type Nodes = { index: Zyx; vector: Xyz }[];

function drawHeat(context: CanvasRenderingContext2D, view: PlaneView, field: DisplacementField, nodes: Nodes): void {
  const width = Math.abs(view.matrix.a) * field.step(view.frame.columnAxis);
  const height = Math.abs(view.matrix.d) * field.step(view.frame.rowAxis);
  for (const { index, vector } of nodes) {
    const [x, y] = view.toCanvas(index);
    context.fillStyle = heatColour(Math.hypot(...vector) / field.mostMm, HEAT_ALPHA);
    const [left, top] = [Math.round(x - width / 2), Math.round(y - height / 2)];
    context.fillRect(left, top, Math.round(x + width / 2) - left, Math.round(y + height / 2) - top);
  }
}

function drawArrows(context: CanvasRenderingContext2D, view: PlaneView, field: DisplacementField, nodes: Nodes): void {
  const { right, down } = screenDirections(field.grid, view.frame);
  context.lineWidth = 1.2;
  for (const { index, vector } of nodes) {
    const length = Math.hypot(...vector);
    if (length < LEAST_ARROW_MM) continue;
    const [x, y] = view.toCanvas(index);
    const dx = dot(vector, right) * view.scale;
    const dy = dot(vector, down) * view.scale;
    const angle = Math.atan2(dy, dx);
    const head = Math.min(5, Math.hypot(dx, dy) / 2);
    context.strokeStyle = heatColour(length / field.mostMm, 0.95);
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + dx, y + dy);
    for (const turn of [2.6, -2.6]) {
      context.moveTo(x + dx, y + dy);
      context.lineTo(x + dx + head * Math.cos(angle + turn), y + dy + head * Math.sin(angle + turn));
    }
    context.stroke();
  }
}
