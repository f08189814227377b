/** Where the review stands, the decision, the score against the machine's original, and the files. */

import { useState } from "preact/hooks";
import { fileUrl, score } from "../api/client";
import type { Account, ScoreRow } from "../api/contract";
import { DecisionDialog } from "../dialogs/decision_dialog";
import { ReopenDialog } from "../dialogs/reopen_dialog";
import { useSignal } from "../state/signal";
import type { Workspace } from "../state/workspace";
import { ScoreTable } from "./score_table";
import { sentence, STATE_NAMES, timeText } from "./words";

export function CasePanel({ workspace, account }: { workspace: Workspace; account: Account }) {
  const facts = useSignal(workspace.case.facts);
  const [open, setOpen] = useState<"approve" | "reject" | "reopen" | null>(null);
  const [rows, setRows] = useState<readonly ScoreRow[] | null>(null);
  const decided = facts.state === "approved" || facts.state === "rejected";
  const { decision } = facts;
  const mayDecide = facts.can.decide;
  const mayDownload = account.may.includes("download");
  const compare = (): void => {
    score(facts.review_id).then(setRows, (error: Error) => workspace.tell(error.message));
  };

  return (
    <section class="panel" aria-label="Decision">
      <h2>
        Decision <span class={`state ${facts.state}`} data-testid="state">{STATE_NAMES[facts.state]}</span>
      </h2>
      {facts.editors.length > 0 && <p class="muted">Edited by {facts.editors.join(", ")}</p>}
      {facts.four_eyes && <p class="muted">Four eyes: who edited cannot approve.</p>}
      {decision !== null && (
        <div data-testid="decision">
          <p>
            {STATE_NAMES[decision.state]} by {decision.reviewer}, {timeText(decision.decided)}:{" "}
            {decision.reasons.map(sentence).join(", ")}
          </p>
          {decision.comment !== "" && <blockquote>{decision.comment}</blockquote>}
          <ScoreTable rows={decision.scores} />
        </div>
      )}
      <div class="row">
        {!decided && (
          <>
            <button type="button" class="primary" disabled={!mayDecide} data-testid="approve" onClick={() => setOpen("approve")}>Approve…</button>
            <button type="button" class="danger" disabled={!mayDecide} data-testid="reject" onClick={() => setOpen("reject")}>Reject…</button>
          </>
        )}
        {decided && (
          <button type="button" data-testid="reopen" disabled={!account.may.includes("decide")} onClick={() => setOpen("reopen")}>Open again…</button>
        )}
        {decision === null && (
          <button type="button" data-testid="compare" onClick={compare}>Compare with original</button>
        )}
      </div>
      {decision === null && rows !== null && <ScoreTable rows={rows} />}
      {mayDownload && (
        <div class="row">
          <a class="button" href={fileUrl(facts.review_id, "original")} download data-testid="download-original">Original file</a>
          {facts.state === "approved" && (
            <a class="button" href={fileUrl(facts.review_id, "approved")} download data-testid="download-approved">Approved file</a>
          )}
        </div>
      )}
      {(open === "approve" || open === "reject") && <DecisionDialog workspace={workspace} how={open} onClose={() => setOpen(null)} />}
      {open === "reopen" && <ReopenDialog workspace={workspace} onClose={() => setOpen(null)} />}
    </section>
  );
}
