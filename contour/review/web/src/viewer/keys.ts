/** What keys do in a review, wherever the focus is but in a field that takes text. */

import type { Xyz } from "../api/contract";
import { screenDirections } from "../space/planes";
import type { Workspace } from "../state/workspace";
import { PRESETS } from "./windows";

const PAGE = 10;
const ZOOM_STEP = 1.2;
const TYPING = "input:not([type=checkbox]):not([type=range]):not([type=radio]), textarea, select, dialog *";
const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Starts listening; the answer stops it. `nudgeMm` tells the step of alt and an arrow. */
export function attachKeys(workspace: Workspace, nudgeMm: () => number): () => void {
  const press = (event: KeyboardEvent): void => {
    if (event.target instanceof Element && event.target.closest(TYPING) !== null) return;
    if (handled(workspace, event, nudgeMm)) event.preventDefault();
  };
  window.addEventListener("keydown", press);
  return () => window.removeEventListener("keydown", press);
}

function handled(workspace: Workspace, event: KeyboardEvent, nudgeMm: () => number): boolean {
  const { key } = event;
  if (event.ctrlKey || event.metaKey) return undoOrRedo(workspace, event);
  if (event.altKey) return nudgeAlongView(workspace, key, nudgeMm());
  const inRange = event.target instanceof HTMLInputElement;
  return (!inRange && scrolled(workspace, key)) || commanded(workspace, key);
}

function undoOrRedo(workspace: Workspace, event: KeyboardEvent): boolean {
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return false;
  workspace.step(key === "y" || event.shiftKey ? "redo" : "undo");
  return true;
}

/** The active structure moved along the screen of the plane under the pointer. */
export function nudgeAlongView(workspace: Workspace, key: string, stepMm: number): boolean {
  const arrow = ARROWS[key];
  const view = workspace.viewer.views.get(workspace.viewer.plane.value);
  if (arrow === undefined || view === undefined) return false;
  const { right, down } = screenDirections(workspace.viewer.grid, view.frame);
  const offset = [0, 1, 2].map(
    (c) => ((right[c] as number) * arrow[0] + (down[c] as number) * arrow[1]) * stepMm,
  ) as Xyz;
  workspace.nudge(offset);
  return true;
}

function scrolled(workspace: Workspace, key: string): boolean {
  const { viewer } = workspace;
  const steps: Record<string, number> = {
    ArrowUp: 1,
    ArrowDown: -1,
    PageUp: PAGE,
    PageDown: -PAGE,
    Home: 1e6,
    End: -1e6,
  };
  const step = steps[key];
  if (step === undefined) return false;
  viewer.scroll(viewer.plane.value, step);
  return true;
}

function commanded(workspace: Workspace, key: string): boolean {
  const { viewer, editor } = workspace;
  const preset = PRESETS.find((each) => each.key === key);
  if (preset !== undefined) {
    viewer.setWindow({ center: preset.center, width: preset.width });
    return true;
  }
  switch (key) {
    case "n":
      workspace.jumps.nextLook();
      return true;
    case "m":
      workspace.jumps.nextRegion();
      return true;
    case "[":
      editor.changeRadius(-1);
      return true;
    case "]":
      editor.changeRadius(1);
      return true;
    case "v":
      editor.tool.value = "navigate";
      return true;
    case "b":
      editor.tool.value = "brush";
      return true;
    case "e":
      editor.tool.value = "eraser";
      return true;
    case "f":
      editor.tool.value = "freehand";
      return true;
    case "0":
      viewer.fit();
      return true;
    case "+":
    case "-":
      viewer.views.get(viewer.plane.value)?.zoomAtMiddle(key === "+" ? ZOOM_STEP : 1 / ZOOM_STEP);
      return true;
    case "Escape":
      editor.cancel();
      editor.tool.value = "navigate";
      workspace.draw();
      return true;
    default:
      return false;
  }
}
