-- FreeSWITCH's ids name legs: what stands in Master.csv and again in the file of an account code, perhaps by a template
-- that says less, is one row; the one that says most is kept.
DELETE FROM told WHERE $system = 'freeswitch' AND kind IS NULL AND unique_id <> '' AND rowid NOT IN (
    SELECT arg_max(rowid, (linked_id <> unique_id)::INTEGER * 8 + (queue <> '')::INTEGER * 4 + (mos IS NOT NULL)::INTEGER * 4
                          + (codec IS NOT NULL)::INTEGER * 2 + (peer_unique_id <> '')::INTEGER)
    FROM told WHERE kind IS NULL AND unique_id <> '' GROUP BY unique_id, rank
);

-- Where the far leg has a row of its own, that row says who was rung.
UPDATE told SET callee = NULL
FROM (SELECT DISTINCT story, unique_id FROM told WHERE $system = 'freeswitch' AND kind IS NULL AND unique_id <> story) AS far
WHERE told.kind IS NULL AND told.unique_id = told.story AND told.story = far.story AND told.peer_unique_id = far.unique_id;

-- The leg that called is the story's first, also where another one began in the same second.
UPDATE told SET ord = ord - 1 WHERE $system = 'freeswitch' AND unique_id = story
