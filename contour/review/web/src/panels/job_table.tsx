/** Running, waiting and recent jobs. */

import type { JobItem } from "../api/contract";
import { durationText, sentence, shortId, timeText, told } from "./words";

export function JobTable({ jobs }: { jobs: readonly JobItem[] }) {
  return (
    <div class="table-frame" role="region" aria-label="Jobs" tabIndex={0}>
      <table data-testid="jobs">
        <thead>
          <tr>
            <th scope="col">Job</th>
            <th scope="col">State</th>
            <th scope="col">Progress</th>
            <th scope="col">Left</th>
            <th scope="col">Made</th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <tr key={job.job_id} data-testid="job-row">
              <td>
                {sentence(job.kind)} <span class="muted">{shortId(job.job_id)}</span>
              </td>
              <td>
                {sentence(job.state)}
                {job.failure !== null && <div class="error">{failureText(job.failure)}</div>}
              </td>
              <td>
                {job.state === "running" && (
                  <progress max={1} value={job.fraction ?? 0} aria-label={`Progress of job ${job.job_id}`} />
                )}{" "}
                {job.state === "queued" && job.queue_place !== null ? `Place ${job.queue_place} in the queue` : sentence(job.stage)}
              </td>
              <td>{job.estimate_s !== null && durationText(job.estimate_s)}</td>
              <td>{timeText(job.created)}</td>
            </tr>
          ))}
          {jobs.length === 0 && (
            <tr>
              <td colSpan={5} class="muted">No jobs</td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

const failureText = (failure: NonNullable<JobItem["failure"]>): string =>
  typeof failure === "string" ? failure : `${sentence(failure.reason)}. ${told(failure.message)}`;
