/** Everything of one open review: the case, the viewer, the tools and the edits on their way to the server. */

import { displacement, planVolume, type ApiError, type PlanScan } from "../api/client";
import { listen } from "../api/events";
import type { EditAnswer, ReviewFacts, Xyz } from "../api/contract";
import { ActivityClock } from "../editing/activity";
import { changeName, EditQueue, type PendingChange } from "../editing/edit_queue";
import { Editor } from "../editing/editor";
import { NudgeGatherer } from "../editing/nudges";
import { rounded, type Operation } from "../editing/operations";
import { positionText } from "../space/letters";
import type { PlaneName } from "../space/planes";
import { DisplacementField } from "../viewer/displacement";
import { drawOverlay, type Scene, type Stroke } from "../viewer/overlay";
import type { PlaneView } from "../viewer/plane_view";
import { attachPointer } from "../viewer/pointer";
import { Viewer } from "../viewer/viewer";
import { bodyOf, whatToShow } from "./body";
import { drawnMasks } from "./drawn_masks";
import { Jumps } from "./jumps";
import { ReviewCase } from "./review_case";
import { Signal } from "./signal";
import { SurfaceFeed } from "./surface_feed";

export interface Readout {
  point: Xyz;
  hu: number | null;
}

export interface Pointer {
  view: PlaneView;
  x: number;
  y: number;
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
  readonly fillOpacity = new Signal(0.1);
  readonly crosshair = new Signal(true);
  readonly plannedShown = new Signal(true);
  readonly displacementStyle = new Signal<"none" | "arrows" | "heat">("none");
  readonly displacement = new Signal<DisplacementField | null>(null);
  readonly planReady = new Signal(false);
  readonly surfaces: SurfaceFeed;
  readonly jumps: Jumps;
  /** Who has changed the case elsewhere since it was loaded; empty for nobody. */
  readonly changedBy = new Signal("");
  circle: Scene["circle"] = null;
  private pointer: Pointer | null = null;
  private readonly nudges = new NudgeGatherer((structure, offset) =>
    this.queue.add("edits", structure, { kind: "nudge", offset_xyz_mm: rounded(offset) }, this.clock.take()),
  );
  private strokes: { requestId: string | null; stroke: Stroke }[] = [];
  private stopped = false;
  private stopListening: () => void = () => undefined;

  constructor(
    facts: ReviewFacts,
    readonly userName: string,
  ) {
    this.case = new ReviewCase(facts);
    this.surfaces = new SurfaceFeed(this.case);
    this.viewer = new Viewer(facts, (frame, slice) => whatToShow(this.case, frame, slice));
    this.jumps = new Jumps(this.case, this.viewer, (text) => this.tell(text));
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
    this.viewer.onRendered = (view) => {
      drawOverlay(view, this.scene());
      if (this.pointer?.view === view) this.readOut();
    };
    await this.viewer.start(planes, openedMs);
    if (this.stopped) return;
    this.listenForOthers();
    const fitToBody = masks.watch(() => {
      if (bodyOf(this.case) === null) return;
      fitToBody();
      if (this.editor.live === null) this.viewer.fitAgain();
    });
    await this.case.loadMasks();
    void this.queue.send();
    await this.loadFraction().catch((error: Error) => this.tell(`The plan could not be shown: ${error.message}`));
    await this.surfaces.start(surfaceElement, this.viewer.store);
  }

  stop(): void {
    this.stopped = true;
    this.stopListening();
    this.sendNudge();
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

  /** Says where the pointer is, in CSS pixels of a plane; null for nowhere. */
  pointAt(pointer: Pointer | null): void {
    this.pointer = pointer;
    this.readOut();
  }

  /** Queues an edit of the active structure; `stroke` stays on the screen until the server has answered. */
  edit(operation: Operation, stroke: Stroke | null = null): void {
    const structure = this.editable();
    if (structure === null) return;
    this.sendNudge();
    this.queue.add("edits", structure, operation, this.clock.take());
    if (stroke !== null) {
      this.strokes.push({ requestId: this.queue.pending.value.at(-1)?.requestId ?? null, stroke });
      this.draw();
    }
  }

  step(path: "undo" | "redo"): void {
    this.sendNudge();
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
    this.sendNudge();
    this.queue.add("revert", structure, null, 0);
  }

  /** Moves the active structure; nudges in quick succession become one. */
  nudge(offset: Xyz): void {
    const structure = this.editable();
    if (structure !== null) this.tell(`Nudge of ${structure} by ${positionText(this.nudges.add(structure, offset))}`);
  }

  /** Sends a nudge that still waits for others to follow. */
  sendNudge(): void {
    this.nudges.flush();
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
    this.dropSentStrokes();
  }

  /** After the state of somebody else was loaded: sends the unsent edits on top of it, or forgets them. */
  resolveConflict(keepUnsent: boolean): void {
    this.queue.resolve(keepUnsent);
    this.dropSentStrokes();
  }

  /** Position and HU under the pointer, also when the picture moved below it. */
  private readOut(): void {
    if (this.pointer === null) {
      this.readout.value = null;
      return;
    }
    const { view, x, y } = this.pointer;
    const index = view.toIndex(x, y);
    this.readout.value = { point: this.viewer.grid.toPoint(index), hu: this.viewer.huAt(index) };
  }

  private dropSentStrokes(): void {
    const unsent = new Set(this.queue.pending.value.map(({ requestId }) => requestId));
    this.strokes = this.strokes.filter(({ requestId }) => requestId !== null && unsent.has(requestId));
    this.draw();
  }

  /** Name of the active structure; null, and said why, where it cannot be edited. */
  private editable(): string | null {
    const structure = this.case.active.value;
    if (structure === null) this.tell("Choose a structure first");
    else if (!this.case.facts.value.can.edit) this.tell("This review cannot be edited in its present state");
    else return structure;
    return null;
  }

  private scene(): Scene {
    const live = this.editor.live;
    return {
      masks: drawnMasks(this.case, this.plannedShown.value),
      fillOpacity: this.fillOpacity.value,
      cursor: this.viewer.cursor.value,
      crosshair: this.crosshair.value,
      strokes: [...this.strokes.map(({ stroke }) => stroke), ...(live === null ? [] : [live])],
      circle: this.editor.hasCircle ? this.circle : null,
      displacement: this.displacement.value,
      displacementStyle: this.displacementStyle.value,
      body: bodyOf(this.case),
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
    const why = error.reason === "EMPTY_RESULT" ? "it would leave nothing of the structure" : error.message;
    this.tell(`The ${changeName(sent)} was refused: ${why}`);
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
