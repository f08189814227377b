/** What each structure did since the plan, how far that is believed first; two lines for each, so that nothing is cut. */

import type { DriftRow } from "../api/contract";
import { figure, signed, told } from "./words";

export function DriftTable({ rows }: { rows: readonly DriftRow[] }) {
  if (rows.length === 0) return null;
  return (
    <div class="table-frame" role="region" aria-label="Drift since the plan" tabIndex={0}>
      <table class="compact drift" data-testid="drift">
        <thead>
          <tr>
            <th scope="col" colSpan={2}>Structure</th>
            <th scope="col" colSpan={3} title="Verdict and expected error of the outline">Trust</th>
          </tr>
          <tr>
            <th scope="col" class="number" title="Volume today">ml</th>
            <th scope="col" class="number" title="Change of the volume since the plan">Change</th>
            <th scope="col" class="number" title="Shift of the centroid in mm: left, back, up">Shift L P S mm</th>
            <th scope="col" class="number">Dice</th>
            <th scope="col" class="number" title="95th percentile of the surface distance in mm">HD95</th>
          </tr>
        </thead>
        {rows.map(({ drift, trust }) => (
          <tbody key={drift.name}>
            <tr>
              <th scope="rowgroup" colSpan={2}>{drift.name}</th>
              <td colSpan={3} class="trust" title={trust.reasons.map(({ message }) => told(message)).join("; ")}>
                <span class={`verdict ${trust.verdict}`}>{trust.verdict}</span>
                {trust.expected_error_mm !== null && ` ± ${figure(trust.expected_error_mm, 1)} mm`}
              </td>
            </tr>
            <tr>
              <td class="number">{figure(drift.today_volume_ml, 1)}</td>
              <td class="number">
                {drift.volume_change_percent === null ? "–" : `${signed(drift.volume_change_percent, 0)} %`}
              </td>
              <td class="number">{drift.shift_xyz_mm?.map((value) => signed(value, 1)).join("  ") ?? "–"}</td>
              <td class="number">{figure(drift.dice, 2)}</td>
              <td class="number">{figure(drift.hd95_mm, 1)}</td>
            </tr>
          </tbody>
        ))}
      </table>
    </div>
  );
}
