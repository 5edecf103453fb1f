package ledger

// MaxPayload is the most bytes that params, a result, an error or progress may have. SQLite refuses what makes a row longer than 1,000,000,000,
// when the job's own row is written already.
const MaxPayload = 900 << 20

// inlineMost is how many bytes of a payload a job's row holds. Rows that are larger than a page make a listing read several pages for each
// row that it passes over; a second row for each small payload would make every job dearer.
const inlineMost = 1 << 10

// What a job's payloads are kept under, beside its row: 4 times its id, and one of these.
const (
	payloadProgress = iota
	payloadError
	payloadParams
	payloadResult
)

const keepPayloadSQL = `INSERT OR REPLACE INTO payload (id, data) VALUES (?, ?)`

// Payloads as they are read: an empty one in the row says that it is kept beside it.
const (
	progressValue = `CASE WHEN length(progress) = 0 THEN (SELECT data FROM payload WHERE payload.id = 4 * job.id) ELSE progress END`
	errorValue    = `CASE WHEN length(error) = 0 THEN (SELECT data FROM payload WHERE payload.id = 4 * job.id + 1) ELSE error END`
	paramsValue   = `CASE WHEN length(params) = 0 THEN (SELECT data FROM payload WHERE payload.id = 4 * job.id + 2) ELSE params END`
	resultValue   = `CASE WHEN length(result) = 0 THEN (SELECT data FROM payload WHERE payload.id = 4 * job.id + 3) ELSE result END`
)

// inline is a payload's value in the row.
func inline(payload []byte) []byte {
	if len(payload) > inlineMost {
		return []byte{}
	}
	return payload
}

// keepPayloads writes what inline has left out. What was there before and is not any more stays until the job is pruned, unread.
func (b *batch) keepPayloads(id int64, progress, error, params, result []byte) error {
	for kind, payload := range [...][]byte{
		payloadProgress: progress, payloadError: error, payloadParams: params, payloadResult: result,
	} {
		if len(payload) <= inlineMost {
			continue
		}
		if _, err := b.conn.exec(keepPayloadSQL, 4*id+int64(kind), payload); err != nil {
			return err
		}
	}
	return nil
}
