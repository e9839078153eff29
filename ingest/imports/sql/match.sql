-- Which sound belongs to which call: by the path or the name that the log gives, else by a unique id in the file's name (a dash in a
-- number breaks every other reading of it). Relations: sound(place, name, bytes), all_wanted.
CREATE OR REPLACE TEMP TABLE marked AS
    SELECT place, name, bytes, lower(regexp_extract(name, '[^/]+$')) AS base,
           lower(regexp_extract(name, '([^/]+?)(?:\.[^./]+)?$', 1)) AS stem,
           regexp_extract_all(name, '[0-9]{9,10}\.[0-9]+')
           || regexp_extract_all(lower(name), '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}') AS ids
    FROM sound;

CREATE OR REPLACE TEMP TABLE promised AS
    SELECT *, lower(regexp_extract(recording, '[^/\\]+$')) AS base,
           lower(regexp_extract(recording, '([^/\\]+?)(?:\.[A-Za-z][A-Za-z0-9]{1,4})?$', 1)) AS stem
    FROM all_wanted;

CREATE OR REPLACE TEMP TABLE matched AS
    WITH by_name AS (
        SELECT m.place, p.call_id, p.talked, p.started_at, -1 AS way FROM marked AS m JOIN promised AS p
            ON p.recording = m.name
        UNION ALL
        SELECT m.place, p.call_id, p.talked, p.started_at, 0 FROM marked AS m JOIN promised AS p USING (base)
        WHERE p.base <> ''
        UNION ALL
        SELECT m.place, p.call_id, p.talked, p.started_at, 1 FROM marked AS m JOIN promised AS p USING (stem)
        WHERE p.stem <> ''
    ), marks AS (
        SELECT DISTINCT place, unnest(ids) AS id FROM marked
    ), by_id AS (
        SELECT s.place, p.call_id, p.talked, p.started_at, 2 AS way
        FROM marks AS s JOIN promised AS p ON p.unique_id = s.id
        UNION ALL
        SELECT s.place, p.call_id, p.talked, p.started_at, 3 FROM marks AS s JOIN promised AS p ON p.peer_unique_id = s.id
        UNION ALL
        SELECT s.place, p.call_id, p.talked, p.started_at, 4 FROM marks AS s JOIN promised AS p ON p.story = s.id
    ), one AS (
        SELECT * FROM (FROM by_name UNION ALL FROM by_id)
        QUALIFY row_number() OVER (PARTITION BY place ORDER BY way, talked DESC, started_at, call_id) = 1
    )
    SELECT m.place, m.name, m.bytes, one.call_id, c.direction, c.caller_number,
           coalesce(nullif(c.answered_by, ''), c.callee_number) AS callee_number, c.system,
           coalesce(c.answered_at, c.started_at) AS started_at, c.voicemail AND c.disposition <> 'answered' AS voicemail
    FROM one JOIN marked AS m USING (place) JOIN all_call AS c USING (call_id)
    ORDER BY one.call_id, m.name
