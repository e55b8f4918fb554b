-- A key of a request belongs to the project and the config that the request names. The unique
-- constraint over idempotency_key stays for the program before, which alone still fills that column.
ALTER TABLE jobs
    ADD COLUMN request_key text,                         -- as sent in idempotency_key
    ADD COLUMN request_config text NOT NULL DEFAULT '',  -- the config that was named, '' for none
    ADD COLUMN request_hash text,                        -- of all that was sent: a key is not sent
                                                         -- again with something else
    ADD COLUMN doc_id text;                              -- the one document that it changes
CREATE INDEX jobs_by_document ON jobs (org_id, project_id, doc_id, job_id DESC)
    WHERE doc_id IS NOT NULL;
CREATE UNIQUE INDEX one_job_of_a_request ON jobs (org_id, project_id, request_config, request_key)
    WHERE request_key IS NOT NULL;
CREATE INDEX jobs_by_version ON jobs (version_id) WHERE version_id IS NOT NULL;

-- Counts the requests to change what is active: imports when they are sent, activations, rollbacks.
-- A build that ends after a newer one of these does not take its place.
ALTER TABLE projects ADD COLUMN intent bigint NOT NULL DEFAULT 0;

-- What became active, in order; a rollback marks what it leaves, so that the next goes further back.
CREATE TABLE activations (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id text NOT NULL REFERENCES orgs ON DELETE CASCADE,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    version_id text NOT NULL REFERENCES project_versions ON DELETE CASCADE,
    at timestamptz NOT NULL DEFAULT now(),
    undone_at timestamptz
);
CREATE INDEX activations_by_project ON activations (org_id, project_id, seq DESC)
    WHERE undone_at IS NULL;
CREATE INDEX activations_by_version ON activations (version_id);

-- Of what was sent as this document, its text rule included: the same again need not be parsed.
ALTER TABLE documents ADD COLUMN item_hash text;

-- The imports that a segment was made of, oldest first, by their jobs: a version is built again from
-- those of its segments. Empty: not known.
ALTER TABLE segments ADD COLUMN sources text[] NOT NULL DEFAULT '{}';
CREATE INDEX segments_by_source ON segments USING gin (sources);

ALTER TABLE activations ENABLE ROW LEVEL SECURITY;
ALTER TABLE activations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON activations TO coco_app USING
    (org_id = (SELECT NULLIF(current_setting('coco.org_id', true), '')));
CREATE POLICY everything ON activations TO coco_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON activations TO coco_app, coco_system;

-- The owner of the tables sees no rows.
SET LOCAL ROLE coco_system;
INSERT INTO activations (org_id, project_id, version_id, at)
SELECT org_id, project_id, version_id, activated_at FROM project_versions
WHERE activated_at IS NOT NULL AND status IN ('ARCHIVED', 'ACTIVE')
ORDER BY status = 'ACTIVE', activated_at;
RESET ROLE;
