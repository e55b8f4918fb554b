-- The oldest program that serves correctly on this schema, by the newest revision that it knows. A
-- migration that only adds leaves it; one that takes away raises it. An older program refuses to start,
-- and one that runs turns unready.
CREATE TABLE schema_compatibility (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    oldest_program text NOT NULL
);
INSERT INTO schema_compatibility (oldest_program) VALUES ('0003');
GRANT SELECT ON schema_compatibility TO coco_app, coco_system;

-- Workers that run, each renewed by its heartbeat; after a crash they report again.
CREATE UNLOGGED TABLE workers (
    worker_id text PRIMARY KEY,
    version text NOT NULL,
    slots integer NOT NULL,
    running integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);

-- What an org holds, by the highest sample of the day.
ALTER TABLE usage
    ADD COLUMN documents_held bigint NOT NULL DEFAULT 0,
    ADD COLUMN chunks_held bigint NOT NULL DEFAULT 0,
    ADD COLUMN bytes_held bigint NOT NULL DEFAULT 0,
    ADD COLUMN memos_held bigint NOT NULL DEFAULT 0;

-- A failed job is a dead letter until another one does its work.
ALTER TABLE jobs ADD COLUMN requeued_as text;
CREATE INDEX jobs_failed ON jobs (finished_at) WHERE state = 'failed';

-- From this moment on nothing finds it; its erasure removes what is left.
ALTER TABLE orgs ADD COLUMN erased_at timestamptz;
ALTER TABLE projects ADD COLUMN erased_at timestamptz;

-- Erasures, which go on after an interruption. They outlive what they erase, as proof: ids, times and
-- numbers, and no content.
CREATE TABLE erasures (
    erasure_id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('project', 'org', 'user')),
    org_id text NOT NULL,
    project_id text,
    user_id text,
    vectors jsonb NOT NULL DEFAULT '[]',  -- [[segment, dimension], …] kept outside of the database
    removed jsonb NOT NULL DEFAULT '{}',  -- rows by table, and blobs
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX erasures_open ON erasures (created_at) WHERE finished_at IS NULL;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['workers', 'erasures'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY everything ON %I TO coco_system USING (true)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO coco_system', name);
    END LOOP;
END $$;

-- While a backup is taken, tables of versions are not dropped: it reads them one after the other. Who
-- drops them gives up as if they were being read, and tries again later.
CREATE FUNCTION coco_refuse_during_backup() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(4242003) THEN
        RAISE lock_not_available USING MESSAGE = 'a backup is being taken';
    END IF;
END $$;
-- Into every function that drops tables, whichever migration wrote it last.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT pg_get_functiondef(oid) AS source FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'coco\_drop\_%'
    LOOP
        EXECUTE regexp_replace(
            found.source, '\mBEGIN\M', E'BEGIN\n    PERFORM public.coco_refuse_during_backup();');
    END LOOP;
END $$;
