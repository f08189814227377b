/** The line below the views: position and HU under the cursor, what is loading or unsaved, and the last message. */

import { positionText } from "../space/letters";
import { useSignal } from "../state/signal";
import type { Workspace } from "../state/workspace";

export function StatusBar({ workspace }: { workspace: Workspace }) {
  return (
    <div class="status">
      <Readout workspace={workspace} />
      <Progress workspace={workspace} />
      <Saving workspace={workspace} />
      <Message workspace={workspace} />
    </div>
  );
}

function Readout({ workspace }: { workspace: Workspace }) {
  const readout = useSignal(workspace.readout);
  return (
    <span class="readout" data-testid="readout">
      {readout === null ? "" : `${positionText(readout.point)}   ${readout.hu === null ? "" : `${readout.hu} HU`}`}
    </span>
  );
}

function Progress({ workspace }: { workspace: Workspace }) {
  const { store } = workspace.viewer;
  const loaded = useSignal(store.loaded);
  const failed = useSignal(store.failed);
  if (loaded === store.slices) return null;
  return (
    <span class="muted" data-testid="loading">
      <progress max={store.slices} value={loaded} aria-label="Slices loaded" /> {loaded} of {store.slices} slices
      {failed.length > 0 && <span class="error"> {failed.length} could not be read</span>}
    </span>
  );
}

function Saving({ workspace }: { workspace: Workspace }) {
  const pending = useSignal(workspace.queue.pending);
  const trouble = useSignal(workspace.queue.trouble);
  const changedBy = useSignal(workspace.changedBy);
  return (
    <>
      {pending.length > 0 && (
        <span class={trouble === "" ? "muted" : "error"} data-testid="pending">
          {pending.length === 1 ? "1 edit is being saved" : `${pending.length} edits are being saved`}. {trouble}
          {trouble !== "" && (
            <button type="button" class="small" data-testid="discard-edit" onClick={() => workspace.discardFirst()}>
              Discard the first
            </button>
          )}
        </span>
      )}
      {changedBy !== "" && (
        <span class="warn" role="alert" data-testid="changed-by">
          {changedBy} has changed this case meanwhile.{" "}
          <button type="button" class="small" data-testid="reload-case" onClick={() => void workspace.reload()}>
            Load their state
          </button>
        </span>
      )}
    </>
  );
}

function Message({ workspace }: { workspace: Workspace }) {
  const message = useSignal(workspace.message);
  return (
    <span class="message" role="status" aria-live="polite" data-testid="message">
      {message}
    </span>
  );
}
