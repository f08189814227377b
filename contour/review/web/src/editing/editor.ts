/** The drawing tools: turns what the pointer does on a plane into an operation. */

import type { Rgb, Xyz, Zyx } from "../api/contract";
import type { PlaneName } from "../space/planes";
import { Signal } from "../state/signal";
import type { Stroke } from "../viewer/overlay";
import type { PlaneView } from "../viewer/plane_view";
import { BRUSH_MM, BRUSH_POINTS_MOST, FREEHAND_POINTS, rounded, type FreehandMode, type Operation } from "./operations";

export type ToolName = "navigate" | "brush" | "eraser" | "freehand";

const RADIUS_FACTOR = 1.2;
const LEAST_STEP_PX = 1.5;

export class Editor {
  readonly tool = new Signal<ToolName>("navigate");
  readonly radiusMm = new Signal(5);
  readonly ball = new Signal(false);
  readonly freehandMode = new Signal<FreehandMode>("add");
  /** The stroke that the pointer is making. */
  live: Stroke | null = null;
  private lastPx: [number, number] = [0, 0];

  get draws(): boolean {
    return this.tool.value !== "navigate";
  }

  get hasCircle(): boolean {
    return this.tool.value === "brush" || this.tool.value === "eraser";
  }

  /** Larger with 1, smaller with -1, by a fifth, within what the server takes. */
  changeRadius(direction: 1 | -1): void {
    const next = this.radiusMm.value * RADIUS_FACTOR ** direction;
    this.setRadius(next);
  }

  setRadius(radiusMm: number): void {
    const within = Math.min(BRUSH_MM.most, Math.max(BRUSH_MM.least, radiusMm));
    this.radiusMm.value = Math.round(within * 10) / 10;
  }

  begin(view: PlaneView, x: number, y: number, colour: Rgb): void {
    this.lastPx = [x, y];
    this.live = {
      plane: view.name,
      slice: view.slice,
      kind: this.tool.value === "freehand" ? "polygon" : this.tool.value === "eraser" ? "eraser" : "brush",
      points: [view.toIndex(x, y)],
      radiusMm: this.radiusMm.value,
      colour,
    };
  }

  /** Adds a point where the pointer has moved far enough; says whether it did. */
  extend(view: PlaneView, x: number, y: number): boolean {
    const stroke = this.live;
    if (stroke === null || stroke.plane !== view.name) return false;
    const most = stroke.kind === "polygon" ? FREEHAND_POINTS.most : BRUSH_POINTS_MOST;
    const moved = Math.hypot(x - this.lastPx[0], y - this.lastPx[1]);
    if (moved < LEAST_STEP_PX || stroke.points.length >= most) return false;
    this.lastPx = [x, y];
    this.live = { ...stroke, points: [...stroke.points, view.toIndex(x, y)] };
    return true;
  }

  /** Ends the stroke; null where it is too short to mean anything. */
  finish(toPoint: (index: Zyx) => Xyz): { stroke: Stroke; operation: Operation } | null {
    const stroke = this.live;
    this.live = null;
    if (stroke === null) return null;
    const points = stroke.points.map((index) => rounded(toPoint(index)));
    const plane = stroke.plane as PlaneName;
    if (stroke.kind === "polygon") {
      if (points.length < FREEHAND_POINTS.least) return null;
      return { stroke, operation: { kind: "freehand", plane, points_xyz_mm: points, mode: this.freehandMode.value } };
    }
    const erase = stroke.kind === "eraser";
    const operation: Operation = {
      kind: "brush", plane, points_xyz_mm: points, radius_mm: stroke.radiusMm, erase, ball: this.ball.value,
    };
    return { stroke, operation };
  }

  cancel(): void {
    this.live = null;
  }
}
