-- Whom a document is shown to: names such as user:ann and group:ops. NULL: everybody in the project; an empty
-- list: only keys with the scope read_all.
ALTER TABLE documents ADD COLUMN allow text[];

-- The same by name, for searching: the chunks of a segment that a user or a group is shown. The empty name has
-- all chunks that are not shown to everybody. A version without such chunks has no rows here.
CREATE TABLE allowed_chunks (
    org_id text NOT NULL,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    segment_no bigint NOT NULL,
    name text NOT NULL,
    first_key integer,    -- a bitmap of the keys from this one on; NULL: a list of keys
    keys bytea NOT NULL,  -- int32[n], little-endian, ascending; or bits, the lowest key in the highest bit
    PRIMARY KEY (segment_no, name)
);
-- Packed numbers hardly shrink, and inflating them costs more than reading them.
ALTER TABLE allowed_chunks ALTER keys SET STORAGE EXTERNAL;
CREATE INDEX allowed_chunks_by_project ON allowed_chunks (project_id);

-- Whether the version has rows there: most have none, and their queries need not look.
ALTER TABLE project_versions ADD COLUMN restricted boolean NOT NULL DEFAULT false;

-- Empty: the key opens all projects of its org.
ALTER TABLE api_keys ADD COLUMN projects text[] NOT NULL DEFAULT '{}';

-- Where the org's users sign in; NULL: as the service's settings say.
ALTER TABLE orgs ADD COLUMN sign_in jsonb;

-- Administrative actions and exports. Rows are added and read, and never changed; retention removes old ones.
-- There is no reference to orgs or projects: the rows stay when these go.
CREATE TABLE audit_log (
    event_id text PRIMARY KEY,
    org_id text,             -- NULL: of the whole service
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,     -- admin, a key's id, or cli:<account>
    action text NOT NULL,    -- such as key.create
    target text,             -- the id of what was changed
    project_id text,
    request_id text,
    source text,             -- the caller's address
    outcome text NOT NULL,   -- done, or the code of the error
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_by_org ON audit_log (org_id, at DESC, event_id DESC);
CREATE INDEX audit_log_by_time ON audit_log (at DESC, event_id DESC);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['allowed_chunks', 'audit_log'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    END LOOP;
END $$;

CREATE POLICY tenant ON allowed_chunks TO coco_app
    USING (org_id = (SELECT NULLIF(current_setting('coco.org_id', true), '')));
CREATE POLICY everything ON allowed_chunks TO coco_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON allowed_chunks TO coco_app, coco_system;

CREATE POLICY tenant ON audit_log FOR SELECT TO coco_app
    USING (org_id = (SELECT NULLIF(current_setting('coco.org_id', true), '')));
CREATE POLICY tenant_adds ON audit_log FOR INSERT TO coco_app
    WITH CHECK (org_id = (SELECT NULLIF(current_setting('coco.org_id', true), '')));
CREATE POLICY everything ON audit_log FOR SELECT TO coco_system USING (true);
CREATE POLICY system_adds ON audit_log FOR INSERT TO coco_system WITH CHECK (true);
-- Whatever a program asks for, nothing of the last thirty days goes.
CREATE POLICY retention ON audit_log FOR DELETE TO coco_system USING (at < now() - interval '30 days');
GRANT SELECT ON audit_log TO coco_app, coco_system;
-- The time is the database's own: it is not among the columns that a program writes.
GRANT INSERT (event_id, org_id, actor, action, target, project_id, request_id, source, outcome, details)
    ON audit_log TO coco_app, coco_system;
GRANT DELETE ON audit_log TO coco_system;
