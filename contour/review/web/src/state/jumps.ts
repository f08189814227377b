/** Jumps to a structure, to the slices that most need a look, and to the regions that must be looked at. */

import type { Look, Zyx } from "../api/contract";
import { told } from "../panels/words";
import type { Viewer } from "../viewer/viewer";
import type { ReviewCase } from "./review_case";

export class Jumps {
  private lookAt = -1;
  private regionAt = -1;

  constructor(
    private readonly reviewed: ReviewCase,
    private readonly viewer: Viewer,
    private readonly tell: (text: string) => void,
  ) {}

  toStructure(name: string): void {
    const middle = this.middleOf(name);
    if (middle === null) return this.tell(`${name} has no voxels`);
    this.viewer.moveTo(middle);
  }

  /** The next slice that most needs a look, worst first. */
  nextLook(): void {
    const { looks } = this.reviewed.facts.value;
    if (looks.length === 0) return this.tell("No slice is marked for a look");
    this.lookAt = (this.lookAt + 1) % looks.length;
    const look = looks[this.lookAt] as Look;
    this.reviewed.active.value = look.structure;
    const middle = this.middleOf(look.structure) ?? this.viewer.cursor.value;
    this.viewer.moveTo([look.k, middle[1], middle[2]]);
    this.tell(`Look ${this.lookAt + 1} of ${looks.length}: ${look.structure}, slice ${look.k + 1}. ${told(look.why)}`);
  }

  /** The next must-look region of a target. */
  nextRegion(): void {
    const regions = this.reviewed.facts.value.structures.filter((structure) => structure.look_of !== "");
    if (regions.length === 0) return this.tell("This case has no must-look region");
    this.regionAt = (this.regionAt + 1) % regions.length;
    const region = regions[this.regionAt];
    if (region === undefined) return;
    this.reviewed.show(region.name, true);
    if (this.reviewed.structure(region.look_of) !== undefined) this.reviewed.active.value = region.look_of;
    this.toStructure(region.name);
    const place = regions.length === 1 ? "" : `, ${this.regionAt + 1} of ${regions.length}`;
    this.tell(`Must-look region of ${region.look_of}${place}: ${region.volume_ml.toFixed(1)} ml`);
  }

  /** The middle of a structure as it is now, on the nearest slice that holds some of it; null for an empty one. */
  private middleOf(name: string): Zyx | null {
    const structure = this.reviewed.structure(name);
    if (structure === undefined || structure.slices.length === 0) return null;
    const { centre_xyz_mm: centre, lower_zyx: lower, shape_zyx: shape, slices } = structure;
    const index = centre === null ? lower.map((first, axis) => first + (shape[axis] as number) / 2) : this.viewer.grid.toIndex(centre);
    const [z, y, x] = index.map((at, axis) => {
      const first = lower[axis] as number;
      return Math.min(first + (shape[axis] as number) - 1, Math.max(first, at));
    }) as Zyx;
    const nearest = slices.reduce((best, k) => (Math.abs(k - z) < Math.abs(best - z) ? k : best));
    return [nearest, y, x];
  }
}
