/** The work list as a table, most urgent first. */

import type { WorkItem } from "../api/contract";
import { figure, shortId, STATE_NAMES, timeText, told } from "./words";

export function WorkTable({ items, loading }: { items: readonly WorkItem[]; loading: boolean }) {
  const most = Math.max(...items.map((item) => item.priority), 1e-9);
  return (
    <div class="table-frame" role="region" aria-label="Reviews" tabIndex={0}>
      <table data-testid="worklist">
        <thead>
          <tr>
            <th scope="col">Priority</th>
            <th scope="col">Case</th>
            <th scope="col">State</th>
            <th scope="col">Verdict</th>
            <th scope="col">Why</th>
            <th scope="col" class="number">Structures</th>
            <th scope="col" class="number">Warnings</th>
            <th scope="col">Made</th>
            <th scope="col">Changed</th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr key={item.review_id} data-testid="worklist-row">
              <td class="priority" title={`Risk ${figure(item.risk, 2)}, expected edit ${figure(item.expected_edit, 1)} cm²`}>
                <meter min={0} max={most} value={item.priority} aria-label={`Priority ${figure(item.priority, 2)}`} />
                {figure(item.priority, 2)}
              </td>
              <td>
                <a href={`#/review/${encodeURIComponent(item.review_id)}`} data-testid={`open-${item.review_id}`}>
                  {item.label || item.review_id}
                </a>
                <div class="muted">
                  {item.kind === "fraction" ? `Fraction ${item.fraction ?? ""}` : "Plan"}, job{" "}
                  <span class="id" title={item.job_id}>{shortId(item.job_id)}</span>
                </div>
              </td>
              <td>
                <span class={`state ${item.state}`}>{STATE_NAMES[item.state]}</span>
                {item.reviewer !== "" && <div class="muted">{item.reviewer}</div>}
              </td>
              <td>{item.verdict !== "" && <span class={`verdict ${item.verdict}`}>{item.verdict}</span>}</td>
              <td class="why">
                {item.why.map((reason) => (
                  <div key={reason}>{told(reason)}</div>
                ))}
              </td>
              <td class="number">{item.structures}</td>
              <td class="number">{item.warnings}</td>
              <td class="time">{timeText(item.created)}</td>
              <td class="time">{item.changed === item.created ? <span class="muted">not yet</span> : timeText(item.changed)}</td>
            </tr>
          ))}
          {items.length === 0 && (
            <tr>
              <td colSpan={9} class="muted">
                {loading ? "Loading" : "Nothing here"}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}
