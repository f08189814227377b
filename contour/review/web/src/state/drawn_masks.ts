/** Which outlines lie over the pictures, and how each is drawn. */

import type { DrawnMask } from "../viewer/overlay";
import type { ReviewCase } from "./review_case";

/** The plan's outlines below those of the day. */
export function drawnMasks(reviewed: ReviewCase, withPlanned: boolean): DrawnMask[] {
  const masks: DrawnMask[] = [];
  const { active, visible, facts } = reviewed;
  if (withPlanned) {
    for (const { name, colour } of facts.value.fraction?.planned ?? []) {
      const mask = reviewed.planned.value.get(name);
      if (mask !== undefined && visible.value.has(name)) masks.push({ mask, colour, active: false, dashed: true, filled: false });
    }
  }
  for (const { name, colour, kind, look_of } of facts.value.structures) {
    const mask = reviewed.masks.value.get(name);
    if (mask !== undefined && visible.value.has(name)) {
      const filled = kind !== "EXTERNAL" && look_of === "";
      masks.push({ mask, colour, active: name === active.value, dashed: false, filled });
    }
  }
  return masks;
}
