/** One plane on the screen: a Cornerstone stack viewport and a canvas above it for everything that is drawn. */

import { Enums, type StackViewport } from "@cornerstonejs/core";
import type { Xyz, Zyx } from "../api/contract";
import { handOver } from "../images/cornerstone";
import type { PlaneImages } from "../images/plane_images";
import type { IndexBox } from "../space/box";
import { indexToPixel, pixelToIndex, type PlaneFrame, type PlaneName } from "../space/planes";
import { voiRange, windowOf, type HuWindow } from "./windows";

const LEAST_PX_PER_MM = 0.1;
const MOST_PX_PER_MM = 80;

/** Left free around what is fitted, where the letters are. */
const EDGE_PX = 26;

const at = (point: Xyz, part: number): number => point[part] as number;

/** Pixels (column, row) to CSS pixels: x = a c + b r + e, y = c' c + d r + f as in DOMMatrix. */
export type PictureMatrix = DOMMatrix;

export class PlaneView {
  readonly overlay = document.createElement("canvas");
  readonly frame: PlaneFrame;
  slice = -1;
  /** Where pixel centres lie on the canvas. */
  matrix: PictureMatrix = new DOMMatrix();
  rendered = 0;
  /** What is brought into view at a slice; null for the whole picture. */
  toShow: (frame: PlaneFrame, slice: number) => IndexBox | null = () => null;
  onRendered: () => void = () => undefined;
  onWindow: (window: HuWindow) => void = () => undefined;
  private shown = false;
  private fitted: PictureMatrix | null = null;
  private settingWindow = false;

  constructor(
    readonly name: PlaneName,
    readonly element: HTMLDivElement,
    private readonly viewport: StackViewport,
    private readonly images: PlaneImages,
    /** Whether Cornerstone's CPU renderer draws; it counts pixels from their corners, not their centres. */
    readonly inSoftware: boolean,
  ) {
    this.frame = images.frames[name];
    this.overlay.className = "overlay";
    this.overlay.setAttribute("aria-hidden", "true");
    element.append(this.overlay);
    element.addEventListener(Enums.Events.IMAGE_RENDERED, () => this.afterRendering());
    element.addEventListener(Enums.Events.VOI_MODIFIED, (event) => {
      if (this.settingWindow) return;
      const { range } = (event as CustomEvent<{ range: { lower: number; upper: number } }>).detail;
      this.onWindow(windowOf(range));
    });
  }

  /** Draws a slice; the first one sets up the viewport. */
  async show(slice: number): Promise<void> {
    this.slice = slice;
    const image = this.images.make(this.name, slice);
    if (this.shown) {
      this.viewport.renderImageObject(image);
      this.viewport.render();
      return;
    }
    this.shown = true;
    this.settingWindow = true;
    await this.viewport.setStack([handOver(image)]);
    this.settingWindow = false;
    this.frameBox();
    this.setWindow(this.images.window);
  }

  /** Draws the same slice again from what has arrived since. */
  refresh(): void {
    if (this.slice >= 0) void this.show(this.slice);
  }

  setWindow(window: HuWindow): void {
    if (!this.shown) return;
    this.settingWindow = true;
    this.viewport.setProperties({ voiRange: voiRange(window) });
    this.settingWindow = false;
    this.viewport.render();
  }

  /** The body in view, or the whole picture where none is outlined. */
  fit(): void {
    if (!this.shown) return;
    this.frameBox();
    this.viewport.render();
  }

  /** Whether it stands as `fit` left it. */
  get isFitted(): boolean {
    const { fitted, matrix } = this;
    return fitted !== null && (["a", "d", "e", "f"] as const).every((part) => Math.abs(fitted[part] - matrix[part]) < 1e-3);
  }

  /** Multiplies the zoom and keeps the point at (x, y) in its place. */
  zoomAt(factor: number, x: number, y: number): void {
    const scale = this.scale * factor;
    if (scale < LEAST_PX_PER_MM || scale > MOST_PX_PER_MM) return;
    this.zoomOnto(factor, this.toPoint(x, y), x, y);
    this.viewport.render();
  }

  zoomAtMiddle(factor: number): void {
    this.zoomAt(factor, this.element.clientWidth / 2, this.element.clientHeight / 2);
  }

  /** CSS pixels per millimetre. */
  get scale(): number {
    const columnMm = this.images.grid.spacing(this.frame.columnAxis);
    return Math.hypot(this.matrix.a, this.matrix.b) / columnMm;
  }

  /** Picture position (column, row) at a place of the canvas. */
  toPixel(x: number, y: number): [number, number] {
    const point = this.matrix.inverse().transformPoint(new DOMPoint(x, y));
    return [point.x, point.y];
  }

  /** Fractional index of the slice shown at a place of the canvas. */
  toIndex(x: number, y: number): Zyx {
    return pixelToIndex(this.frame, this.slice, ...this.toPixel(x, y));
  }

  toPoint(x: number, y: number): Xyz {
    return this.images.grid.toPoint(this.toIndex(x, y));
  }

  /** Place on the canvas of an index, its part across the plane left out. */
  toCanvas(index: readonly number[]): [number, number] {
    const point = this.matrix.transformPoint(new DOMPoint(...indexToPixel(this.frame, index)));
    return [point.x, point.y];
  }

  private frameBox(): void {
    this.viewport.resetCamera();
    this.measure();
    const { grid } = this.images;
    const { lower, shape } = this.toShow(this.frame, this.slice) ?? { lower: [0, 0, 0], shape: grid.shape };
    const sizeMm = (axis: number): number => (shape[axis] as number) * grid.spacing(axis);
    const { clientWidth: width, clientHeight: height } = this.element;
    const free = (px: number): number => Math.max(px - 2 * EDGE_PX, px / 2);
    const wanted = Math.min(free(width) / sizeMm(this.frame.columnAxis), free(height) / sizeMm(this.frame.rowAxis));
    const middle = lower.map((first, axis) => first + ((shape[axis] as number) - 1) / 2) as Zyx;
    middle[this.frame.normalAxis] = this.slice;
    this.zoomOnto(wanted / this.scale, grid.toPoint(middle), width / 2, height / 2);
    this.fitted = this.matrix;
  }

  /** Multiplies the zoom and brings a point of the slice to (x, y). */
  private zoomOnto(factor: number, point: Xyz, x: number, y: number): void {
    this.viewport.setZoom(this.viewport.getZoom() * factor);
    this.measure();
    const there = this.toPoint(x, y);
    const { focalPoint, position } = this.viewport.getCamera();
    if (focalPoint === undefined || position === undefined) return;
    const moved = (from: Xyz): Xyz => [0, 1, 2].map((c) => at(from, c) + at(point, c) - at(there, c)) as Xyz;
    this.viewport.setCamera({ focalPoint: moved(focalPoint as Xyz), position: moved(position as Xyz) });
    this.measure();
  }

  private afterRendering(): void {
    if (this.slice < 0) return;
    this.rendered += 1;
    this.measure();
    this.onRendered();
  }

  /** Asks the viewport where three pixels lie; everything on the overlay follows from them. */
  private measure(): void {
    const place = (column: number, row: number): [number, number] => {
      const index = pixelToIndex(this.frame, this.slice, column, row);
      return this.viewport.worldToCanvas(this.images.grid.toPoint(index)) as [number, number];
    };
    const { columns, rows } = this.frame;
    const origin = place(0, 0);
    const right = place(columns, 0);
    const down = place(0, rows);
    const a = (right[0] - origin[0]) / columns;
    const b = (right[1] - origin[1]) / columns;
    const c = (down[0] - origin[0]) / rows;
    const d = (down[1] - origin[1]) / rows;
    const shift = this.inSoftware ? 0.5 : 0;
    this.matrix = new DOMMatrix([a, b, c, d, origin[0] + (a + c) * shift, origin[1] + (b + d) * shift]);
  }
}
