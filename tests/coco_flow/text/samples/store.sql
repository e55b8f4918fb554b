CREATE TABLE hive (
    id integer PRIMARY KEY,
    place text NOT NULL,
    since date DEFAULT CURRENT_DATE
);

INSERT INTO hive (id, place) VALUES (1, 'garden'), (2, 'orchard');

SELECT h.place, count(*) AS visits
FROM hive h JOIN visit v ON v.hive = h.id
WHERE v.day > '2024-01-01' AND h.place <> 'roof'
GROUP BY h.place
ORDER BY visits DESC;
