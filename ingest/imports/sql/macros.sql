-- What the names of channels and numbers say. A channel is TECH/name-hex: SIP/101-0000001a, PJSIP/my-trunk-0000012a,
-- Local/101@from-queue-00000012;1, sofia/internal/1001@office.test.
CREATE OR REPLACE TEMP MACRO peer_of(channel) AS
    regexp_extract(channel, '^[^/]+/(?:.*/)?([^/@;]+?)(?:-[0-9a-f]{3,10})?(?:[@;].*)?$', 1);

-- Short numbers are ours.
CREATE OR REPLACE TEMP MACRO is_own(number) AS coalesce(regexp_full_match(number, '[0-9]{2,6}'), false);

-- A number without the marks with which people part its digits; anything else as it came.
CREATE OR REPLACE TEMP MACRO tidy(number) AS CASE
    WHEN regexp_full_match(number, '[+0-9]*') THEN number
    WHEN regexp_full_match(trim(number), '[+(]*[0-9][0-9 ()./-]*') THEN regexp_replace(number, '[ ()./-]', '', 'g')
    ELSE trim(number) END;

-- UUIDv7 layout, as pbx_core.clock.uuid7_hex, with a hash in place of what is random there.
CREATE OR REPLACE TEMP MACRO sortable_id(unix_ms, hash) AS
    format('{:012x}', unix_ms) || '7' || substr(hash, 1, 3) || substr('89ab', 1 + ascii(substr(hash, 4, 1)) % 4, 1)
    || substr(hash, 5, 15);

-- Applications that talk to the caller in a person's place.
CREATE OR REPLACE TEMP MACRO joins_people(app) AS coalesce(
    lower(app) IN ('confbridge', 'meetme', 'conference', 'page', 'bridge', 'bridgewait', 'parkedcall', 'pickup',
                   'voicemailmain', 'chanspy', 'intercom'), false);
