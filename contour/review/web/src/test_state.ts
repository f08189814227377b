/** What tests may read of an open review, as `window.contourReview`; nothing can be changed through it. */

import type { Workspace } from "./state/workspace";

declare global {
  interface Window {
    contourReview?: Readonly<Record<string, unknown>> | undefined;
  }
}

export function exposeTestState(workspace: Workspace | null): void {
  if (workspace === null) {
    window.contourReview = undefined;
    return;
  }
  const { viewer, queue, editor } = workspace;
  const cases = workspace.case;
  window.contourReview = Object.freeze({
    get reviewId() {
      return cases.id;
    },
    get k() {
      return viewer.cursor.value[0];
    },
    get cursor() {
      return [...viewer.cursor.value];
    },
    get slices() {
      return viewer.store.slices;
    },
    get loadedSlices() {
      return viewer.store.loaded.value;
    },
    get masksLoaded() {
      return cases.masks.value.size;
    },
    get firstImageMs() {
      return viewer.firstImageMs.value;
    },
    get revision() {
      return cases.facts.value.revision;
    },
    get state() {
      return cases.facts.value.state;
    },
    get pendingEdits() {
      return queue.pending.value.length;
    },
    get frames() {
      return viewer.views.get("axial")?.rendered ?? 0;
    },
    get renderer() {
      return viewer.backend;
    },
    get tool() {
      return editor.tool.value;
    },
    get window() {
      return { ...viewer.window.value };
    },
    get activeStructure() {
      return cases.active.value;
    },
    get surfaces() {
      return workspace.surfaces.view?.count ?? 0;
    },
    /** Hounsfield units at a voxel index (z, y, x); null where nothing has arrived. */
    huAt(index: readonly number[]) {
      return viewer.huAt(index);
    },
    /** Place in a plane's element of a voxel index (z, y, x), in CSS pixels. */
    toCanvas(plane: "axial" | "coronal" | "sagittal", index: readonly number[]) {
      return viewer.views.get(plane)?.toCanvas(index) ?? null;
    },
  });
}
