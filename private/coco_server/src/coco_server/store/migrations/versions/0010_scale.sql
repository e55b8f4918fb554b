SELECT 1; -- Many projects in one database.
