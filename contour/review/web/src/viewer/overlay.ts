/** Draws what lies above a plane's picture: outlines, crosshair, strokes and the displacement field. */

import type { Rgb, Zyx } from "../api/contract";
import type { PackedMask } from "../masks/packed_mask";
import { drawDisplacement, type DisplacementField } from "./displacement";
import { outlinePath } from "./outline_paths";
import type { PlaneView } from "./plane_view";

export interface DrawnMask {
  mask: PackedMask;
  colour: Rgb;
  active: boolean;
  /** Planned, not today's. */
  dashed: boolean;
  /** Never for the patient's outline or a region to look at, which would tint the greys that a reviewer reads. */
  filled: boolean;
}

/** A stroke that is being made, or waits for the server: pixels of one slice of one plane. */
export interface Stroke {
  plane: string;
  slice: number;
  kind: "brush" | "eraser" | "polygon";
  /** Grid indices. */
  points: readonly Zyx[];
  radiusMm: number;
  colour: Rgb;
}

export interface Scene {
  masks: readonly DrawnMask[];
  fillOpacity: number;
  cursor: Zyx;
  crosshair: boolean;
  strokes: readonly Stroke[];
  /** Where the tool's circle is drawn: CSS pixels, and its radius. */
  circle: { plane: string; x: number; y: number; radiusMm: number } | null;
  displacement: DisplacementField | null;
  displacementStyle: "none" | "arrows" | "heat";
  /** The displacement is drawn inside it only. */
  body: PackedMask | null;
}

const LINE = 1.5;
const ACTIVE_LINE = 2.5;

export const css = ([r, g, b]: Rgb, alpha = 1): string => `rgba(${r},${g},${b},${alpha})`;

export function drawOverlay(view: PlaneView, scene: Scene): void {
  const context = prepared(view);
  if (context === null || view.slice < 0) return;
  if (scene.displacement !== null && scene.displacementStyle !== "none") {
    context.save();
    clipTo(context, view, scene.body);
    drawDisplacement(context, view, scene.displacement, scene.displacementStyle);
    context.restore();
  }
  for (const drawn of scene.masks) drawMask(context, view, drawn, scene.fillOpacity);
  for (const stroke of scene.strokes) {
    if (stroke.plane === view.name && stroke.slice === view.slice) drawStroke(context, view, stroke);
  }
  if (scene.crosshair) drawCrosshair(context, view, scene.cursor);
  if (scene.circle !== null && scene.circle.plane === view.name) drawCircle(context, view, scene.circle);
}

function prepared(view: PlaneView): CanvasRenderingContext2D | null {
  const { overlay, element } = view;
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(element.clientWidth * ratio);
  const height = Math.round(element.clientHeight * ratio);
  if (overlay.width !== width) overlay.width = width;
  if (overlay.height !== height) overlay.height = height;
  const context = overlay.getContext("2d", { willReadFrequently: view.inSoftware });
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  context?.clearRect(0, 0, element.clientWidth, element.clientHeight);
  return context;
}

function clipTo(context: CanvasRenderingContext2D, view: PlaneView, mask: PackedMask | null): void {
  const picture = mask === null ? null : outlinePath(mask, view.frame, view.slice);
  if (picture === null) return;
  const path = new Path2D();
  path.addPath(picture, view.matrix);
  context.clip(path, "evenodd");
}

function drawMask(context: CanvasRenderingContext2D, view: PlaneView, drawn: DrawnMask, fillOpacity: number): void {
  const picture = outlinePath(drawn.mask, view.frame, view.slice);
  if (picture === null) return;
  const path = new Path2D();
  path.addPath(picture, view.matrix);
  if (fillOpacity > 0 && drawn.filled) {
    context.fillStyle = css(drawn.colour, fillOpacity);
    context.fill(path, "evenodd");
  }
  context.strokeStyle = css(drawn.colour);
  context.lineWidth = drawn.active ? ACTIVE_LINE : LINE;
  context.setLineDash(drawn.dashed ? [5, 4] : []);
  context.stroke(path);
  context.setLineDash([]);
}

function drawStroke(context: CanvasRenderingContext2D, view: PlaneView, stroke: Stroke): void {
  const path = new Path2D();
  stroke.points.forEach((index, i) => {
    const [x, y] = view.toCanvas(index);
    if (i === 0) path.moveTo(x, y);
    else path.lineTo(x, y);
  });
  context.lineJoin = "round";
  context.lineCap = "round";
  if (stroke.kind === "polygon") {
    context.strokeStyle = css(stroke.colour);
    context.lineWidth = LINE;
    context.stroke(path);
    return;
  }
  if (stroke.points.length === 1) {
    const [x, y] = view.toCanvas(stroke.points[0] as Zyx);
    path.lineTo(x + 0.01, y);
  }
  context.strokeStyle = stroke.kind === "eraser" ? "rgba(20,20,20,0.55)" : css(stroke.colour, 0.4);
  context.lineWidth = stroke.radiusMm * 2 * view.scale;
  context.stroke(path);
}

function drawCrosshair(context: CanvasRenderingContext2D, view: PlaneView, cursor: Zyx): void {
  const [x, y] = view.toCanvas(cursor);
  const { clientWidth, clientHeight } = view.element;
  const gap = 10;
  context.strokeStyle = "rgba(120,200,255,0.65)";
  context.lineWidth = 1;
  context.beginPath();
  for (const [from, to] of [[0, x - gap], [x + gap, clientWidth]] as const) {
    context.moveTo(from, y);
    context.lineTo(to, y);
  }
  for (const [from, to] of [[0, y - gap], [y + gap, clientHeight]] as const) {
    context.moveTo(x, from);
    context.lineTo(x, to);
  }
  context.stroke();
}

function drawCircle(
  context: CanvasRenderingContext2D,
  view: PlaneView,
  circle: { x: number; y: number; radiusMm: number },
): void {
  context.beginPath();
  context.arc(circle.x, circle.y, Math.max(1, circle.radiusMm * view.scale), 0, 2 * Math.PI);
  context.strokeStyle = "rgba(0,0,0,0.7)";
  context.lineWidth = 3;
  context.stroke();
  context.strokeStyle = "#fff";
  context.lineWidth = 1;
  context.stroke();
}
