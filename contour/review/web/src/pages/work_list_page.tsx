/** What waits for a review, by priority, and the jobs that run. */

import { useEffect, useState } from "preact/hooks";
import { jobs as fetchJobs, worklist as fetchWorklist } from "../api/client";
import { listen } from "../api/events";
import type { Account, JobItem, ReviewState, Worklist } from "../api/contract";
import { JobTable } from "../panels/job_table";
import { PageHeader } from "../panels/page_header";
import { WorkTable } from "../panels/work_table";
import { STATE_NAMES, told } from "../panels/words";

const STATES: readonly ReviewState[] = ["new", "in_review", "approved", "rejected"];

export function WorkListPage({ account, onSignOut }: { account: Account; onSignOut: () => void }) {
  const [states, setStates] = useState<readonly ReviewState[]>(["new", "in_review"]);
  const [list, setList] = useState<Worklist | null>(null);
  const [jobs, setJobs] = useState<readonly JobItem[]>([]);
  const [least, setLeast] = useState(0);
  const [words, setWords] = useState("");
  const [error, setError] = useState("");

  useEffect(() => {
    document.title = "Work list, contour review";
    let gone = false;
    const load = (): void => {
      fetchWorklist(states).then(
        (found) => !gone && (setList(found), setError("")),
        (cause: Error) => !gone && setError(cause.message),
      );
    };
    load();
    fetchJobs().then((found) => !gone && setJobs(found.items), () => undefined);
    let finished = "";
    const stop = listen({
      jobs: ({ items }) => {
        setJobs(items);
        const now = items.filter((job) => job.state === "succeeded").map((job) => job.job_id).join();
        if (now !== finished) load();
        finished = now;
      },
      review: load,
    });
    return () => {
      gone = true;
      stop();
    };
  }, [states]);

  const toggle = (state: ReviewState): void =>
    setStates(states.includes(state) ? states.filter((each) => each !== state) : [...states, state]);
  const wanted = words.trim().toLowerCase();
  const items = (list?.items ?? []).filter(
    (item) =>
      item.priority >= least && `${item.label} ${item.job_id} ${item.why.map(told).join(" ")}`.toLowerCase().includes(wanted),
  );

  return (
    <div class="work-page">
      <PageHeader account={account} onSignOut={onSignOut} />
      <main>
        <h1>Work list</h1>
        <div class="filters">
          <fieldset>
            <legend>State</legend>
            {STATES.map((state) => (
              <button
                key={state}
                type="button"
                class="chip"
                aria-pressed={states.includes(state)}
                onClick={() => toggle(state)}
                data-testid={`filter-${state}`}
              >
                {STATE_NAMES[state]} <span class="count">{list?.counts[state] ?? 0}</span>
              </button>
            ))}
          </fieldset>
          <label>
            Priority at least
            <input
              type="number" min="0" step="0.1" value={least} data-testid="filter-priority"
              onInput={(event) => setLeast(Number(event.currentTarget.value) || 0)}
            />
          </label>
          <label class="grow">
            Label, job or reason contains
            <input type="search" value={words} data-testid="filter-why" onInput={(event) => setWords(event.currentTarget.value)} />
          </label>
        </div>
        <p class="error" role="alert">
          {error}
        </p>
        <WorkTable items={items} loading={list === null && error === ""} />
        <h2>Jobs</h2>
        <JobTable jobs={jobs} />
      </main>
    </div>
  );
}
