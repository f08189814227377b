/** The structures: what each is, how sure the model was, what is wrong with it, and whether it is shown. */

import { useState } from "preact/hooks";
import type { StructureFacts } from "../api/contract";
import { useSignal } from "../state/signal";
import type { Workspace } from "../state/workspace";
import { figure, sentence, signed, told } from "./words";

export function StructureList({ workspace }: { workspace: Workspace }) {
  const facts = useSignal(workspace.case.facts);
  const visible = useSignal(workspace.case.visible);
  const active = useSignal(workspace.case.active);
  return (
    <>
      <div class="panel-head">
        <h2>Structures</h2>
        <button type="button" data-testid="show-all" onClick={() => workspace.case.showAll(true)}>All</button>
        <button type="button" data-testid="show-none" onClick={() => workspace.case.showAll(false)}>None</button>
      </div>
      <ul class="structures" data-testid="structures">
        {facts.structures.map((structure) => (
          <StructureRow
            key={structure.name}
            structure={structure}
            workspace={workspace}
            shown={visible.has(structure.name)}
            active={active === structure.name}
            mayEdit={facts.can.edit}
          />
        ))}
      </ul>
      {facts.warnings.length > 0 && (
        <>
          <h2>Warnings of the job</h2>
          <ul class="findings" data-testid="job-warnings">
            {facts.warnings.map(({ reason, message }) => (
              <li key={reason + message}>
                <strong>{sentence(reason)}.</strong> {told(message)}
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

interface RowProps {
  structure: StructureFacts;
  workspace: Workspace;
  shown: boolean;
  active: boolean;
  mayEdit: boolean;
}

function StructureRow({ structure, workspace, shown, active, mayEdit }: RowProps) {
  const [open, setOpen] = useState(false);
  const { name, colour, warnings } = structure;
  const noteId = `warnings-${name}`;
  return (
    <li class={active ? "active" : ""} data-testid={`structure-${name}`}>
      <input
        type="checkbox" checked={shown} aria-label={`Show ${name}`} data-testid={`show-${name}`}
        onChange={(event) => workspace.case.show(name, event.currentTarget.checked)}
      />
      <svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">
        <rect width="10" height="10" rx="2" fill={`rgb(${colour.join(",")})`} />
      </svg>
      <button
        type="button" class="name" aria-pressed={active} title={structure.label} data-testid={`select-${name}`}
        onClick={() => (workspace.case.active.value = name)} onDblClick={() => workspace.jumps.toStructure(name)}
      >
        {name}
      </button>
      <button type="button" class="small" aria-label={`Jump to ${name}`} title="Jump to its middle" data-testid={`jump-${name}`} onClick={() => workspace.jumps.toStructure(name)}>
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
          <circle cx="8" cy="8" r="4.5" />
          <path d="M8 1v5M8 10v5M1 8h5M10 8h5" />
        </svg>
      </button>
      <p class="numbers">
        <span data-testid={`volume-${name}`}>{figure(structure.volume_ml, 2)} ml</span>
        {structure.edited && <span> ({signed(structure.volume_ml - structure.original_volume_ml, 2)})</span>}
        {structure.predicted_dice !== null && (
          <span class={structure.predicted_dice < 0.75 ? "low" : ""} title="Dice that the model predicts for itself">
            {" "}· Dice {figure(structure.predicted_dice, 2)}
          </span>
        )}
        {structure.proposal && <Mark text="proposal" title="A proposal from the CT alone" />}
        {structure.look_of !== "" && <Mark text="must-look" title={`Must-look region of ${structure.look_of}`} />}
        {structure.edited && <Mark text="edited" title="Edited by a person" />}
        {warnings.length > 0 && (
          <button
            type="button" class="small warn" aria-expanded={open} aria-controls={noteId} data-testid={`warnings-${name}`}
            onClick={() => setOpen(!open)} onFocus={() => setOpen(true)} onBlur={() => setOpen(false)}
          >
            ⚠ {warnings.length} <span class="hidden">warnings of {name}</span>
          </button>
        )}
        {structure.edited && mayEdit && (
          <button type="button" class="small" data-testid={`revert-${name}`} onClick={() => workspace.revert(name)}>
            Revert <span class="hidden">{name}</span>
          </button>
        )}
      </p>
      <div id={noteId} hidden={!open}>
        <ul class="findings">
          {warnings.map(({ reason, message }) => (
            <li key={reason + message}>
              <strong>{sentence(reason)}.</strong> {told(message)}
            </li>
          ))}
        </ul>
      </div>
    </li>
  );
}

function Mark({ text, title }: { text: "proposal" | "must-look" | "edited"; title: string }) {
  return (
    <>
      {" "}
      <span class={`mark ${text}`} title={title}>{text}</span>
    </>
  );
}
