/** The patient's outline in a case, and what of each plane is worth being in view. */

import type { StructureFacts } from "../api/contract";
import { sectionBox, type PackedMask } from "../masks/packed_mask";
import { boxAround, type IndexBox } from "../space/box";
import type { PlaneFrame } from "../space/planes";
import type { ReviewCase } from "./review_case";

const outlineOf = (reviewed: ReviewCase): StructureFacts | undefined =>
  reviewed.facts.value.structures.find((structure) => structure.kind === "EXTERNAL");

const boxOf = ({ lower_zyx, shape_zyx }: StructureFacts): IndexBox => ({ lower: lower_zyx, shape: shape_zyx });

/** Voxels of the patient's outline; null where it has none or they have not come yet. */
export function bodyOf(reviewed: ReviewCase): PackedMask | null {
  const outline = outlineOf(reviewed);
  return outline === undefined ? null : (reviewed.masks.value.get(outline.name) ?? null);
}

/** The body in one slice and all other structures in any, so that none of them is out of view when one scrolls. */
export function whatToShow(reviewed: ReviewCase, frame: PlaneFrame, slice: number): IndexBox | null {
  const outline = outlineOf(reviewed);
  if (outline === undefined) return null;
  const body = bodyOf(reviewed);
  const section = body === null ? null : sectionBox(body, frame, slice);
  const others = reviewed.facts.value.structures.filter((structure) => structure !== outline);
  return boxAround([section ?? boxOf(outline), ...others.map(boxOf)]);
}
