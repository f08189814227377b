/** Brings the structures' surfaces into the 3D view, and again after each edit. */

import { surface } from "../api/client";
import type { SliceStore } from "../images/slice_store";
import type { StructureFacts } from "../api/contract";
import { SurfaceView, type SurfaceKind } from "../viewer/surfaces";
import type { ReviewCase } from "./review_case";
import { Signal } from "./signal";

const WAIT_AFTER_EDIT_MS = 800;

export class SurfaceFeed {
  /** What is told in place of the surfaces; empty once they are there. */
  readonly note = new Signal("Surfaces follow once the slices are here");
  view: SurfaceView | null = null;
  private stopped = false;
  private refreshTimer = 0;
  private readonly outdated = new Set<string>();

  constructor(private readonly reviewed: ReviewCase) {
    reviewed.visible.watch((names) => {
      for (const { name } of reviewed.facts.value.structures) this.view?.show(name, names.has(name));
    });
    reviewed.changed.watch((names) => this.refreshSoon(names));
  }

  /** Waits for the slices, which matter more, then fetches all surfaces. */
  async start(element: HTMLDivElement, store: SliceStore): Promise<void> {
    await store.settled();
    if (this.stopped) return;
    try {
      this.view = new SurfaceView(element);
    } catch {
      this.note.value = "This browser cannot draw in 3D: it has no WebGL";
      return;
    }
    this.note.value = "";
    await this.put(this.reviewed.facts.value.structures.map(({ name }) => name));
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.refreshTimer);
    this.view?.stop();
  }

  private refreshSoon(names: readonly string[]): void {
    if (this.view === null) return;
    for (const name of names) this.outdated.add(name);
    clearTimeout(this.refreshTimer);
    this.refreshTimer = window.setTimeout(() => {
      const waiting = [...this.outdated];
      this.outdated.clear();
      void this.put(waiting);
    }, WAIT_AFTER_EDIT_MS);
  }

  private async put(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const structure = this.reviewed.structure(name);
      if (structure === undefined || this.stopped) continue;
      if (structure.slices.length === 0) {
        this.view?.show(name, false);
        continue;
      }
      try {
        const data = await surface(this.reviewed.id, name);
        this.view?.put(name, data, structure.colour, surfaceKind(structure));
        this.view?.show(name, this.reviewed.visible.value.has(name));
      } catch {
        this.note.value = `The surface of ${name} could not be fetched`;
      }
    }
    this.view?.frameFirst();
  }
}

function surfaceKind({ kind, look_of, proposal }: StructureFacts): SurfaceKind {
  if (kind === "EXTERNAL") return "outline";
  if (look_of !== "") return "region";
  return proposal ? "proposal" : "organ";
}
