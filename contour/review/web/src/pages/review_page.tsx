/** One review: fetches the case, then shows the viewer between its panels. */

import { useEffect, useRef, useState } from "preact/hooks";
import { openReview } from "../api/client";
import type { Account } from "../api/contract";
import { ConflictDialog } from "../dialogs/conflict_dialog";
import { CasePanel } from "../panels/case_panel";
import { EditPanel } from "../panels/edit_panel";
import { FractionPanel } from "../panels/fraction_panel";
import { PageHeader } from "../panels/page_header";
import { StatusBar } from "../panels/status_bar";
import { StructureList } from "../panels/structure_list";
import { Toolbar } from "../panels/toolbar";
import { ViewGrid } from "../panels/view_grid";
import { shortId } from "../panels/words";
import { useSignal } from "../state/signal";
import { Workspace } from "../state/workspace";
import { exposeTestState } from "../test_state";
import { attachKeys } from "../viewer/keys";
import type { PlaneName } from "../space/planes";

interface Props {
  account: Account;
  reviewId: string;
  onSignOut: () => void;
}

export function ReviewPage({ account, reviewId, onSignOut }: Props) {
  const [workspace, setWorkspace] = useState<Workspace | null>(null);
  const [error, setError] = useState("");
  const opened = useRef(performance.now());

  useEffect(() => {
    let made: Workspace | null = null;
    let gone = false;
    openReview(reviewId).then(
      (facts) => {
        if (gone) return;
        made = new Workspace(facts, account.name);
        document.title = `${facts.label || "Review"}, contour review`;
        setWorkspace(made);
      },
      (cause: Error) => setError(cause.message),
    );
    return () => {
      gone = true;
      exposeTestState(null);
      made?.stop();
    };
  }, [reviewId, account.name]);

  if (workspace === null) {
    return (
      <>
        <PageHeader account={account} onSignOut={onSignOut} />
        <main class="waiting">
          <p role="status">{error || "Opening the case"}</p>
        </main>
      </>
    );
  }
  return <Review workspace={workspace} account={account} onSignOut={onSignOut} openedMs={opened.current} />;
}

interface ReviewProps {
  workspace: Workspace;
  account: Account;
  onSignOut: () => void;
  openedMs: number;
}

function Review({ workspace, account, onSignOut, openedMs }: ReviewProps) {
  const facts = useSignal(workspace.case.facts);
  const planes = useRef<Partial<Record<PlaneName, HTMLDivElement>>>({});
  const surfaces = useRef<HTMLDivElement>(null);
  const nudgeMm = useRef(1);

  useEffect(() => {
    exposeTestState(workspace);
    const stopKeys = attachKeys(workspace, () => nudgeMm.current);
    const warn = (event: BeforeUnloadEvent): void => {
      workspace.sendNudge();
      if (workspace.queue.pending.value.length > 0) event.preventDefault();
    };
    window.addEventListener("beforeunload", warn);
    workspace
      .start(planes.current as Record<PlaneName, HTMLDivElement>, surfaces.current as HTMLDivElement, openedMs)
      .catch((cause: Error) => workspace.tell(`The case could not be shown: ${cause.message}`));
    return () => {
      stopKeys();
      window.removeEventListener("beforeunload", warn);
    };
  }, [workspace, openedMs]);

  return (
    <div class="review-page">
      <PageHeader account={account} onSignOut={onSignOut} state={facts.state}>
        <PatientName workspace={workspace} />
        <h1>{facts.label || facts.review_id}</h1>
        <span class="muted">
          {facts.kind === "fraction" ? `Fraction ${facts.fraction?.number ?? ""}` : "Plan"} · {facts.job.model}{" "}
          {facts.job.model_version} · job <span title={facts.job_id}>{shortId(facts.job_id)}</span> · revision{" "}
          <span data-testid="revision">{facts.revision}</span>
        </span>
      </PageHeader>
      <aside class="side left" aria-label="Structures">
        <StructureList workspace={workspace} />
      </aside>
      <main class="centre">
        <Toolbar workspace={workspace} />
        <ViewGrid workspace={workspace} planes={planes.current} surfaces={surfaces} />
        <StatusBar workspace={workspace} />
      </main>
      <aside class="side right" aria-label="Editing and decision">
        <EditPanel workspace={workspace} nudgeMm={nudgeMm} />
        {facts.fraction !== null && <FractionPanel workspace={workspace} fraction={facts.fraction} />}
        <CasePanel workspace={workspace} account={account} />
      </aside>
      <ConflictDialog workspace={workspace} />
    </div>
  );
}

function PatientName({ workspace }: { workspace: Workspace }) {
  const patient = useSignal(workspace.viewer.store.patient);
  if (patient === null) return null;
  return (
    <span class="patient" data-testid="patient">
      {patient.name || "No name"} <span class="muted">ID {patient.id || "none"}</span>
    </span>
  );
}
