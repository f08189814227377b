/** Everything of one open review: the case, the viewer, the tools and the edits on their way to the server. */

import { displacement, planVolume, type ApiError, type PlanScan } from "../api/client";
import { listen } from "../api/events";
import type { EditAnswer, Look, ReviewFacts, Xyz } from "../api/contract";
import { ActivityClock } from "../editing/activity";
import { changeName, EditQueue, type PendingChange } from "../editing/edit_queue";
import { Editor } from "../editing/editor";
import { rounded, type Operation } from "../editing/operations";
import type { PackedMask } from "../masks/packed_mask";
import type { PlaneName } from "../space/planes";
import { DisplacementField } from "../viewer/displacement";
import { drawOverlay, type DrawnMask, type Scene, type Stroke } from "../viewer/overlay";
import { attachPointer } from "../viewer/pointer";
import { Viewer } from "../viewer/viewer";
import { ReviewCase } from "./review_case";
import { Signal } from "./signal";
import { SurfaceFeed } from "./surface_feed";

export interface Readout {
  point: Xyz;
  hu: number | null;
}

export class Workspace {
  readonly case: ReviewCase;
  readonly viewer: Viewer;
  readonly queue: EditQueue;
  readonly editor = new Editor();
  readonly clock = new ActivityClock();
  /** What is announced to the user, also by a screen reader. */
  readonly message = new Signal("");
  readonly readout = new Signal<Readout | null>(null);
  readonly fillOpacity = new Signal(0.15);
  readonly crosshair = new Signal(true);
  readonly plannedShown = new Signal(true);
  readonly displacementStyle = new Signal<"none" | "arrows" | "heat">("none");
  readonly displacement = new Signal<DisplacementField | null>(null);
  readonly planReady = new Signal(false);
  readonly surfaces: SurfaceFeed;
  /** Who has changed the case elsewhere since it was loaded; empty for nobody. */
  readonly changedBy = new Signal("");
  circle: Scene["circle"] = null;
  private strokes: { requestId: string | null; stroke: Stroke }[] = [];
  private lookAt = -1;
  private regionAt = -1;
  private stopped = false;
  private stopListening: () => void = () => undefined;

  constructor(
    facts: ReviewFacts,
    readonly userName: string,
  ) {
    this.case = new ReviewCase(facts);
    this.surfaces = new SurfaceFeed(this.case);
    this.viewer = new Viewer(facts);
    this.queue = new EditQueue({
      reviewId: facts.review_id,
      revision: () => this.case.facts.value.revision,
      acknowledged: (answer, sent) => this.acknowledged(answer, sent),
      refused: (error, sent) => this.refused(error, sent),
    });
  }

  async start(
    planes: Record<PlaneName, HTMLDivElement>,
    surfaceElement: HTMLDivElement,
    openedMs: number,
  ): Promise<void> {
    const draw = (): void => this.draw();
    const { masks, planned, visible, active } = this.case;
    for (const signal of [masks, planned, visible, active]) (signal as Signal<unknown>).watch(draw);
    for (const signal of [this.fillOpacity, this.crosshair, this.plannedShown]) (signal as Signal<unknown>).watch(draw);
    for (const signal of [this.displacementStyle, this.displacement]) (signal as Signal<unknown>).watch(draw);
    this.viewer.onPlane = (view) => attachPointer(this, view);
    this.viewer.onRendered = (view) => drawOverlay(view, this.scene());
    await this.viewer.start(planes, openedMs);
    if (this.stopped) return;
    this.listenForOthers();
    await this.case.loadMasks();
    void this.queue.send();
    await this.loadFraction().catch((error: Error) => this.tell(`The plan could not be shown: ${error.message}`));
    await this.surfaces.start(surfaceElement, this.viewer.store);
  }

  stop(): void {
    this.stopped = true;
    this.stopListening();
    this.queue.stop();
    this.clock.stop();
    this.viewer.stop();
    this.surfaces.stop();
  }

  /** Draws the overlays of all planes again. */
  draw(): void {
    const scene = this.scene();
    for (const view of this.viewer.views.values()) drawOverlay(view, scene);
  }

  drawPlane(name: PlaneName): void {
    const view = this.viewer.views.get(name);
    if (view !== undefined) drawOverlay(view, this.scene());
  }

  /** Queues an edit of the active structure; `stroke` stays on the screen until the server has answered. */
  edit(operation: Operation, stroke: Stroke | null = null): void {
    const structure = this.case.active.value;
    if (structure === null) return this.tell("Choose a structure first");
    if (!this.case.facts.value.can.edit) return this.tell("This review cannot be edited in its present state");
    this.queue.add("edits", structure, operation, this.clock.take());
    if (stroke !== null) {
      this.strokes.push({ requestId: this.queue.pending.value.at(-1)?.requestId ?? null, stroke });
      this.draw();
    }
  }

  step(path: "undo" | "redo"): void {
    const { can } = this.case.facts.value;
    if (!can.edit || (!can[path] && this.queue.pending.value.length === 0)) return this.tell(`Nothing to ${path}`);
    this.queue.add(path, null, null, 0);
  }

  /** Gives up the first unsent edit, and asks the server what holds. */
  discardFirst(): void {
    this.queue.discardFirst();
    void this.reload().catch((error: Error) => this.tell(error.message));
  }

  revert(structure: string): void {
    this.queue.add("revert", structure, null, 0);
  }

  nudge(offset: Xyz): void {
    this.edit({ kind: "nudge", offset_xyz_mm: rounded(offset) });
  }

  jumpTo(name: string): void {
    const structure = this.case.structure(name);
    if (structure?.centre_xyz_mm == null) return this.tell(`${name} has no voxels`);
    this.viewer.moveTo(this.viewer.grid.toIndex(structure.centre_xyz_mm));
  }

  /** The next slice that most needs a look, worst first. */
  nextLook(): void {
    const { looks } = this.case.facts.value;
    if (looks.length === 0) return this.tell("No slice is marked for a look");
    this.lookAt = (this.lookAt + 1) % looks.length;
    const look = looks[this.lookAt] as Look;
    this.case.active.value = look.structure;
    const middle = this.middleOf(look.structure);
    this.viewer.moveTo([look.k, middle[1], middle[2]]);
    this.tell(`Look ${this.lookAt + 1} of ${looks.length}: ${look.structure}, slice ${look.k + 1}. ${look.why}`);
  }

  /** The next must-look region of a target. */
  nextRegion(): void {
    const regions = this.case.facts.value.structures.filter((structure) => structure.look_of !== "");
    if (regions.length === 0) return this.tell("This case has no must-look region");
    this.regionAt = (this.regionAt + 1) % regions.length;
    const region = regions[this.regionAt];
    if (region === undefined) return;
    this.jumpTo(region.name);
    this.tell(`Must-look region of ${region.look_of}: ${region.volume_ml.toFixed(1)} ml`);
  }

  tell(text: string): void {
    this.message.value = "";
    this.message.value = text;
  }

  /** Fetches the plan scan to be mixed with the scan of the day. */
  async usePlanScan(source: PlanScan): Promise<void> {
    this.planReady.value = false;
    const { images, views } = this.viewer;
    try {
      images.plan = (await planVolume(this.case.id, source)).hu;
      for (const view of views.values()) view.refresh();
    } catch (error) {
      this.tell(`The plan scan could not be fetched: ${(error as Error).message}`);
    }
    this.planReady.value = images.plan !== null;
  }

  async reload(): Promise<void> {
    await this.case.reload();
    this.changedBy.value = "";
    this.strokes = this.strokes.filter(({ requestId }) =>
      this.queue.pending.value.some((pending) => pending.requestId === requestId),
    );
    this.draw();
  }

  private middleOf(name: string): [number, number, number] {
    const centre = this.case.structure(name)?.centre_xyz_mm;
    return centre == null ? this.viewer.cursor.value : this.viewer.grid.toIndex(centre);
  }

  /** The patient's outline, if there is one. */
  private get body(): PackedMask | null {
    const outer = this.case.facts.value.structures.find((structure) => structure.kind === "EXTERNAL");
    return outer === undefined ? null : (this.case.masks.value.get(outer.name) ?? null);
  }

  private scene(): Scene {
    const masks: DrawnMask[] = [];
    const { active, visible, facts } = this.case;
    if (this.plannedShown.value) {
      for (const { name, colour } of facts.value.fraction?.planned ?? []) {
        const mask = this.case.planned.value.get(name);
        if (mask !== undefined && visible.value.has(name)) masks.push({ mask, colour, active: false, dashed: true, filled: false });
      }
    }
    for (const { name, colour, kind } of facts.value.structures) {
      const mask = this.case.masks.value.get(name);
      if (mask !== undefined && visible.value.has(name)) {
        const filled = kind !== "EXTERNAL";
        masks.push({ mask, colour, active: name === active.value, dashed: false, filled });
      }
    }
    const live = this.editor.live;
    return {
      masks,
      fillOpacity: this.fillOpacity.value,
      cursor: this.viewer.cursor.value,
      crosshair: this.crosshair.value,
      strokes: [...this.strokes.map(({ stroke }) => stroke), ...(live === null ? [] : [live])],
      circle: this.editor.hasCircle ? this.circle : null,
      displacement: this.displacement.value,
      displacementStyle: this.displacementStyle.value,
      body: this.body,
    };
  }

  private acknowledged(answer: EditAnswer, sent: PendingChange): void {
    this.strokes = this.strokes.filter(({ requestId }) => requestId !== sent.requestId);
    if (answer.structures.length === 0) {
      this.draw();
      return this.tell(`The ${changeName(sent)} changes nothing`);
    }
    this.case.apply(answer);
    const changed = answer.structures.map(({ name, volume_ml }) => `${name} ${volume_ml.toFixed(2)} ml`).join(", ");
    this.tell(`Saved: ${changeName(sent)}. ${changed}`);
  }

  private refused(error: ApiError, sent: PendingChange): void {
    this.strokes = this.strokes.filter(({ requestId }) => requestId !== sent.requestId);
    this.draw();
    this.tell(`The ${changeName(sent)} was refused: ${error.message}`);
  }

  private listenForOthers(): void {
    this.stopListening = listen({
      review: (news) => {
        const { review_id, revision, state } = this.case.facts.value;
        if (news.review_id !== review_id || news.by === this.userName) return;
        if (news.revision > revision || news.state !== state) this.changedBy.value = news.by;
      },
    });
  }

  private async loadFraction(): Promise<void> {
    const fraction = this.case.facts.value.fraction;
    if (fraction === null) return;
    await this.case.loadPlanned();
    if (fraction.has_displacement) {
      this.displacement.value = new DisplacementField(await displacement(this.case.id), this.viewer.grid);
    }
    if (fraction.has_plan_volume) {
      await this.usePlanScan("plan");
    }
  }
}
