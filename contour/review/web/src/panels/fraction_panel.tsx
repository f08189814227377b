/** A fraction against its plan: verdict and reasons, set-up, drift, and how both scans are shown. */

import { useState } from "preact/hooks";
import type { PlanScan } from "../api/client";
import type { FractionFacts } from "../api/contract";
import type { Mix } from "../images/plane_images";
import { useSignal } from "../state/signal";
import type { Workspace } from "../state/workspace";
import { heatColour } from "../viewer/displacement";
import { DriftTable } from "./drift_table";
import { sentence, signed, told } from "./words";

const SIDES = [["L", "R"], ["P", "A"], ["S", "I"]] as const;
const LEGEND_STEPS = 24;

export function FractionPanel({ workspace, fraction }: { workspace: Workspace; fraction: FractionFacts }) {
  const { setup } = fraction;
  return (
    <section class="panel" aria-label="Fraction">
      <h2>
        Fraction {fraction.number ?? ""}{" "}
        {fraction.verdict !== "" && <span class={`verdict ${fraction.verdict}`} data-testid="verdict">{fraction.verdict}</span>}
      </h2>
      <ul class="findings" data-testid="verdict-reasons">
        {fraction.reasons.map(({ reason, message }) => (
          <li key={reason + message}>
            <strong>{sentence(reason)}.</strong> {told(message)}
          </li>
        ))}
      </ul>
      <ScanMix workspace={workspace} available={fraction.has_plan_volume} deforms={fraction.has_displacement} />
      {fraction.has_displacement && <DisplacementChoice workspace={workspace} />}
      {setup !== null && (
        <p data-testid="setup">
          Set-up at {setup.reference}:{" "}
          {setup.shift_xyz_mm.map((value, axis) => `${SIDES[axis]?.[value >= 0 ? 0 : 1]} ${Math.abs(value).toFixed(1)}`).join(", ")} mm;
          pitch {signed(setup.pitch_deg, 1)}°, yaw {signed(setup.yaw_deg, 1)}°, roll {signed(setup.roll_deg, 1)}°
        </p>
      )}
      <DriftTable rows={fraction.rows} />
    </section>
  );
}

interface MixProps {
  workspace: Workspace;
  available: boolean;
  deforms: boolean;
}

function ScanMix({ workspace, available, deforms }: MixProps) {
  const ready = useSignal(workspace.planReady);
  const plannedShown = useSignal(workspace.plannedShown);
  const [kind, setKind] = useState<Mix["kind"]>("daily");
  const [share, setShare] = useState(0.5);
  const [tileMm, setTileMm] = useState(30);
  const [scan, setScan] = useState<PlanScan>("plan");
  const use = (source: PlanScan): void => {
    setScan(source);
    void workspace.usePlanScan(source);
  };
  const choose = (next: Mix["kind"], planShare = share, tile = tileMm): void => {
    setKind(next);
    setShare(planShare);
    setTileMm(tile);
    workspace.viewer.setMix(
      next === "blend" ? { kind: next, planShare } : next === "checker" ? { kind: next, tileMm: tile } : { kind: "daily" },
    );
  };
  return (
    <>
      <label class="check">
        <input type="checkbox" checked={plannedShown} data-testid="planned-shown" onChange={(event) => (workspace.plannedShown.value = event.currentTarget.checked)} />
        Plan's outlines (dashed)
      </label>
      {available && (
        <div class="row">
          <label>
            Scan
            <select value={kind} disabled={!ready} data-testid="mix" onChange={(event) => choose(event.currentTarget.value as Mix["kind"])}>
              <option value="daily">of the day</option>
              <option value="blend">blend with the plan's</option>
              <option value="checker">checkerboard with the plan's</option>
            </select>
          </label>
          {!ready && <span class="muted">Plan scan is loading</span>}
        </div>
      )}
      {kind !== "daily" && deforms && (
        <label>
          Plan scan
          <select value={scan} disabled={!ready} data-testid="plan-scan" onChange={(event) => use(event.currentTarget.value as PlanScan)}>
            <option value="plan">after set-up alone</option>
            <option value="deformed">deformed to the day</option>
          </select>
        </label>
      )}
      {kind === "blend" && (
        <label>
          Day to plan
          <input type="range" min="0" max="1" step="0.05" value={share} data-testid="blend" onInput={(event) => choose("blend", Number(event.currentTarget.value))} />
        </label>
      )}
      {kind === "checker" && (
        <label>
          Tile
          <input type="range" min="10" max="80" step="5" value={tileMm} data-testid="tile" onInput={(event) => choose("checker", share, Number(event.currentTarget.value))} />
          {tileMm} mm
        </label>
      )}
    </>
  );
}

function DisplacementChoice({ workspace }: { workspace: Workspace }) {
  const style = useSignal(workspace.displacementStyle);
  const field = useSignal(workspace.displacement);
  return (
    <>
      <div class="row">
        <label>
          Displacement
          <select
            value={style} disabled={field === null} data-testid="displacement"
            onChange={(event) => (workspace.displacementStyle.value = event.currentTarget.value as typeof style)}
          >
            <option value="none">hidden</option>
            <option value="arrows">arrows</option>
            <option value="heat">heat map</option>
          </select>
        </label>
      </div>
      {field !== null && style !== "none" && (
        <div class="legend" role="img" aria-label={`Colours from 0 to ${field.mostMm} mm`} data-testid="displacement-legend">
          <span>0</span>
          <svg viewBox={`0 0 ${LEGEND_STEPS} 1`} preserveAspectRatio="none">
            {Array.from({ length: LEGEND_STEPS }, (_, i) => (
              <rect key={i} x={i} width="1.05" height="1" fill={heatColour(i / (LEGEND_STEPS - 1), 1)} />
            ))}
          </svg>
          <span>{field.mostMm} mm</span>
        </div>
      )}
    </>
  );
}
