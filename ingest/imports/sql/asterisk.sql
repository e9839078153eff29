-- A row's texts as a leg. {columns} and {disposition} are filled in by ingest.imports.asterisk. The clock's hour may come
-- twice (a zone that goes back): the row belongs to the one that its unique id says. Where stamps and durations disagree
-- (the clock was set while the call ran) the durations are right.
WITH named AS (
    SELECT line, {columns}, try_cast(start_ AS TIMESTAMP) AS start_at, try_cast(answer_ AS TIMESTAMP) AS answer_at,
           try_cast(end_ AS TIMESTAMP) AS end_at,
           try_cast(coalesce(duration_, '0') AS DOUBLE) AS took_s,
           try_cast(coalesce(billsec_, '0') AS DOUBLE) AS talk_s,
           epoch(timezone($zone, try_cast(start_ AS TIMESTAMP))) AS start_s,
           try_cast(regexp_extract(unique_id_, '([0-9]{9,10})\.[0-9]+$', 1) AS BIGINT) AS made_s
    FROM block
), dated AS (
    SELECT *, CASE WHEN start_s - 3600 >= made_s - 2 AND start_s - 3600 - made_s < 60
                        AND timezone($zone, to_timestamp(start_s - 3600)) = date_trunc('second', start_at)
                   THEN timezone($zone, start_at) - INTERVAL 1 HOUR
                   WHEN made_s - start_s BETWEEN 3540 AND 3602
                        AND timezone($zone, to_timestamp(start_s + 3600)) = date_trunc('second', start_at)
                   THEN timezone($zone, start_at) + INTERVAL 1 HOUR
                   ELSE timezone($zone, start_at) END AS started,
           end_at IS NOT NULL AND abs(epoch(end_at - start_at) - took_s) <= 2 AS clocked
    FROM named
)
SELECT line, unique_id_ AS unique_id, linked_id_ AS linked_id, try_cast(sequence_ AS BIGINT) AS sequence,
       account_ AS account, src_ AS src,
       coalesce(name_, nullif(regexp_extract(clid_, '(?s)^"(.*)" *<[^<>]*>$', 1), ''),
                nullif(trim(regexp_extract(clid_, '(?s)^([^"<][^<]*)<[^<>]*>$', 1)), '')) AS src_name,
       dst_ AS dst, did_ AS did, context_ AS context, coalesce(channel_, '') AS channel,
       coalesce(peer_channel_, '') AS peer_channel, last_app_ AS last_app, last_data_ AS last_data,
       started AS started_at,
       CASE WHEN disposition_ = 'ANSWERED' THEN
           CASE WHEN answer_at IS NOT NULL AND clocked THEN started + (answer_at - start_at)
                ELSE started + to_seconds(greatest(0, took_s - talk_s)) END END AS answered_at,
       CASE WHEN clocked THEN started + (end_at - start_at) ELSE started + to_seconds(took_s) END AS ended_at,
       took_s AS duration_s, talk_s AS bill_s, {disposition} AS disposition, disposition_ AS cause,
       nullif(recording_, '') AS recording, user_field_ AS user_field,
       CASE WHEN start_at IS NULL THEN 'the start is no time: ' || coalesce(start_, 'empty')
            WHEN start_at < TIMESTAMP '1995-01-01' OR start_at > TIMESTAMP '2100-01-01'
                THEN 'the clock was not set: ' || start_
            WHEN took_s IS NULL OR talk_s IS NULL OR took_s < 0 OR talk_s < 0 OR took_s > 31622400
                THEN 'the duration is no number of seconds'
            WHEN {disposition} IS NULL THEN 'unknown disposition: ' || coalesce(disposition_, 'empty')
            WHEN $unique AND coalesce(unique_id_, '') = '' THEN 'no unique id'
       END AS bad
FROM dated
