/** Edited against original, structure by structure. */

import type { ScoreRow } from "../api/contract";
import { figure, signed } from "./words";

export function ScoreTable({ rows }: { rows: readonly ScoreRow[] }) {
  const tolerance = rows[0]?.tolerance_mm;
  return (
    <div class="table-frame" role="region" aria-label="Score against the original" tabIndex={0}>
      <table class="compact" data-testid="score">
        <thead>
          <tr>
            <th scope="col">Structure</th>
            <th scope="col" class="number">Dice</th>
            <th scope="col" class="number" title={tolerance === undefined ? "" : `Surface Dice at ${tolerance} mm`}>Surface</th>
            <th scope="col" class="number" title="Added path length">Path mm</th>
            <th scope="col" class="number" title="Change of volume">ml</th>
            <th scope="col" class="number" title="Seconds of work">s</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.name}>
              <th scope="row">{row.name}</th>
              <td class="number">{figure(row.dice, 3)}</td>
              <td class="number">{figure(row.surface_dice, 3)}</td>
              <td class="number">{figure(row.added_path_length_mm, 0)}</td>
              <td class="number">{signed(row.volume_ml - row.original_volume_ml, 2)}</td>
              <td class="number">{figure(row.seconds, 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
