-- Tenants, projects, versions, jobs. Each statement of CoCo runs as one of three roles that log in
-- nowhere: coco_app sees the rows of one org (the setting coco.org_id), coco_system sees all, and
-- coco_load fills a version that is being built. The owner of the tables has no policy and sees
-- nothing.

CREATE TABLE orgs (
    org_id text PRIMARY KEY,
    name text NOT NULL,
    limits jsonb NOT NULL DEFAULT '{}',  -- what differs from the service's quotas and rates
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What an org holds now, reserved and released in the transactions that write it, never counted.
CREATE TABLE org_totals (
    org_id text PRIMARY KEY REFERENCES orgs ON DELETE CASCADE,
    documents bigint NOT NULL DEFAULT 0 CHECK (documents >= 0),
    chunks bigint NOT NULL DEFAULT 0 CHECK (chunks >= 0),
    storage_bytes bigint NOT NULL DEFAULT 0 CHECK (storage_bytes >= 0)
);

CREATE TABLE usage (
    org_id text NOT NULL REFERENCES orgs ON DELETE CASCADE,
    day date NOT NULL,
    queries bigint NOT NULL DEFAULT 0,
    embeddings bigint NOT NULL DEFAULT 0,
    items bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, day)
);

CREATE TABLE users (
    org_id text NOT NULL REFERENCES orgs ON DELETE CASCADE,
    user_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, user_id)
);

CREATE TABLE api_keys (
    key_id text PRIMARY KEY,
    org_id text NOT NULL REFERENCES orgs ON DELETE CASCADE,
    name text NOT NULL,
    prefix text NOT NULL UNIQUE,  -- the public part of the key, by which it is found
    hash bytea NOT NULL,          -- SHA-256 of the whole key: 256 random bits need no salt
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_by_org ON api_keys (org_id);

CREATE TABLE indexing_configs (
    org_id text NOT NULL REFERENCES orgs ON DELETE CASCADE,
    config_id text NOT NULL,
    body jsonb NOT NULL,
    dimension integer NOT NULL CHECK (dimension BETWEEN 1 AND 4000),
    fingerprint text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, config_id)
);

CREATE TABLE projects (
    project_id text PRIMARY KEY,
    org_id text NOT NULL REFERENCES orgs ON DELETE CASCADE,
    source_ref text NOT NULL,
    name text NOT NULL,
    platform text NOT NULL,
    active_version_id text,
    active_config_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (org_id, source_ref),
    FOREIGN KEY (org_id, active_config_id) REFERENCES indexing_configs
);

CREATE TABLE project_versions (
    version_id text PRIMARY KEY,
    version_no bigint GENERATED ALWAYS AS IDENTITY UNIQUE,  -- names the version's own tables
    org_id text NOT NULL REFERENCES orgs ON DELETE CASCADE,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    config_id text NOT NULL,
    dimension integer NOT NULL,
    status text NOT NULL DEFAULT 'BUILDING'
        CHECK (status IN ('BUILDING', 'READY', 'ACTIVE', 'ARCHIVED', 'FAILED')),
    item_count bigint NOT NULL DEFAULT 0,
    document_count bigint NOT NULL DEFAULT 0,
    chunk_count bigint NOT NULL DEFAULT 0,
    embedded_count bigint NOT NULL DEFAULT 0,
    storage_bytes bigint NOT NULL DEFAULT 0,
    reserved_documents bigint NOT NULL DEFAULT 0,     -- of the org's totals, not yet written
    reserved_bytes bigint NOT NULL DEFAULT 0,
    length_sums bigint[] NOT NULL DEFAULT '{0,0,0}',  -- terms per field of all chunks
    approximate boolean NOT NULL DEFAULT false,       -- its vectors have an HNSW index
    failure jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    ready_at timestamptz,
    activated_at timestamptz,
    archived_at timestamptz,
    UNIQUE (version_id, project_id),
    FOREIGN KEY (org_id, config_id) REFERENCES indexing_configs
);
CREATE UNIQUE INDEX one_active_version ON project_versions (project_id) WHERE status = 'ACTIVE';
CREATE UNIQUE INDEX one_build_of_a_config ON project_versions (project_id, config_id)
    WHERE status = 'BUILDING';
CREATE INDEX versions_by_project ON project_versions (project_id, version_no DESC);

-- Checked at the end of a transaction, for a project and its version name each other.
ALTER TABLE projects ADD FOREIGN KEY (active_version_id, project_id)
    REFERENCES project_versions (version_id, project_id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE documents (
    org_id text NOT NULL,
    project_id text NOT NULL,
    version_no bigint NOT NULL,
    doc_id text NOT NULL,
    source_ref text,
    title text,
    content_hash text NOT NULL,
    chunk_count integer NOT NULL,
    meta jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (version_no, doc_id)
);

-- Patterns of the tables that every version gets for itself, by their names with its number.
CREATE TABLE source_chunks (
    org_id text NOT NULL,
    project_id text NOT NULL,
    version_no bigint NOT NULL,
    config_id text NOT NULL,
    chunk_key integer NOT NULL PRIMARY KEY,  -- 0 to n - 1 in the order of arrival
    doc_id text NOT NULL,
    ordinal integer NOT NULL,
    chunk_id text NOT NULL,
    kind text NOT NULL,
    language text NOT NULL,
    symbol text NOT NULL,
    definitions text[] NOT NULL,
    signature text NOT NULL,
    heading_trail text[] NOT NULL,
    fragment text NOT NULL,
    start_line integer NOT NULL,
    end_line integer NOT NULL,
    token_count integer NOT NULL,
    content text NOT NULL,
    content_hash text NOT NULL,
    quality real,
    verified boolean,
    tags text[] NOT NULL,
    changed_at double precision,  -- Unix seconds
    meta jsonb NOT NULL
);
CREATE TABLE chunk_vectors (
    chunk_key integer NOT NULL PRIMARY KEY,
    embedding vector NOT NULL
);
-- The inverted index: the chunks of one term in one segment of up to 65,536 chunks.
CREATE TABLE postings (
    term_id bigint NOT NULL,
    segment integer NOT NULL,
    first_key integer NOT NULL,
    keys bytea NOT NULL,     -- uint16[n], little-endian: chunk_key - first_key
    weights bytea NOT NULL,  -- float32[n], little-endian: the core's weighted frequencies
    PRIMARY KEY (term_id, segment)
);
-- Names that chunks define, in lower case.
CREATE TABLE chunk_names (
    name text NOT NULL,
    chunk_key integer NOT NULL
);
-- Terms of one batch as they arrive; turned into postings when the build is complete.
CREATE TABLE term_batches (
    first_key integer NOT NULL PRIMARY KEY,
    counts bytea NOT NULL,       -- uint32[chunks]: terms of each chunk
    ids bytea NOT NULL,          -- uint64[terms]
    frequencies bytea NOT NULL,  -- uint8[terms, fields]
    lengths bytea NOT NULL       -- uint32[chunks, fields]
);

CREATE TABLE jobs (
    job_id text PRIMARY KEY,
    org_id text NOT NULL REFERENCES orgs ON DELETE CASCADE,
    project_id text NOT NULL,
    user_id text,
    version_id text,
    kind text NOT NULL,
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    payload jsonb NOT NULL,  -- a reference to the data, never the data
    idempotency_key text,
    priority smallint NOT NULL DEFAULT 0,
    run_after timestamptz NOT NULL DEFAULT now(),
    attempt integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 5,
    lease_owner text,
    lease_until timestamptz,
    fence bigint NOT NULL DEFAULT 0,  -- one more at every claim, compared at every commit
    cancel_requested boolean NOT NULL DEFAULT false,
    stage text,
    done bigint NOT NULL DEFAULT 0,
    total bigint,
    checkpoint jsonb NOT NULL DEFAULT '{}',  -- how far the work is committed
    result jsonb,
    error jsonb,
    last_event bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    UNIQUE (org_id, idempotency_key)
) WITH (autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX jobs_waiting ON jobs (priority DESC, job_id) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_by_project ON jobs (org_id, project_id, job_id DESC);

CREATE TABLE job_events (
    org_id text NOT NULL,
    job_id text NOT NULL REFERENCES jobs ON DELETE CASCADE,
    seq bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    kind text NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (job_id, seq)
);

-- Items that a job did not take, each with its reason.
CREATE TABLE job_rejections (
    org_id text NOT NULL,
    job_id text NOT NULL REFERENCES jobs ON DELETE CASCADE,
    item bigint NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    doc_id text,
    PRIMARY KEY (job_id, item)
);

CREATE TABLE sessions (
    session_id text PRIMARY KEY,
    org_id text NOT NULL REFERENCES orgs ON DELETE CASCADE,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    user_id text NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE TABLE memos (
    memo_id text PRIMARY KEY,
    org_id text NOT NULL REFERENCES orgs ON DELETE CASCADE,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    user_id text NOT NULL,
    session_id text REFERENCES sessions ON DELETE SET NULL,
    content text NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    meta jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz
);
CREATE INDEX memos_by_user ON memos (org_id, project_id, user_id, created_at DESC);

-- Token buckets; after a crash everybody starts with a full one.
CREATE UNLOGGED TABLE rate_limits (
    org_id text NOT NULL,
    project_id text NOT NULL,
    lane text NOT NULL,
    tokens double precision NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, project_id, lane)
);

GRANT USAGE ON SCHEMA public TO coco_app, coco_system, coco_load;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'orgs', 'org_totals', 'usage', 'users', 'api_keys', 'indexing_configs', 'projects',
        'project_versions', 'documents', 'source_chunks', 'jobs', 'job_events', 'job_rejections',
        'sessions', 'memos', 'rate_limits'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        -- A setting that was set and reset is '' and not absent; neither is any org.
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO coco_app USING '
            '(org_id = (SELECT NULLIF(current_setting(''coco.org_id'', true), '''')))', name);
        EXECUTE format('CREATE POLICY everything ON %I TO coco_system USING (true)', name);
        EXECUTE format(
            'GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO coco_app, coco_system', name);
    END LOOP;
    -- These are patterns only; nobody may ever put a row into them.
    FOREACH name IN ARRAY ARRAY['chunk_vectors', 'postings', 'chunk_names', 'term_batches'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    END LOOP;
END $$;
REVOKE INSERT, UPDATE, DELETE ON source_chunks FROM coco_app, coco_system;

CREATE FUNCTION coco_may_touch(org text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT current_setting('role') = 'coco_system'
        OR (current_setting('role') = 'coco_app'
            AND org <> '' AND org = current_setting('coco.org_id', true))
$$;

-- Make the tables of a new version. COPY refuses tables with row-level security, so until the
-- version is complete nobody may read them at all, the owner included, and only coco_load may write.
CREATE FUNCTION coco_open_version(number bigint, org text, dimension integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    base text;
BEGIN
    IF NOT public.coco_may_touch(org) THEN
        RAISE insufficient_privilege USING MESSAGE = 'the version belongs to another org';
    END IF;
    FOREACH base IN ARRAY ARRAY[
        'source_chunks', 'chunk_vectors', 'postings', 'chunk_names', 'term_batches'
    ] LOOP
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)',
            base || '_' || number, base);
        EXECUTE format('REVOKE ALL ON public.%I FROM CURRENT_USER', base || '_' || number);
        EXECUTE format('GRANT INSERT ON public.%I TO coco_load', base || '_' || number);
    END LOOP;
    EXECUTE format('GRANT SELECT ON public.%I TO coco_load', 'term_batches_' || number);
    EXECUTE format('ALTER TABLE public.%I ALTER embedding TYPE vector(%s)',
        'chunk_vectors_' || number, dimension);
    -- Vectors stay in the row where a page can hold one: an exact scan is four times as fast.
    EXECUTE format('ALTER TABLE public.%I ALTER embedding SET STORAGE %s',
        'chunk_vectors_' || number, CASE WHEN dimension <= 1900 THEN 'PLAIN' ELSE 'EXTERNAL' END);
    -- Packed numbers hardly shrink, and inflating them costs more than reading them.
    EXECUTE format('ALTER TABLE public.%I ALTER keys SET STORAGE EXTERNAL, '
        'ALTER weights SET STORAGE EXTERNAL', 'postings_' || number);
    EXECUTE format('ALTER TABLE public.%I ALTER counts SET STORAGE EXTERNAL, '
        'ALTER ids SET STORAGE EXTERNAL, ALTER frequencies SET STORAGE EXTERNAL, '
        'ALTER lengths SET STORAGE EXTERNAL', 'term_batches_' || number);
END $$;

-- Index the tables of a version whose rows are complete, and open them to the readers of its org.
-- Their policy compares two constants, in a sub-select: it is decided once for a statement instead of
-- once for a row, and it hides no index from the planner. The caller sets maintenance_work_mem.
CREATE FUNCTION coco_seal_version(
    number bigint, org text, dimension integer, approximate boolean,
    OUT chunks bigint, OUT vectors bigint
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    base text;
    name text;
BEGIN
    IF NOT public.coco_may_touch(org) THEN
        RAISE insufficient_privilege USING MESSAGE = 'the version belongs to another org';
    END IF;
    EXECUTE format('DROP TABLE public.%I', 'term_batches_' || number);
    FOREACH base IN ARRAY ARRAY['source_chunks', 'chunk_vectors', 'postings', 'chunk_names'] LOOP
        EXECUTE format('GRANT ALL ON public.%I TO CURRENT_USER', base || '_' || number);
    END LOOP;
    EXECUTE format('SELECT (SELECT count(*) FROM public.%I), (SELECT count(*) FROM public.%I)',
        'source_chunks_' || number, 'chunk_vectors_' || number) INTO chunks, vectors;
    EXECUTE format('CREATE INDEX ON public.%I (name)', 'chunk_names_' || number);
    EXECUTE format('CREATE INDEX ON public.%I (doc_id, ordinal)', 'source_chunks_' || number);
    IF approximate THEN
        -- Half precision halves the index and finds the same neighbors.
        EXECUTE format('CREATE INDEX %I ON public.%I USING hnsw '
            '((embedding::halfvec(%s)) halfvec_ip_ops)',
            'chunk_vectors_hnsw_' || number, 'chunk_vectors_' || number, dimension);
    END IF;
    FOREACH base IN ARRAY ARRAY['source_chunks', 'chunk_vectors', 'postings', 'chunk_names'] LOOP
        name := base || '_' || number;
        EXECUTE format('ANALYZE public.%I', name);
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant ON public.%I FOR SELECT TO coco_app USING '
            '((SELECT current_setting(''coco.org_id'', true) = %L))', name, org);
        EXECUTE format(
            'CREATE POLICY everything ON public.%I FOR SELECT TO coco_system USING (true)', name);
        EXECUTE format('REVOKE ALL ON public.%I FROM coco_load', name);
        EXECUTE format('GRANT SELECT ON public.%I TO coco_app, coco_system', name);
    END LOOP;
END $$;

-- Drop what a version has. Waits for its readers as long as the caller's lock_timeout allows.
CREATE FUNCTION coco_drop_version(number bigint, org text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT public.coco_may_touch(org) THEN
        RAISE insufficient_privilege USING MESSAGE = 'the version belongs to another org';
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS public.%I, public.%I, public.%I, public.%I, public.%I',
        'source_chunks_' || number, 'chunk_vectors_' || number, 'postings_' || number,
        'chunk_names_' || number, 'term_batches_' || number);
END $$;

REVOKE ALL ON FUNCTION coco_open_version, coco_seal_version, coco_drop_version FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coco_open_version, coco_seal_version, coco_drop_version
    TO coco_app, coco_system;
GRANT SELECT ON alembic_version TO coco_app, coco_system;
