/** The structures' surfaces in 3D, rotated by dragging. */

import { Enums, RenderingEngine, type VolumeViewport3D } from "@cornerstonejs/core";
import { Enums as ToolEnums, PanTool, ToolGroupManager, TrackballRotateTool } from "@cornerstonejs/tools";
import vtkActor from "@kitware/vtk.js/Rendering/Core/Actor.js";
import vtkDataArray from "@kitware/vtk.js/Common/Core/DataArray.js";
import vtkMapper from "@kitware/vtk.js/Rendering/Core/Mapper.js";
import vtkPolyData from "@kitware/vtk.js/Common/DataModel/PolyData.js";
import type { Rgb } from "../api/contract";
import { withWebGl } from "../images/cornerstone";
import { pointNormals, readSurface } from "./surface_mesh";

const ENGINE = "contour-surfaces";
const VIEWPORT = "surfaces";
const MOUSE = ToolEnums.MouseBindings;
/** The patient's outline, regions to look at and proposals lie over organs, which must be seen through them. */
const OPACITY = { organ: 1, proposal: 0.35, region: 0.12, outline: 0.08 };

export type SurfaceKind = keyof typeof OPACITY;

type Actor = ReturnType<typeof vtkActor.newInstance>;

export class SurfaceView {
  private readonly engine: RenderingEngine;
  private readonly viewport: VolumeViewport3D;
  private readonly actors = new Map<string, Actor>();
  private readonly observer: ResizeObserver;
  private framed = false;
  private stopped = false;

  /** Throws where the browser has no WebGL. */
  constructor(element: HTMLDivElement) {
    const made = withWebGl(() => {
      const engine = new RenderingEngine(ENGINE);
      engine.enableElement({
        viewportId: VIEWPORT,
        type: Enums.ViewportType.VOLUME_3D,
        element,
        defaultOptions: { orientation: Enums.OrientationAxis.CORONAL, background: [0.04, 0.05, 0.07] },
      });
      return { engine, viewport: engine.getViewport(VIEWPORT) as VolumeViewport3D };
    });
    this.engine = made.engine;
    this.viewport = made.viewport;
    const group = ToolGroupManager.createToolGroup(ENGINE);
    for (const tool of [TrackballRotateTool, PanTool]) group?.addTool(tool.toolName);
    group?.addViewport(VIEWPORT, ENGINE);
    group?.setToolActive(TrackballRotateTool.toolName, { bindings: [{ mouseButton: MOUSE.Primary }] });
    group?.setToolActive(PanTool.toolName, { bindings: [{ mouseButton: MOUSE.Auxiliary }] });
    this.observer = new ResizeObserver(() => this.engine.resize(true, true));
    this.observer.observe(element);
  }

  get count(): number {
    return this.actors.size;
  }

  /** Adds a structure's surface or puts a new one in its place. */
  put(name: string, data: ArrayBuffer, colour: Rgb, kind: SurfaceKind): void {
    if (this.stopped) return;
    const mesh = readSurface(data);
    const polydata = vtkPolyData.newInstance();
    polydata.getPoints().setData(mesh.points, 3);
    polydata.getPolys().setData(mesh.cells);
    polydata
      .getPointData()
      .setNormals(vtkDataArray.newInstance({ name: "Normals", numberOfComponents: 3, values: pointNormals(mesh) }));
    let actor = this.actors.get(name);
    if (actor === undefined) {
      actor = vtkActor.newInstance();
      actor.setMapper(vtkMapper.newInstance());
      const property = actor.getProperty();
      property.setColor(colour[0] / 255, colour[1] / 255, colour[2] / 255);
      property.setOpacity(OPACITY[kind]);
      property.setAmbient(0.25);
      property.setDiffuse(0.75);
      this.actors.set(name, actor);
      this.viewport.addActor({ uid: name, actor });
    }
    actor.getMapper()?.setInputData(polydata);
    this.viewport.render();
  }

  show(name: string, visible: boolean): void {
    if (this.stopped) return;
    this.actors.get(name)?.setVisibility(visible);
    this.viewport.render();
  }

  /** Frames what is shown, the first time. */
  frameFirst(): void {
    if (!this.framed) this.frame();
  }

  /** From the front, all of it in view. */
  frame(): void {
    if (this.stopped) return;
    this.framed = true;
    this.viewport.setCamera({ viewPlaneNormal: [0, -1, 0], viewUp: [0, 0, 1] });
    this.viewport.resetCamera();
    this.viewport.render();
  }

  zoom(factor: number): void {
    this.viewport.setZoom(this.viewport.getZoom() * factor);
    this.viewport.render();
  }

  stop(): void {
    this.stopped = true;
    this.observer.disconnect();
    ToolGroupManager.destroyToolGroup(ENGINE);
    this.engine.destroy();
  }
}
