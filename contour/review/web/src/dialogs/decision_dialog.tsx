/** Approving or rejecting: reasons, a comment, and the password as signature. */

import { useState } from "preact/hooks";
import { ApiError, decide } from "../api/client";
import { sentence } from "../panels/words";
import type { Workspace } from "../state/workspace";
import { Dialog } from "./dialog";

interface Props {
  workspace: Workspace;
  how: "approve" | "reject";
  onClose: () => void;
}

export function DecisionDialog({ workspace, how, onClose }: Props) {
  const facts = workspace.case.facts.value;
  const codes = facts.reason_codes[how];
  const [reasons, setReasons] = useState<readonly string[]>([]);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const title = how === "approve" ? "Approve and sign" : "Reject and sign";
  const toggle = (code: string): void =>
    setReasons(reasons.includes(code) ? reasons.filter((each) => each !== code) : [...reasons, code]);

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    workspace.sendNudge();
    if (workspace.queue.pending.value.length > 0) {
      setError("Some edits are not saved yet; sign once they are");
      return;
    }
    setBusy(true);
    setError("");
    try {
      await decide(facts.review_id, how, {
        base_revision: workspace.case.facts.value.revision,
        password: String(form.get("password")),
        reasons: [...reasons],
        comment: String(form.get("comment")),
        seconds: workspace.clock.take(),
      });
      await workspace.reload();
      workspace.tell(how === "approve" ? "Approved and signed" : "Rejected and signed");
      onClose();
    } catch (cause) {
      setError(explain(cause));
      setBusy(false);
    }
  };

  return (
    <Dialog title={title} onClose={onClose} testId="decision-dialog">
      <form onSubmit={(event) => void submit(event)}>
        <p class="muted">
          {facts.structures.filter((structure) => structure.edited).length} of {facts.structures.length} structures are
          edited. Revision {facts.revision}.
        </p>
        <fieldset>
          <legend>Reasons</legend>
          {codes.map((code) => (
            <label key={code} class="check">
              <input type="checkbox" checked={reasons.includes(code)} data-testid={`reason-${code}`} onChange={() => toggle(code)} />
              {sentence(code)}
            </label>
          ))}
        </fieldset>
        <label>
          Comment
          <textarea name="comment" rows={3} maxLength={4000} data-testid="decision-comment" />
        </label>
        <label>
          Your password, as signature
          <input name="password" type="password" required autocomplete="current-password" data-testid="decision-password" />
        </label>
        <p class="error" role="alert" data-testid="decision-error">{error}</p>
        <div class="buttons">
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="submit" class={how === "approve" ? "primary" : "danger"} disabled={busy || reasons.length === 0} data-testid="decision-sign">
            {title}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function explain(cause: unknown): string {
  if (!(cause instanceof ApiError)) return "Signing failed";
  if (cause.reason === "SIGNATURE_REFUSED") return "The password is wrong; nothing was signed";
  if (cause.reason === "FOUR_EYES") return "Who edited a structure set cannot approve it here: somebody else has to";
  if (cause.reason === "EDIT_CONFLICT") return `${String(cause.detail["by"] ?? "Somebody")} has changed this case meanwhile; load their state first`;
  return cause.message;
}
