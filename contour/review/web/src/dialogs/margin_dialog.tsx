/** Grows or shrinks a structure by millimetres to each side of the patient. */

import { useState } from "preact/hooks";
import { MARGIN_MOST_MM, type Margins } from "../editing/operations";
import { Dialog } from "./dialog";

const SIDES: readonly { key: keyof Margins; label: string }[] = [
  { key: "left_mm", label: "Left" },
  { key: "right_mm", label: "Right" },
  { key: "anterior_mm", label: "Anterior" },
  { key: "posterior_mm", label: "Posterior" },
  { key: "superior_mm", label: "Superior" },
  { key: "inferior_mm", label: "Inferior" },
];
const NONE: Margins = { left_mm: 0, right_mm: 0, anterior_mm: 0, posterior_mm: 0, superior_mm: 0, inferior_mm: 0 };

interface Props {
  structure: string;
  onApply: (margins: Margins) => void;
  onClose: () => void;
}

export function MarginDialog({ structure, onApply, onClose }: Props) {
  const [margins, setMargins] = useState<Margins>(NONE);
  const values = SIDES.map(({ key }) => margins[key]);
  const mixed = Math.min(...values) < 0 && Math.max(...values) > 0;
  const nothing = values.every((value) => value === 0);
  const setAll = (value: number): void =>
    setMargins(Object.fromEntries(SIDES.map(({ key }) => [key, value])) as unknown as Margins);

  return (
    <Dialog title={`Margin of ${structure}`} onClose={onClose} testId="margin-dialog">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!mixed && !nothing) onApply(margins);
        }}
      >
        <p class="muted">Above zero the structure grows, below zero it shrinks, never both at once.</p>
        <label>
          All sides
          <MillimetreInput value={values.every((value) => value === values[0]) ? (values[0] ?? 0) : null} onChange={setAll} testId="margin-all" />
        </label>
        <div class="sides">
          {SIDES.map(({ key, label }) => (
            <label key={key}>
              {label}
              <MillimetreInput value={margins[key]} onChange={(value) => setMargins({ ...margins, [key]: value })} testId={`margin-${key}`} />
            </label>
          ))}
        </div>
        <p class="error" role="alert">{mixed ? "One side grows and another shrinks; expected all to grow or all to shrink" : ""}</p>
        <div class="buttons">
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="submit" class="primary" disabled={mixed || nothing} data-testid="margin-apply">Apply</button>
        </div>
      </form>
    </Dialog>
  );
}

interface InputProps {
  value: number | null;
  onChange: (value: number) => void;
  testId: string;
}

function MillimetreInput({ value, onChange, testId }: InputProps) {
  return (
    <span class="unit">
      <input
        type="number" class="short" min={-MARGIN_MOST_MM} max={MARGIN_MOST_MM} step="0.5" value={value ?? ""} data-testid={testId}
        onInput={(event) => {
          const number = event.currentTarget.valueAsNumber;
          if (Number.isFinite(number)) onChange(number);
        }}
      />
      mm
    </span>
  );
}
