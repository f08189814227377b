"""Use-cases, and the queue that runs them in a worker process."""
