//! Logs: streams that are cut, silent or refused, and pods that belong to another job.
