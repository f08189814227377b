/** Opens a decided review again, with a reason. */

import { useState } from "preact/hooks";
import { reopen } from "../api/client";
import type { Workspace } from "../state/workspace";
import { Dialog } from "./dialog";

export function ReopenDialog({ workspace, onClose }: { workspace: Workspace; onClose: () => void }) {
  const [error, setError] = useState("");
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget as HTMLFormElement).get("reason")).trim();
    try {
      await reopen(workspace.case.id, reason);
      await workspace.reload();
      workspace.tell("Opened again");
      onClose();
    } catch (cause) {
      setError((cause as Error).message);
    }
  };
  return (
    <Dialog title="Open again" onClose={onClose} testId="reopen-dialog">
      <form onSubmit={(event) => void submit(event)}>
        <label>
          Reason
          <textarea name="reason" rows={3} required maxLength={1000} data-testid="reopen-reason" />
        </label>
        <p class="error" role="alert">{error}</p>
        <div class="buttons">
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="submit" class="primary" data-testid="reopen-confirm">Open again</button>
        </div>
      </form>
    </Dialog>
  );
}
