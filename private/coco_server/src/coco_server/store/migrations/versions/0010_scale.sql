-- Many projects in one database: what PostgreSQL keeps of each version in its catalog, and every
-- connection in its caches. Versions that exist already stay as they are.

-- coco_open_version as in 0001, but for statistics that no plan needs (of wide columns: 28 kB of samples
-- of the texts, which each connection would cache), and a TOAST table for vectors that stay in the row.
CREATE OR REPLACE FUNCTION coco_open_version(number bigint, org text, dimension integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    base text;
    vectors text := 'chunk_vectors_' || number;
    unplanned text;
BEGIN
    IF NOT public.coco_may_touch(org) THEN
        RAISE insufficient_privilege USING MESSAGE = 'the version belongs to another org';
    END IF;
    FOREACH base IN ARRAY ARRAY['source_chunks', 'postings', 'chunk_names', 'term_batches'] LOOP
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)',
            base || '_' || number, base);
    END LOOP;
    -- Vectors stay in the row where a page can hold one: an exact scan is four times as fast.
    EXECUTE format('CREATE TABLE public.%I (chunk_key integer NOT NULL PRIMARY KEY, '
        'embedding public.vector(%s) STORAGE %s NOT NULL)',
        vectors, dimension, CASE WHEN dimension <= 1900 THEN 'PLAIN' ELSE 'EXTERNAL' END);
    FOREACH base IN ARRAY ARRAY[
        'source_chunks', 'chunk_vectors', 'postings', 'chunk_names', 'term_batches'
    ] LOOP
        EXECUTE format('REVOKE ALL ON public.%I FROM CURRENT_USER', base || '_' || number);
        EXECUTE format('GRANT INSERT ON public.%I TO coco_load', base || '_' || number);
    END LOOP;
    EXECUTE format('GRANT SELECT ON public.%I TO coco_load', 'term_batches_' || number);
    EXECUTE format('ALTER TABLE public.%I ALTER embedding SET STATISTICS 0', vectors);
    SELECT string_agg(format('ALTER %I SET STATISTICS 0', attname), ', ') INTO unplanned
    FROM pg_attribute WHERE attrelid = 'public.source_chunks'::regclass AND attname = ANY(ARRAY[
        'org_id', 'project_id', 'version_no', 'config_id', 'chunk_id', 'signature', 'heading_trail',
        'fragment', 'start_line', 'end_line', 'token_count', 'content', 'content_hash', 'meta'
    ]);
    EXECUTE format('ALTER TABLE public.%I %s', 'source_chunks_' || number, unplanned);
    -- Packed numbers hardly shrink, and inflating them costs more than reading them.
    EXECUTE format('ALTER TABLE public.%I ALTER keys SET STORAGE EXTERNAL, '
        'ALTER weights SET STORAGE EXTERNAL, ALTER keys SET STATISTICS 0, '
        'ALTER weights SET STATISTICS 0', 'postings_' || number);
    EXECUTE format('ALTER TABLE public.%I ALTER counts SET STORAGE EXTERNAL, '
        'ALTER ids SET STORAGE EXTERNAL, ALTER frequencies SET STORAGE EXTERNAL, '
        'ALTER lengths SET STORAGE EXTERNAL', 'term_batches_' || number);
END $$;
