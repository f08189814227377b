/** The four views: one large, three small; any can be made the large one. */

import type { RefObject } from "preact";
import { useState } from "preact/hooks";
import { orientationLetters, opposite } from "../space/letters";
import { PLANES, screenDirections, type PlaneName } from "../space/planes";
import { useSignal } from "../state/signal";
import type { Workspace } from "../state/workspace";

type ViewName = PlaneName | "surfaces";

interface Props {
  workspace: Workspace;
  planes: Partial<Record<PlaneName, HTMLDivElement>>;
  surfaces: RefObject<HTMLDivElement | null>;
}

const TITLES: Record<ViewName, string> = { axial: "Axial", coronal: "Coronal", sagittal: "Sagittal", surfaces: "3D" };

export function ViewGrid({ workspace, planes, surfaces }: Props) {
  const [large, setLarge] = useState<ViewName>("axial");
  return (
    <div class="views">
      {PLANES.map((name) => (
        <section key={name} class={`view${large === name ? " large" : ""}`} aria-label={`${TITLES[name]} view`}>
          <div
            class="picture"
            data-testid={`view-${name}`}
            ref={(element) => {
              if (element !== null) planes[name] = element;
            }}
          />
          <PlaneLabels workspace={workspace} name={name} />
          <EnlargeButton name={name} large={large} setLarge={setLarge} />
        </section>
      ))}
      <section class={`view${large === "surfaces" ? " large" : ""}`} aria-label="3D view">
        <div class="picture" data-testid="view-surfaces" ref={surfaces} />
        <SurfaceLabels workspace={workspace} />
        <EnlargeButton name="surfaces" large={large} setLarge={setLarge} />
      </section>
    </div>
  );
}

function EnlargeButton({ name, large, setLarge }: { name: ViewName; large: ViewName; setLarge: (name: ViewName) => void }) {
  if (name === large) return null;
  return (
    <button
      type="button"
      class="enlarge"
      aria-label={`Enlarge the ${TITLES[name]} view`}
      title="Enlarge"
      data-testid={`enlarge-${name}`}
      onClick={() => setLarge(name)}
    >
      <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
        <path d="M9 2h5v5M14 2L9 7M7 14H2V9M2 14l5-5" />
      </svg>
    </button>
  );
}

function PlaneLabels({ workspace, name }: { workspace: Workspace; name: PlaneName }) {
  const cursor = useSignal(workspace.viewer.cursor);
  useSignal(workspace.viewer.store.loaded);
  const { grid, images, store } = workspace.viewer;
  const frame = images.frames[name];
  const { right, down } = screenDirections(grid, frame);
  const slice = cursor[frame.normalAxis] as number;
  const point = grid.toPoint(cursor);
  const along = name === "axial" ? 2 : name === "coronal" ? 1 : 0;
  const missing = name === "axial" && store.arrived[slice] !== 1;
  return (
    <>
      <span class="letter top" data-testid={`letter-${name}-top`}>{orientationLetters(opposite(down))}</span>
      <span class="letter bottom" data-testid={`letter-${name}-bottom`}>{orientationLetters(down)}</span>
      <span class="letter left" data-testid={`letter-${name}-left`}>{orientationLetters(opposite(right))}</span>
      <span class="letter right" data-testid={`letter-${name}-right`}>{orientationLetters(right)}</span>
      <p class="slice-label" data-testid={`slice-${name}`}>
        {TITLES[name]} {slice + 1}/{frame.slices}
        <br />
        {"xyz"[along]} {(point[along] as number).toFixed(1)} mm
      </p>
      {missing && <p class="view-note">Loading slice</p>}
    </>
  );
}

function SurfaceLabels({ workspace }: { workspace: Workspace }) {
  const note = useSignal(workspace.surfaces.note);
  return (
    <>
      <p class="slice-label">3D</p>
      {note !== "" ? (
        <p class="view-note">{note}</p>
      ) : (
        <div class="surface-buttons">
          <button type="button" data-testid="surfaces-front" onClick={() => workspace.surfaces.view?.frame()}>From the front</button>
          <button type="button" aria-label="Zoom in" onClick={() => workspace.surfaces.view?.zoom(1.25)}>+</button>
          <button type="button" aria-label="Zoom out" onClick={() => workspace.surfaces.view?.zoom(0.8)}>−</button>
        </div>
      )}
    </>
  );
}
