/** Patient orientation letters of a direction, combined where it is oblique. */

import type { Xyz } from "../api/contract";

const POSITIVE = ["L", "P", "S"] as const;
const NEGATIVE = ["R", "A", "I"] as const;
/** A component below sin(3 degrees) is no obliqueness that somebody would look at. */
const NEGLIGIBLE = 0.052;

/** Such as "L", or "LA" for a direction that is mostly left and a little anterior. */
export function orientationLetters(direction: Xyz): string {
  return [0, 1, 2]
    .filter((axis) => Math.abs(direction[axis] as number) > NEGLIGIBLE)
    .sort((a, b) => Math.abs(direction[b] as number) - Math.abs(direction[a] as number))
    .map((axis) => ((direction[axis] as number) > 0 ? POSITIVE[axis] : NEGATIVE[axis]))
    .join("");
}

export const opposite = (direction: Xyz): Xyz => [-direction[0], -direction[1], -direction[2]];

/** A position as a physicist reads it: "L 12.0  P 40.5  S 110.0 mm". */
export function positionText(point: Xyz): string {
  const parts = [0, 1, 2].map((axis) => {
    const value = point[axis] as number;
    return `${value >= 0 ? POSITIVE[axis] : NEGATIVE[axis]} ${Math.abs(value).toFixed(1)}`;
  });
  return `${parts.join("  ")} mm`;
}
