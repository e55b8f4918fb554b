-- What an adopted experiment leaves behind: the name of its query strategy, and what queries take
-- from it when they do not say it themselves. The policies of projects guard these columns, too.
ALTER TABLE projects
    ADD COLUMN query_config_id text,
    ADD COLUMN retrieval_config jsonb,  -- only what was set; NULL when nothing was adopted
    ADD CHECK (query_config_id IS NULL OR retrieval_config IS NOT NULL);
