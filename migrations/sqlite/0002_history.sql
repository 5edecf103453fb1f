-- +goose Up

-- What may be pruned, by state and the oldest end first. It holds jobs with a final outcome only, so that neither the claim nor
-- a submission pays for it; an end appends to one of four places.
CREATE INDEX job_ended ON job (state, finished_at) WHERE finished_at IS NOT NULL;
