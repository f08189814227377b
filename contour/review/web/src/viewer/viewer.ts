/** The viewer: three planes that share a cursor and a window, and the loading behind them. */

import { Enums, RenderingEngine, type StackViewport, type Types } from "@cornerstonejs/core";
import { Enums as ToolEnums, PanTool, ToolGroupManager, WindowLevelTool } from "@cornerstonejs/tools";
import type { ReviewFacts, Xyz, Zyx } from "../api/contract";
import { BACKENDS, type Backend } from "../images/backend";
import { forgetPictures, startCornerstone } from "../images/cornerstone";
import { PlaneImages, type Mix } from "../images/plane_images";
import { SliceStore } from "../images/slice_store";
import { Grid } from "../space/grid";
import { PLANES, type PlaneName } from "../space/planes";
import { Signal } from "../state/signal";
import { PlaneView } from "./plane_view";
import { FIRST_WINDOW, type HuWindow } from "./windows";

const ENGINE = "contour-planes";
const REDRAW_WHILE_LOADING_MS = 400;
const MOUSE = ToolEnums.MouseBindings;

export class Viewer {
  readonly grid: Grid;
  readonly store: SliceStore;
  readonly images: PlaneImages;
  /** The voxel where the three planes meet; each plane shows the slice that holds it. */
  readonly cursor: Signal<Zyx>;
  readonly window = new Signal<HuWindow>(FIRST_WINDOW);
  /** The plane that keys act on: the last one that the pointer was in. */
  readonly plane = new Signal<PlaneName>("axial");
  readonly views = new Map<PlaneName, PlaneView>();
  readonly firstImageMs = new Signal<number | null>(null);
  backend: Backend = BACKENDS.gpu;
  /** Called once for each plane when it is set up, and after each of its renderings. */
  onPlane: (view: PlaneView) => void = () => undefined;
  onRendered: (view: PlaneView) => void = () => undefined;
  private engine: RenderingEngine | null = null;
  private readonly observer = new ResizeObserver(() => this.resize());
  private redrawTimer = 0;

  /** `toShow` tells which part of the grid is brought into view. */
  constructor(
    facts: ReviewFacts,
    private readonly toShow: PlaneView["toShow"],
  ) {
    this.grid = new Grid(facts.grid);
    const [slices, rows, columns] = facts.grid.shape_zyx;
    this.store = new SliceStore(facts.review_id, slices, rows * columns);
    this.images = new PlaneImages(this.grid, this.store);
    this.cursor = new Signal(firstCursor(facts, this.grid));
    this.store.lookAt(this.cursor.value[0]);
  }

  /** Shows the first slice as soon as it has come, then loads all others. */
  async start(elements: Record<PlaneName, HTMLDivElement>, openedMs: number): Promise<void> {
    this.backend = await startCornerstone();
    const first = this.store.load(this.cursor.value[0]);
    this.engine = new RenderingEngine(ENGINE);
    for (const name of PLANES) this.addPlane(this.engine, name, elements[name]);
    this.addTools();
    await first;
    if (this.engine === null) return;
    await this.views.get("axial")?.show(this.cursor.value[0]);
    this.firstImageMs.value = performance.now() - openedMs;
    await this.views.get("coronal")?.show(this.cursor.value[1]);
    await this.views.get("sagittal")?.show(this.cursor.value[2]);
    this.store.loaded.watch((loaded) => this.redrawSoon(loaded === this.store.slices));
    void this.store.prefetch();
  }

  /** The body in view on all planes. */
  fit(): void {
    for (const view of this.views.values()) view.fit();
  }

  /** Fits those views again that have been left fitted, after something has happened to them. */
  fitAgain(happens: () => void = () => undefined): void {
    const fitted = [...this.views.values()].filter((view) => view.isFitted);
    happens();
    for (const view of fitted) view.fit();
  }

  stop(): void {
    this.store.stop();
    this.observer.disconnect();
    ToolGroupManager.destroyToolGroup(ENGINE);
    clearTimeout(this.redrawTimer);
    this.views.clear();
    this.engine?.destroy();
    this.engine = null;
    forgetPictures();
  }

  /** Moves the cursor; planes whose slice changes draw it. */
  moveTo(index: readonly number[]): void {
    const next = this.grid.clamp(index);
    const before = this.cursor.value;
    if (next.every((n, axis) => n === before[axis])) return;
    this.cursor.value = next;
    this.store.lookAt(next[0]);
    for (const view of this.views.values()) {
      const slice = next[view.frame.normalAxis] as number;
      if (slice === view.slice) view.onRendered();
      else this.showSlice(view, slice);
    }
  }

  /** Scrolls a plane by slices; positive goes up in the body, forward, or to the patient's left. */
  scroll(name: PlaneName, up: number): void {
    const view = this.views.get(name);
    if (view === undefined) return;
    const next: Zyx = [...this.cursor.value];
    const axis = view.frame.normalAxis;
    next[axis] = (next[axis] as number) + up * view.frame.upStep;
    this.moveTo(next);
  }

  setWindow(window: HuWindow): void {
    this.images.window = window;
    this.window.value = window;
    for (const view of this.views.values()) view.setWindow(window);
  }

  setMix(mix: Mix): void {
    this.images.mix = mix;
    for (const view of this.views.values()) view.refresh();
  }

  /** Hounsfield units of the scan at an index; null outside or where the slice has not arrived. */
  huAt(index: readonly number[]): number | null {
    if (!this.grid.holds(index)) return null;
    const [z, y, x] = this.grid.clamp(index);
    if (!this.store.arrived[z]) return null;
    const [, rows, columns] = this.grid.shape;
    return this.store.hu[(z * rows + y) * columns + x] ?? null;
  }

  /** Views that have been left fitted are fitted again; others keep what they show. */
  private resize(): void {
    this.fitAgain(() => this.engine?.resize(true, true));
  }

  private showSlice(view: PlaneView, slice: number): void {
    void view.show(slice);
    if (view.name !== "axial" || this.store.arrived[slice]) return;
    this.store.load(slice).then(
      () => this.engine !== null && view.slice === slice && view.refresh(),
      () => undefined,
    );
  }

  private addPlane(engine: RenderingEngine, name: PlaneName, element: HTMLDivElement): void {
    const input: Types.PublicViewportInput = { viewportId: name, type: Enums.ViewportType.STACK, element };
    engine.enableElement(input);
    const viewport = engine.getViewport(name) as StackViewport;
    const view = new PlaneView(name, element, viewport, this.images, this.backend === BACKENDS.cpu);
    view.toShow = this.toShow;
    view.onWindow = (window) => this.shareWindow(name, window);
    view.onRendered = () => this.onRendered(view);
    this.views.set(name, view);
    this.observer.observe(element);
    this.onPlane(view);
  }

  private shareWindow(from: PlaneName, window: HuWindow): void {
    this.images.window = window;
    this.window.value = window;
    for (const view of this.views.values()) if (view.name !== from) view.setWindow(window);
  }

  private addTools(): void {
    const group = ToolGroupManager.createToolGroup(ENGINE);
    if (group === undefined) return;
    for (const tool of [WindowLevelTool, PanTool]) group.addTool(tool.toolName);
    for (const name of PLANES) group.addViewport(name, ENGINE);
    group.setToolActive(WindowLevelTool.toolName, { bindings: [{ mouseButton: MOUSE.Secondary }] });
    group.setToolActive(PanTool.toolName, { bindings: [{ mouseButton: MOUSE.Auxiliary }] });
  }

  private redrawSoon(now: boolean): void {
    if (this.engine === null) return;
    if (this.redrawTimer !== 0 && !now) return;
    clearTimeout(this.redrawTimer);
    this.redrawTimer = window.setTimeout(
      () => {
        this.redrawTimer = 0;
        this.views.get("coronal")?.refresh();
        this.views.get("sagittal")?.refresh();
      },
      now ? 0 : REDRAW_WHILE_LOADING_MS,
    );
  }
}

/** In the middle of the structures, where there is something to see in all three planes. */
function firstCursor(facts: ReviewFacts, grid: Grid): Zyx {
  const centres = facts.structures
    .filter((structure) => structure.kind !== "EXTERNAL" && structure.centre_xyz_mm !== null)
    .map((structure) => grid.toIndex(structure.centre_xyz_mm as Xyz));
  if (centres.length === 0) return grid.clamp(grid.shape.map((size) => size / 2));
  return grid.clamp([0, 1, 2].map((axis) => centres.reduce((sum, centre) => sum + (centre[axis] as number), 0) / centres.length));
}
