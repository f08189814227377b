/** What pointer and wheel do on a plane: crosshair, drawing, reading out, scrolling and zooming. */

import type { Workspace } from "../state/workspace";
import type { PlaneView } from "./plane_view";

const ZOOM_STEP = 1.15;
const LEFT_BUTTON = 0;
/** Wheel movement that counts as one slice where the wheel reports pixels. */
const PIXELS_PER_SLICE = 50;

/** Starts listening on a plane's element. */
export function attachPointer(workspace: Workspace, view: PlaneView): void {
  const { element } = view;
  let wheeled = 0;
  let dragging = false;
  const place = (event: MouseEvent): [number, number] => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  element.addEventListener("contextmenu", (event) => event.preventDefault());

  element.addEventListener("pointerenter", () => {
    workspace.viewer.plane.value = view.name;
  });

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== LEFT_BUTTON || view.slice < 0) return;
    element.setPointerCapture(event.pointerId);
    dragging = true;
    const [x, y] = place(event);
    const { editor, viewer } = workspace;
    if (!editor.draws) {
      viewer.moveTo(view.toIndex(x, y));
      return;
    }
    const structure = workspace.case.activeStructure;
    if (structure === undefined || !workspace.case.facts.value.can.edit) {
      workspace.tell(structure === undefined ? "Choose a structure first" : "This review cannot be edited now");
      return;
    }
    editor.begin(view, x, y, structure.colour);
    workspace.drawPlane(view.name);
  });

  element.addEventListener("pointermove", (event) => {
    if (view.slice < 0) return;
    const [x, y] = place(event);
    const { editor, viewer } = workspace;
    const index = view.toIndex(x, y);
    workspace.pointAt({ view, x, y });
    if (editor.live !== null) {
      for (const each of event.getCoalescedEvents?.() ?? [event]) editor.extend(view, ...place(each));
    } else if (dragging && !editor.draws) {
      viewer.moveTo(index);
    }
    if (editor.draws) {
      workspace.circle = { plane: view.name, x, y, radiusMm: editor.radiusMm.value };
      workspace.drawPlane(view.name);
    }
  });

  const end = (): void => {
    dragging = false;
    const { editor, viewer } = workspace;
    if (editor.live === null) return;
    const done = editor.finish((index) => viewer.grid.toPoint(index));
    if (done !== null) workspace.edit(done.operation, done.stroke);
    workspace.drawPlane(view.name);
  };
  element.addEventListener("pointerup", (event) => {
    if (event.button === LEFT_BUTTON) end();
  });
  element.addEventListener("pointercancel", () => {
    dragging = false;
    workspace.editor.cancel();
    workspace.drawPlane(view.name);
  });
  element.addEventListener("pointerleave", () => {
    workspace.pointAt(null);
    workspace.circle = null;
    workspace.drawPlane(view.name);
  });

  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (event.ctrlKey) {
        view.zoomAt(event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP, ...place(event));
        return;
      }
      wheeled += event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY / PIXELS_PER_SLICE : event.deltaY;
      const slices = Math.abs(event.deltaY) >= PIXELS_PER_SLICE ? Math.round(wheeled) : Math.trunc(wheeled);
      if (slices === 0) return;
      wheeled = 0;
      workspace.viewer.scroll(view.name, -Math.sign(slices));
    },
    { passive: false },
  );
}
