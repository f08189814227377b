/** Tells that somebody else changed the case, loads their state, and offers the unsent edits again. */

import { useState } from "preact/hooks";
import { changeName } from "../editing/edit_queue";
import { useSignal } from "../state/signal";
import type { Workspace } from "../state/workspace";
import { Dialog } from "./dialog";

export function ConflictDialog({ workspace }: { workspace: Workspace }) {
  const conflict = useSignal(workspace.queue.conflict);
  const [loaded, setLoaded] = useState(false);
  const [error, setError] = useState("");
  if (conflict === null) return null;

  const load = async (): Promise<void> => {
    try {
      await workspace.reload();
      setLoaded(true);
      setError("");
    } catch (cause) {
      setError((cause as Error).message);
    }
  };
  const resolve = (keep: boolean): void => {
    setLoaded(false);
    workspace.resolveConflict(keep);
  };

  return (
    <Dialog title={`${conflict.by || "Somebody"} has changed this case meanwhile`} testId="conflict-dialog">
      <p>Nothing was overwritten. {conflict.unsent.length === 1 ? "This edit of yours is" : "These edits of yours are"} not applied:</p>
      <ul>
        {conflict.unsent.map((change) => (
          <li key={change.requestId}>{changeName(change)}</li>
        ))}
      </ul>
      <p class="error" role="alert">{error}</p>
      {loaded ? (
        <>
          <p>Their state is shown now.</p>
          <div class="buttons">
            <button type="button" data-testid="conflict-discard" onClick={() => resolve(false)}>Discard mine</button>
            <button type="button" class="primary" data-testid="conflict-apply" onClick={() => resolve(true)}>Apply mine on top</button>
          </div>
        </>
      ) : (
        <div class="buttons">
          <button type="button" class="primary" data-testid="conflict-load" onClick={() => void load()}>Load their state</button>
        </div>
      )}
    </Dialog>
  );
}
