SELECT 1; -- Who may see what: documents, keys, the audit log.
