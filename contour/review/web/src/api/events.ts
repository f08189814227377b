/** Listens to the server's live events: jobs and changes of reviews. */

import type { JobList, ReviewNews } from "./contract";

export interface Listeners {
  jobs?: (list: JobList) => void;
  review?: (news: ReviewNews) => void;
}

/** Starts listening; the answer stops it. The browser reconnects by itself. */
export function listen(listeners: Listeners): () => void {
  const source = new EventSource("/api/events");
  source.addEventListener("jobs", (event: MessageEvent<string>) => {
    listeners.jobs?.(JSON.parse(event.data) as JobList);
  });
  source.addEventListener("review", (event: MessageEvent<string>) => {
    listeners.review?.(JSON.parse(event.data) as ReviewNews);
  });
  return () => source.close();
}
