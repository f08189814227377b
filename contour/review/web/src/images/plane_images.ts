/** Makes the pictures of the three planes out of the collected slices, mixed with the plan scan where asked. */

import { utilities, Enums, type Types } from "@cornerstonejs/core";
import type { Grid } from "../space/grid";
import { pixelToIndex, planeFrame, screenDirections, type PlaneFrame, type PlaneName } from "../space/planes";
import { describeImage } from "./image_facts";
import { FIRST_WINDOW, type HuWindow } from "../viewer/windows";
import { sampleSlice } from "./reslice";
import type { SliceStore } from "./slice_store";

/** What is shown: the scan of the day alone, a blend with the plan scan, or tiles of both. */
export type Mix = { kind: "daily" } | { kind: "blend"; planShare: number } | { kind: "checker"; tileMm: number };

/** Over all reviews, so that no picture of another case is ever found by the same id. */
let made = 0;

export class PlaneImages {
  readonly frames: Record<PlaneName, PlaneFrame>;
  mix: Mix = { kind: "daily" };
  /** The window that new pictures come with. */
  window: HuWindow = FIRST_WINDOW;
  /** The plan scan on this grid, once fetched. */
  plan: Int16Array | null = null;

  constructor(
    readonly grid: Grid,
    private readonly store: SliceStore,
  ) {
    this.frames = {
      axial: planeFrame(grid, "axial"),
      coronal: planeFrame(grid, "coronal"),
      sagittal: planeFrame(grid, "sagittal"),
    };
  }

  /** The picture of one slice of a plane as far as slices have arrived. */
  make(name: PlaneName, slice: number): Types.IImage {
    const frame = this.frames[name];
    const imageId = `contour:${name}/${slice}/${++made}`;
    const columnMm = this.grid.spacing(frame.columnAxis);
    const rowMm = this.grid.spacing(frame.rowAxis);
    const pixels = this.pixels(frame, slice);
    const { right, down } = screenDirections(this.grid, frame);
    describeImage(imageId, {
      rows: frame.rows,
      columns: frame.columns,
      rowMm,
      columnMm,
      right,
      down,
      corner: this.grid.toPoint(pixelToIndex(frame, slice, 0, 0)),
      frameOfReferenceUid: this.grid.facts.frame_of_reference_uid,
    });
    return {
      imageId,
      isPreScaled: true,
      preScale: { enabled: true, scaled: true },
      minPixelValue: this.store.least,
      maxPixelValue: Math.max(this.store.most, this.store.least + 1),
      slope: 1,
      intercept: 0,
      windowCenter: this.window.center,
      windowWidth: this.window.width,
      voiLUTFunction: Enums.VOILUTFunctionType.LINEAR_EXACT,
      getPixelData: () => pixels,
      getCanvas: () => document.createElement("canvas"),
      rows: frame.rows,
      columns: frame.columns,
      height: frame.rows,
      width: frame.columns,
      color: false,
      rgba: false,
      numberOfComponents: 1,
      columnPixelSpacing: columnMm,
      rowPixelSpacing: rowMm,
      invert: false,
      photometricInterpretation: "MONOCHROME2",
      sizeInBytes: pixels.byteLength,
      dataType: "Int16Array",
      voxelManager: utilities.VoxelManager.createImageVoxelManager({
        width: frame.columns,
        height: frame.rows,
        numberOfComponents: 1,
        scalarData: pixels,
        id: imageId,
      }),
    };
  }

  private pixels(frame: PlaneFrame, slice: number): Int16Array {
    const daily = sampleSlice(this.store.hu, this.grid.shape, frame, slice);
    if (this.plan === null || this.mix.kind === "daily") return daily;
    const plan = sampleSlice(this.plan, this.grid.shape, frame, slice);
    const mixed = new Int16Array(daily.length);
    if (this.mix.kind === "blend") {
      const share = this.mix.planShare;
      for (let i = 0; i < mixed.length; i++) {
        mixed[i] = (daily[i] as number) * (1 - share) + (plan[i] as number) * share;
      }
      return mixed;
    }
    const across = this.mix.tileMm / this.grid.spacing(frame.columnAxis);
    const along = this.mix.tileMm / this.grid.spacing(frame.rowAxis);
    for (let r = 0, i = 0; r < frame.rows; r++) {
      for (let c = 0; c < frame.columns; c++, i++) {
        const second = (Math.floor(r / along) + Math.floor(c / across)) & 1;
        mixed[i] = (second ? plan[i] : daily[i]) as number;
      }
    }
    return mixed;
  }
}
