-- Creating and dropping the extension, and what it consists of
CREATE EXTENSION pg_trace_bgw;

SELECT pg_describe_object(classid, objid, 0) AS member
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND
    refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_trace_bgw')
    AND classid <> 'pg_type'::regclass
ORDER BY pg_describe_object(classid, objid, 0) COLLATE "C";

\d pg_trace_status
\d pg_trace_worker
\d pg_trace_files

SELECT proname, pg_get_function_arguments(oid) AS arguments,
    pg_get_function_result(oid) AS result, provolatile, proisstrict,
    proparallel
FROM pg_proc
WHERE proname IN ('pg_trace_session', 'pg_trace_start_trace',
    'pg_trace_stop_trace', 'pg_trace_remove')
ORDER BY proname COLLATE "C";

SELECT count(*) AS rows FROM pg_trace_status;
SELECT count(*) AS rows FROM pg_trace_worker;
SELECT count(*) AS rows FROM pg_trace_files;

DROP EXTENSION pg_trace_bgw;
SELECT count(*) FROM pg_proc WHERE proname LIKE 'pg\_trace\_%';
SELECT count(*) FROM pg_class WHERE relname LIKE 'pg\_trace\_%';

-- The library goes on without it, and the settings stay.
SHOW pg_trace.enabled;

-- Only with shared_preload_libraries does LOAD do nothing.
LOAD 'pg_trace_bgw';

CREATE SCHEMA tracing;
CREATE EXTENSION pg_trace_bgw SCHEMA tracing;
SELECT count(*) FROM tracing.pg_trace_worker;
DROP SCHEMA tracing CASCADE;
