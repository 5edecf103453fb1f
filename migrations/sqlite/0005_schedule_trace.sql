-- +goose Up

-- W3C trace context of the call that put the schedule: the traces of its jobs link there.
ALTER TABLE schedule ADD COLUMN traceparent TEXT;
ALTER TABLE schedule ADD COLUMN tracestate TEXT;
