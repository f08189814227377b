/** Tools, windows and jumps above the views. */

import type { ComponentChildren } from "preact";
import type { ToolName } from "../editing/editor";
import type { FreehandMode } from "../editing/operations";
import { BRUSH_MM } from "../editing/operations";
import { useSignal } from "../state/signal";
import type { Workspace } from "../state/workspace";
import { PRESETS } from "../viewer/windows";

const TOOLS: readonly { name: ToolName; label: string; key: string }[] = [
  { name: "navigate", label: "Navigate", key: "v" },
  { name: "brush", label: "Brush", key: "b" },
  { name: "eraser", label: "Eraser", key: "e" },
  { name: "freehand", label: "Freehand", key: "f" },
];

const MODES: readonly { mode: FreehandMode; label: string }[] = [
  { mode: "add", label: "Add to slice" },
  { mode: "remove", label: "Cut from slice" },
  { mode: "replace", label: "Replace slice" },
];

export function Toolbar({ workspace }: { workspace: Workspace }) {
  const facts = useSignal(workspace.case.facts);
  const pending = useSignal(workspace.queue.pending);
  const { can } = facts;
  return (
    <div class="toolbar" role="group" aria-label="Tools">
      <ToolGroup workspace={workspace} mayEdit={can.edit} />
      <Group label="History">
        <button type="button" disabled={!can.edit || (!can.undo && pending.length === 0)} title="Ctrl+Z" data-testid="undo" onClick={() => workspace.step("undo")}>
          Undo
        </button>
        <button type="button" disabled={!can.edit || !can.redo} title="Ctrl+Shift+Z" data-testid="redo" onClick={() => workspace.step("redo")}>
          Redo
        </button>
      </Group>
      <WindowGroup workspace={workspace} />
      <Group label="Jump">
        <button type="button" title="Key n" data-testid="next-look" disabled={facts.looks.length === 0} onClick={() => workspace.jumps.nextLook()}>
          Next look <kbd>n</kbd>
        </button>
        <button
          type="button" title="Key m" data-testid="next-region"
          disabled={!facts.structures.some((structure) => structure.look_of !== "")}
          onClick={() => workspace.jumps.nextRegion()}
        >
          Must-look <kbd>m</kbd>
        </button>
      </Group>
      <DisplayGroup workspace={workspace} />
    </div>
  );
}

function Group({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div class="group" role="group" aria-label={label}>
      {children}
    </div>
  );
}

function ToolGroup({ workspace, mayEdit }: { workspace: Workspace; mayEdit: boolean }) {
  const { editor } = workspace;
  const tool = useSignal(editor.tool);
  const radius = useSignal(editor.radiusMm);
  const ball = useSignal(editor.ball);
  const mode = useSignal(editor.freehandMode);
  return (
    <>
      <Group label="Tool">
        {TOOLS.map(({ name, label, key }) => (
          <button
            key={name} type="button" aria-pressed={tool === name} title={`Key ${key}`}
            disabled={name !== "navigate" && !mayEdit} data-testid={`tool-${name}`}
            onClick={() => (editor.tool.value = name)}
          >
            {label} <kbd>{key}</kbd>
          </button>
        ))}
      </Group>
      {editor.hasCircle && (
        <Group label="Brush">
          <label title="Keys [ and ]">
            Radius
            <input
              type="number" class="short" min={BRUSH_MM.least} max={BRUSH_MM.most} step="0.5" value={radius}
              data-testid="brush-radius" onChange={(event) => editor.setRadius(Number(event.currentTarget.value) || radius)}
            />
            mm
          </label>
          <label class="check">
            <input type="checkbox" checked={ball} data-testid="brush-ball" onChange={(event) => (editor.ball.value = event.currentTarget.checked)} />
            Ball
          </label>
        </Group>
      )}
      {tool === "freehand" && (
        <Group label="Freehand">
          <select
            aria-label="What the outline does" value={mode} data-testid="freehand-mode"
            onChange={(event) => (editor.freehandMode.value = event.currentTarget.value as FreehandMode)}
          >
            {MODES.map((each) => (
              <option key={each.mode} value={each.mode}>{each.label}</option>
            ))}
          </select>
        </Group>
      )}
    </>
  );
}

function WindowGroup({ workspace }: { workspace: Workspace }) {
  const window = useSignal(workspace.viewer.window);
  return (
    <Group label="Window">
      {PRESETS.map((preset) => (
        <button
          key={preset.key} type="button" title={`Key ${preset.key}: level ${preset.center}, width ${preset.width} HU`}
          aria-pressed={window.center === preset.center && window.width === preset.width}
          data-testid={`window-${preset.key}`}
          onClick={() => workspace.viewer.setWindow({ center: preset.center, width: preset.width })}
        >
          {preset.name} <kbd>{preset.key}</kbd>
        </button>
      ))}
      <span class="muted window-text" data-testid="window-text">
        L {window.center} W {window.width}
      </span>
    </Group>
  );
}

function DisplayGroup({ workspace }: { workspace: Workspace }) {
  const opacity = useSignal(workspace.fillOpacity);
  const crosshair = useSignal(workspace.crosshair);
  return (
    <Group label="Display">
      <label>
        Fill
        <input
          type="range" min="0" max="0.8" step="0.05" value={opacity} data-testid="fill-opacity"
          onInput={(event) => (workspace.fillOpacity.value = Number(event.currentTarget.value))}
        />
      </label>
      <label class="check">
        <input type="checkbox" checked={crosshair} data-testid="crosshair" onChange={(event) => (workspace.crosshair.value = event.currentTarget.checked)} />
        Crosshair
      </label>
      <button type="button" title="Key 0" data-testid="fit" onClick={() => workspace.viewer.fit()}>
        Fit <kbd>0</kbd>
      </button>
    </Group>
  );
}
