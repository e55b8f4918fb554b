SELECT 1; -- Operating: dead letters, usage by month, erasure.
