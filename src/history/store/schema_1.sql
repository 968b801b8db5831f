-- Times are seconds since 1970, if no comment says otherwise. A text that is unknown is NULL.

CREATE TABLE clusters (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    compared INTEGER, -- the last comparison with all jobs of the cluster, by our clock
    -- 1 after the first complete comparison, and after the first batches. Before that, what is new makes no events.
    knows_jobs INTEGER NOT NULL DEFAULT 0,
    knows_batches INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One row a run: a Job of a cluster, by its uid.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    cluster INTEGER NOT NULL REFERENCES clusters (id),
    uid TEXT NOT NULL,
    version INTEGER NOT NULL, -- resourceVersion
    namespace TEXT NOT NULL,
    job_name TEXT NOT NULL,
    state TEXT NOT NULL,
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER, -- completionTime, or the time of the condition Failed
    deleted INTEGER, -- deletionTimestamp
    gone INTEGER,
    reason TEXT,
    message TEXT,
    exit_code INTEGER,
    termination_message TEXT,
    template TEXT,
    batch_name TEXT,
    caller TEXT,
    request_id TEXT,
    labels TEXT NOT NULL, -- a JSON object
    images TEXT, -- a JSON object: the image of each container
    queued_s INTEGER, -- started - created
    ran_s INTEGER, -- ended - started
    retries INTEGER NOT NULL,
    active INTEGER NOT NULL,
    succeeded INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    completions INTEGER,
    parallelism INTEGER,
    backoff_limit INTEGER,
    has_gaps INTEGER NOT NULL DEFAULT 0 -- 1: records were dropped, 2: gone, and the end was not seen, 3: both
) STRICT;

CREATE UNIQUE INDEX runs_by_uid ON runs (cluster, uid);

-- Each index has the columns that lists filter by, so that a filter of two columns reads no row that does not match.
-- With `created, id` it has the order of the lists, so that a page sorts nothing.
CREATE INDEX runs_by_created ON runs
    (cluster, created, id, namespace, state, template, caller, queued_s, ran_s, reason);
CREATE INDEX runs_by_namespace ON runs (cluster, namespace, created, id, state, template, caller);
CREATE INDEX runs_by_job_name ON runs (cluster, job_name, created, id, namespace, state, template, caller);
CREATE INDEX runs_by_state ON runs (cluster, state, created, id, namespace, template, caller);
CREATE INDEX runs_by_template ON runs (cluster, template, created, id, namespace, state, caller)
    WHERE template IS NOT NULL;
CREATE INDEX runs_by_caller ON runs (cluster, caller, created, id, namespace, state, template)
    WHERE caller IS NOT NULL;
CREATE INDEX runs_by_batch ON runs (cluster, batch_name, created, id, namespace, state, template, caller)
    WHERE batch_name IS NOT NULL;
-- The runs that still exist, for the comparison with the cluster.
CREATE INDEX runs_existing ON runs (cluster, uid, version) WHERE gone IS NULL;

-- One row a transition of a run. The state `gone` is the last.
CREATE TABLE transitions (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    time INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    PRIMARY KEY (run, time, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL, -- in milliseconds since 1970
    cluster TEXT NOT NULL,
    namespace TEXT,
    operation TEXT NOT NULL,
    outcome TEXT NOT NULL,
    caller TEXT,
    record TEXT NOT NULL -- a JSON object
) STRICT;

CREATE INDEX audit_by_time ON audit (time);

-- An event that an endpoint of the webhooks gets.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE, -- the webhook-id
    type TEXT NOT NULL,
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    object TEXT NOT NULL, -- the name of the job or the batch
    time INTEGER NOT NULL, -- as the cluster writes it; by our clock for job.deleted without a deletionTimestamp
    written INTEGER NOT NULL, -- in milliseconds since 1970, by our clock
    body TEXT NOT NULL -- the message, a JSON object
) STRICT;

CREATE INDEX events_by_written ON events (written);

-- One row an event and an endpoint. The state is pending, delivered or failed.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    event INTEGER NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    webhook TEXT NOT NULL,
    state TEXT NOT NULL,
    written INTEGER NOT NULL, -- that of the event
    attempts INTEGER NOT NULL DEFAULT 0, -- since the event, or the last redelivery
    next_attempt INTEGER, -- in milliseconds since 1970; only while it is pending
    last_attempt INTEGER, -- in milliseconds since 1970
    last_status INTEGER,
    last_error TEXT
) STRICT;

CREATE UNIQUE INDEX deliveries_by_event ON deliveries (event, webhook);
CREATE INDEX deliveries_due ON deliveries (webhook, next_attempt) WHERE state = 'pending';
-- The order of the lists. Of a large table few deliveries are pending or failed.
CREATE INDEX deliveries_by_written ON deliveries (written);
CREATE INDEX deliveries_by_webhook ON deliveries (webhook, written);
CREATE INDEX deliveries_pending ON deliveries (webhook, written) WHERE state = 'pending';
CREATE INDEX deliveries_failed ON deliveries (webhook, written) WHERE state = 'failed';

-- The last attempt of an endpoint. Times are in milliseconds since 1970.
CREATE TABLE webhooks (
    name TEXT PRIMARY KEY,
    last_attempt INTEGER NOT NULL,
    last_status INTEGER,
    last_success INTEGER
) STRICT, WITHOUT ROWID;

-- The ends of batches that were written, by the uid of the head.
CREATE TABLE batch_ends (
    id INTEGER PRIMARY KEY,
    cluster INTEGER NOT NULL REFERENCES clusters (id),
    uid TEXT NOT NULL,
    state TEXT NOT NULL,
    time INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX batch_ends_by_uid ON batch_ends (cluster, uid, state, time);
CREATE INDEX batch_ends_by_time ON batch_ends (time);

-- kept_since: the creation of the newest run, or the newest end of a batch, that was deleted because the file was full.
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
