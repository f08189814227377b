/** Combines a structure with others of the set. */

import { useState } from "preact/hooks";
import type { BooleanWay } from "../editing/operations";
import { Dialog } from "./dialog";

const WAYS: readonly { way: BooleanWay; label: string }[] = [
  { way: "union", label: "together with the chosen ones (union)" },
  { way: "intersection", label: "only where all chosen ones are, too (intersection)" },
  { way: "difference", label: "without the chosen ones (difference)" },
];

interface Props {
  structure: string;
  others: readonly string[];
  onApply: (way: BooleanWay, others: string[]) => void;
  onClose: () => void;
}

export function BooleanDialog({ structure, others, onApply, onClose }: Props) {
  const [way, setWay] = useState<BooleanWay>("difference");
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const toggle = (name: string): void =>
    setChosen(chosen.includes(name) ? chosen.filter((each) => each !== name) : [...chosen, name]);

  return (
    <Dialog title={`Combine ${structure}`} onClose={onClose} testId="boolean-dialog">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (chosen.length > 0) onApply(way, [...chosen]);
        }}
      >
        <fieldset>
          <legend>{structure} becomes itself</legend>
          {WAYS.map((each) => (
            <label key={each.way} class="check">
              <input type="radio" name="way" checked={way === each.way} data-testid={`boolean-${each.way}`} onChange={() => setWay(each.way)} />
              {each.label}
            </label>
          ))}
        </fieldset>
        <fieldset class="scroll">
          <legend>Other structures</legend>
          {others.map((name) => (
            <label key={name} class="check">
              <input type="checkbox" checked={chosen.includes(name)} data-testid={`boolean-other-${name}`} onChange={() => toggle(name)} />
              {name}
            </label>
          ))}
        </fieldset>
        <div class="buttons">
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="submit" class="primary" disabled={chosen.length === 0} data-testid="boolean-apply">Apply</button>
        </div>
      </form>
    </Dialog>
  );
}
