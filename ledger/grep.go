package ledger

import "slices"

// grepSQL holds of a job that a text occurs in, byte for byte: in its method, key and labels, in its payloads as they are stored, and in what its
// runs left. It reads all that the job has, so it comes after whatever else is asked of a job.
const grepSQL = `(instr(method, ?) OR instr(idempotency_key, ?) OR instr(labels, ?)
	OR instr(` + errorValue + `, ?) OR instr(` + paramsValue + `, ?) OR instr(` + resultValue + `, ?) OR instr(` + progressValue + `, ?)
	OR EXISTS (SELECT 1 FROM attempt WHERE job_id = job.id AND (instr(error, ?) OR instr(stderr_tail, ?))))`

// grepArgs are the values of grepSQL.
func grepArgs(text string) []any { return slices.Repeat([]any{text}, 9) }
