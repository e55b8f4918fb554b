-- A version is a list of segments. A full build has one, which has the version's own number; a merge
-- shares the segments of the version that it began from and adds one with what changed. A segment never
-- changes once its version is complete, and it is dropped when no version is made of it any more.
CREATE TABLE segments (
    segment_no bigint PRIMARY KEY,  -- of the version that wrote it; names the segment's own tables
    org_id text NOT NULL REFERENCES orgs ON DELETE CASCADE,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    config_id text NOT NULL,
    first_key integer NOT NULL DEFAULT 0,  -- chunk keys are unique in a version: they go on from the
                                           -- segments before this one
    end_key integer NOT NULL DEFAULT 0,    -- one more than its last key
    document_count bigint NOT NULL DEFAULT 0,
    chunk_count bigint NOT NULL DEFAULT 0,
    embedded_count bigint NOT NULL DEFAULT 0,
    storage_bytes bigint NOT NULL DEFAULT 0,
    length_sums bigint[] NOT NULL DEFAULT '{0,0,0}',
    approximate boolean NOT NULL DEFAULT false,  -- its vectors have an HNSW index
    removed_keys bytea NOT NULL DEFAULT '',      -- int32[n], little-endian, ascending: the tombstones of
                                                 -- chunks in the segments before this one
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX segments_by_project ON segments (org_id, project_id);

-- Documents that a segment takes out of the segments before it: replaced by it, or deleted.
CREATE TABLE removed_documents (
    org_id text NOT NULL,
    project_id text NOT NULL,
    segment_no bigint NOT NULL REFERENCES segments ON DELETE CASCADE,
    doc_id text NOT NULL,
    PRIMARY KEY (segment_no, doc_id)
);

-- Oldest first. Empty stands for the version's own number alone: so builds that an older program makes
-- while both versions of the program serve are read correctly.
ALTER TABLE project_versions
    ADD COLUMN segments bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN base_version_id text;  -- the version that a merge began from

-- The config that a job builds under, and whether it is a merge: merges into one index take turns.
ALTER TABLE jobs ADD COLUMN config_id text, ADD COLUMN merge boolean NOT NULL DEFAULT false;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['segments', 'removed_documents'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO coco_app USING '
            '(org_id = (SELECT NULLIF(current_setting(''coco.org_id'', true), '''')))', name);
        EXECUTE format('CREATE POLICY everything ON %I TO coco_system USING (true)', name);
        EXECUTE format(
            'GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO coco_app, coco_system', name);
    END LOOP;
END $$;

-- The owner of the tables sees no rows.
SET LOCAL ROLE coco_system;
INSERT INTO segments (segment_no, org_id, project_id, config_id, end_key, document_count,
    chunk_count, embedded_count, storage_bytes, length_sums, approximate, created_at)
SELECT version_no, org_id, project_id, config_id, chunk_count, document_count, chunk_count,
    embedded_count, storage_bytes, length_sums, approximate, created_at
FROM project_versions WHERE NOT coalesce(failure ? 'removed', false);
RESET ROLE;

-- Segments that compaction writes have numbers of their own, from the same sequence.
GRANT USAGE ON SEQUENCE project_versions_version_no_seq TO coco_app, coco_system;

-- Drop a segment that no version is made of. Runs as its caller, who alone sees the rows of its org; an
-- older program, which knows of no sharing, takes the refusal for a reader and comes again later.
ALTER FUNCTION coco_drop_version(bigint, text) RENAME TO coco_drop_tables;
CREATE FUNCTION coco_drop_version(number bigint, org text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.project_versions WHERE org_id = org AND number = ANY(segments)
            AND version_no <> number AND NOT coalesce(failure ? 'removed', false)
    ) THEN
        RAISE lock_not_available USING MESSAGE = 'the segment is part of another version';
    END IF;
    DELETE FROM public.segments WHERE org_id = org AND segment_no = number;
    PERFORM public.coco_drop_tables(number, org);
END $$;
REVOKE ALL ON FUNCTION coco_drop_version(bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION coco_drop_version(bigint, text) TO coco_app, coco_system;
