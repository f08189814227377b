/** Edits of the whole active structure: nudge, interpolate, margin, combine, smooth, revert. */

import type { RefObject } from "preact";
import { useState } from "preact/hooks";
import type { Xyz } from "../api/contract";
import { BooleanDialog } from "../dialogs/boolean_dialog";
import { MarginDialog } from "../dialogs/margin_dialog";
import { SMOOTH_MM } from "../editing/operations";
import { useSignal } from "../state/signal";
import type { Workspace } from "../state/workspace";
import { nudgeAlongView } from "../viewer/keys";

const DIRECTIONS: readonly { letter: string; word: string; vector: Xyz }[] = [
  { letter: "R", word: "to the right", vector: [-1, 0, 0] },
  { letter: "L", word: "to the left", vector: [1, 0, 0] },
  { letter: "A", word: "forward", vector: [0, -1, 0] },
  { letter: "P", word: "back", vector: [0, 1, 0] },
  { letter: "S", word: "up", vector: [0, 0, 1] },
  { letter: "I", word: "down", vector: [0, 0, -1] },
];
const ARROWS = [
  { key: "ArrowLeft", sign: "←", word: "left" },
  { key: "ArrowUp", sign: "↑", word: "up" },
  { key: "ArrowDown", sign: "↓", word: "down" },
  { key: "ArrowRight", sign: "→", word: "right" },
] as const;

interface Props {
  workspace: Workspace;
  nudgeMm: RefObject<number>;
}

export function EditPanel({ workspace, nudgeMm }: Props) {
  const facts = useSignal(workspace.case.facts);
  const active = useSignal(workspace.case.active);
  const plane = useSignal(workspace.viewer.plane);
  const [step, setStep] = useState(1);
  const [smooth, setSmooth] = useState(2);
  const [open, setOpen] = useState<"margin" | "boolean" | null>(null);
  nudgeMm.current = step;
  const off = active === null || !facts.can.edit;
  const structure = active ?? "";

  return (
    <section class="panel" aria-label="Edit">
      <h2>
        Edit <span data-testid="active-structure">{structure || "no structure"}</span>
      </h2>
      {!facts.can.edit && <p class="muted">This review cannot be edited as it stands.</p>}
      <div class="row">
        <label>
          Nudge by
          <input
            type="number" class="short" min="0.1" max="50" step="0.5" value={step} data-testid="nudge-step"
            onInput={(event) => setStep(event.currentTarget.valueAsNumber || 1)}
          />
          mm
        </label>
      </div>
      <div class="row tight">
        {DIRECTIONS.map(({ letter, word, vector }) => (
          <button
            key={letter} type="button" disabled={off} aria-label={`Nudge ${word} of the patient`} data-testid={`nudge-${letter}`}
            onClick={() => workspace.nudge(vector.map((value) => value * step) as Xyz)}
          >
            {letter}
          </button>
        ))}
      </div>
      <div class="row tight">
        {ARROWS.map(({ key, sign, word }) => (
          <button
            key={key} type="button" disabled={off} aria-label={`Nudge ${word} in the ${plane} view`} title={`Alt+${sign} in the ${plane} view`}
            data-testid={`nudge-${key}`} onClick={() => nudgeAlongView(workspace, key, step)}
          >
            {sign}
          </button>
        ))}
        <span class="muted">in the {plane} view</span>
      </div>
      <div class="row">
        <button type="button" disabled={off} data-testid="interpolate" onClick={() => workspace.edit({ kind: "interpolate", axis: "z" })}>
          Interpolate gaps
        </button>
        <button type="button" disabled={off} data-testid="margin" onClick={() => setOpen("margin")}>Margin…</button>
        <button type="button" disabled={off} data-testid="boolean" onClick={() => setOpen("boolean")}>Combine…</button>
      </div>
      <div class="row">
        <button type="button" disabled={off} data-testid="smooth" onClick={() => workspace.edit({ kind: "smooth", radius_mm: smooth })}>
          Smooth
        </button>
        <label>
          by
          <input
            type="number" class="short" min={SMOOTH_MM.least} max={SMOOTH_MM.most} step="0.5" value={smooth} data-testid="smooth-radius"
            onInput={(event) => setSmooth(event.currentTarget.valueAsNumber || 2)}
          />
          mm
        </label>
      </div>
      {open === "margin" && (
        <MarginDialog
          structure={structure} onClose={() => setOpen(null)}
          onApply={(margins) => {
            setOpen(null);
            workspace.edit({ kind: "margin", ...margins });
          }}
        />
      )}
      {open === "boolean" && (
        <BooleanDialog
          structure={structure} onClose={() => setOpen(null)}
          others={facts.structures.map(({ name }) => name).filter((name) => name !== active)}
          onApply={(way, others) => {
            setOpen(null);
            workspace.edit({ kind: "boolean", way, others });
          }}
        />
      )}
    </section>
  );
}
