-- Which rows tell of one call: those with one linked id; without one, of one unique id; without any, those of one
-- channel that follow each other within two seconds.
CREATE OR REPLACE TEMP TABLE link AS
    SELECT unique_id, min(linked_id) AS linked_id FROM raw_leg
    WHERE linked_id <> '' AND unique_id <> '' AND EXISTS (FROM raw_leg WHERE kind = 'queue')
    GROUP BY unique_id;

CREATE OR REPLACE TEMP TABLE nameless AS
    WITH lonely AS (
        SELECT DISTINCT channel, src, dst, started_at, ended_at FROM raw_leg
        WHERE coalesce(linked_id, '') = '' AND coalesce(unique_id, '') = '' AND kind IS NULL
    ), gaps AS (
        SELECT *, channel IS NULL OR channel = '' OR coalesce(
            started_at > max(ended_at) OVER before + INTERVAL 2 SECOND, true) AS begins
        FROM lonely
        WINDOW before AS (PARTITION BY channel ORDER BY started_at, dst ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), numbered AS (
        SELECT *, sum(begins::INTEGER) OVER (PARTITION BY channel ORDER BY started_at, dst) AS island FROM gaps
    )
    SELECT channel, src, dst, started_at, ended_at,
           'row:' || md5(concat_ws('|', channel, first_value(src) OVER story, first_value(started_at) OVER story)) AS story
    FROM numbered
    WINDOW story AS (PARTITION BY channel, island ORDER BY started_at, dst);
