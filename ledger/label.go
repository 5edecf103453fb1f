package ledger

import "encoding/json"

// labelSQL says that a job has a label of a value; its arguments are labelArgs. Taking a row's JSON apart costs many times as much as reading the row, so
// that is done only where the text of the label is in it.
const labelSQL = `instr(labels, ?) > 0 AND EXISTS (SELECT 1 FROM json_each(job.labels) WHERE key = ? AND value = ?)`

func labelArgs(name, value string) []any {
	text, err := labelsValue(map[string]string{name: value})
	if err != nil {
		panic(err) // strings can be encoded
	}
	return []any{text[1 : len(text)-1], name, value} // without its braces
}

// labelsValue is what a job's column holds.
func labelsValue(labels map[string]string) (string, error) {
	text, err := json.Marshal(labels)
	return string(text), err
}
