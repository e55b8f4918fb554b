-- coco_seal_version as in 0001, but for a deadlock with ANALYZE: the database ended one of the two, and
-- the import was tried again.
CREATE OR REPLACE FUNCTION coco_seal_version(
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
        -- First the lock that keeps ANALYZE away, autovacuum's too: it holds that lock while it waits
        -- for the table's row in the catalog, which GRANT changes.
        EXECUTE format('ALTER TABLE public.%I SET (autovacuum_enabled = false)',
            base || '_' || number);
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
        EXECUTE format('ALTER TABLE public.%I RESET (autovacuum_enabled)', name);
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
