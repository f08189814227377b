/** Tells Cornerstone where each picture of ours lies in the patient. */

import { metaData } from "@cornerstonejs/core";
import type { Xyz } from "../api/contract";

export interface ImageFacts {
  rows: number;
  columns: number;
  rowMm: number;
  columnMm: number;
  right: Xyz;
  down: Xyz;
  /** Centre of the first pixel. */
  corner: Xyz;
  frameOfReferenceUid: string;
}

/** Pictures are made anew at every step, so that only the last few are ever asked about. */
const KEPT = 64;
const facts = new Map<string, ImageFacts>();

export function describeImage(imageId: string, image: ImageFacts): void {
  facts.set(imageId, image);
  if (facts.size > KEPT) facts.delete(facts.keys().next().value as string);
}

function answer(type: string, imageId: unknown): unknown {
  const image = typeof imageId === "string" ? facts.get(imageId) : undefined;
  if (image === undefined) return undefined;
  switch (type) {
    case "imagePlaneModule":
      return {
        frameOfReferenceUID: image.frameOfReferenceUid,
        rows: image.rows,
        columns: image.columns,
        imageOrientationPatient: [...image.right, ...image.down],
        rowCosines: image.right,
        columnCosines: image.down,
        imagePositionPatient: image.corner,
        pixelSpacing: [image.rowMm, image.columnMm],
        rowPixelSpacing: image.rowMm,
        columnPixelSpacing: image.columnMm,
      };
    case "imagePixelModule":
      return {
        samplesPerPixel: 1,
        photometricInterpretation: "MONOCHROME2",
        rows: image.rows,
        columns: image.columns,
        bitsAllocated: 16,
        bitsStored: 16,
        highBit: 15,
        pixelRepresentation: 1,
      };
    case "generalSeriesModule":
      return { modality: "CT" };
    default:
      return undefined;
  }
}

/** Makes the descriptions known to Cornerstone, before its own providers. */
export function provideImageFacts(): void {
  metaData.addProvider(answer, 10_000);
}
