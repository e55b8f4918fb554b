SELECT 1; -- Limits of a tenant's requests.
