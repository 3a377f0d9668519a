-- Contexts, defaults and ranges of the settings, and what they refuse
SELECT name, left(boot_val, 15) AS default, coalesce(unit, '') AS unit, context,
    vartype AS type, coalesce(min_val || '..' || max_val, '') AS range,
    coalesce(array_to_string(enumvals, ' '), '') AS values
FROM pg_settings
WHERE name LIKE 'pg\_trace.%'
ORDER BY name COLLATE "C";

-- All have a description; only where the files are is not for everybody.
SELECT name FROM pg_settings
WHERE name LIKE 'pg\_trace.%' AND coalesce(short_desc, '') = '';
CREATE ROLE regress_trace_reader;
SET ROLE regress_trace_reader;
SELECT count(*) FROM pg_settings WHERE name = 'pg_trace.output_directory';
SHOW pg_trace.enabled;
RESET ROLE;

-- The prefix is reserved.
SET pg_trace.no_such_setting = 1;

-- Settings of a session
SET pg_trace.plan_stat = 'sometimes';
SET pg_trace.plan_stat = 'ALL_EXECUTIONS';
SHOW pg_trace.plan_stat;
SET pg_trace.node_timing = 'often';
SET pg_trace.on_overflow = 'explode';
SET pg_trace.waits = 'perhaps';
SET pg_trace.max_bind_length = -1;
SET pg_trace.max_bind_length = '1GB';
SET pg_trace.max_bind_length = '16kB';
SHOW pg_trace.max_bind_length;
SET pg_trace.tracefile_identifier = 'nightly_batch-7';
SHOW pg_trace.tracefile_identifier;
SET pg_trace.tracefile_identifier = '../x';
SET pg_trace.tracefile_identifier = 'a b';
SET pg_trace.tracefile_identifier = 'a23456789b23456789c23456789d23456789e23456789f23456789g23456789h234';
SET pg_trace.tracefile_identifier = '';
SET pg_trace.redact_names = 'pin, shoe_size';
SET pg_trace.redact_names = 'Pin', tan;
SHOW pg_trace.redact_names;
SET pg_trace.redact_names = 'a b';
SET pg_trace.redact_names = 'a,';
SET pg_trace.redact_names = 'a-b';
SET pg_trace.redact_names = 'a23456789b23456789c23456789d23456789e23456789f23456789g23456789h234';
DO $$ BEGIN PERFORM set_config('pg_trace.redact_names', string_agg('n' || i, ','), false) FROM generate_series(1, 65) i; END $$;
SET pg_trace.redact_names = '';
SHOW pg_trace.redact_names;
RESET ALL;

-- Settings of the server
SET pg_trace.enabled = on;
SET pg_trace.wait_probe = 'off';
SET pg_trace.output_directory = '/tmp';
SET pg_trace.max_file_size = '1MB';
SET pg_trace.max_sessions = 1;
SET pg_trace.superuser_reserved_sessions = 1;
SET pg_trace.max_files_per_role = 1;
SET pg_trace.max_total_size = '1MB';
SET pg_trace.retention = '1d';
SET pg_trace.min_free_space = '1MB';
SET pg_trace.compression = 'zstd';
SET pg_trace.queue_size = '1MB';
SET pg_trace.ring_buffer_size = '1MB';

ALTER SYSTEM SET pg_trace.wait_probe = 'guess';
ALTER SYSTEM SET pg_trace.output_directory = '';
ALTER SYSTEM SET pg_trace.output_directory = '.';
ALTER SYSTEM SET pg_trace.output_directory = 'base';
ALTER SYSTEM SET pg_trace.output_directory = 'pg_wal/traces';
ALTER SYSTEM SET pg_trace.max_files_per_role = -1;
ALTER SYSTEM SET pg_trace.max_file_size = -1;
ALTER SYSTEM SET pg_trace.max_total_size = -1;
ALTER SYSTEM SET pg_trace.retention = -1;
ALTER SYSTEM SET pg_trace.retention = '36000000min';
ALTER SYSTEM SET pg_trace.min_free_space = -1;
ALTER SYSTEM SET pg_trace.compression = 'gzip';
ALTER SYSTEM SET pg_trace.max_sessions = 0;
ALTER SYSTEM SET pg_trace.max_sessions = 4097;
ALTER SYSTEM SET pg_trace.queue_size = '32kB';
ALTER SYSTEM SET pg_trace.queue_size = '100kB';
ALTER SYSTEM SET pg_trace.queue_size = '2GB';
ALTER SYSTEM SET pg_trace.ring_buffer_size = '32kB';
ALTER SYSTEM SET pg_trace.ring_buffer_size = '100kB';
SELECT count(*) FROM pg_file_settings
WHERE name LIKE 'pg\_trace.%' AND name <> 'pg_trace.min_free_space' OR
    error IS NOT NULL;

-- What is traced is decided by superusers.
SET ROLE regress_trace_reader;
SET pg_trace.session = on;
SET pg_trace.waits = off;
SET pg_trace.binds = off;
SET pg_trace.cpu = off;
SET pg_trace.plan_stat = 'never';
SET pg_trace.node_timing = 'off';
SET pg_trace.node_waits = off;
SET pg_trace.max_bind_length = 0;
SET pg_trace.on_overflow = 'discard';
SET pg_trace.redact_names = '';
SET pg_trace.tracefile_identifier = 'mine';
SET pg_trace.client_id = 'me';
SET pg_trace.module = 'mine';
SET pg_trace.action = 'mine';
RESET ALL;
RESET ROLE;
DROP ROLE regress_trace_reader;
