package ledger

import (
	"bytes"
	"encoding/json"
)

// maxNesting is how many levels the payload of an imported job may nest, as none nests deeper that came in a message: whoever reads it from an
// answer need not be ready for more.
const maxNesting = 512

const tooDeep = "nested deeper than %d levels, as no payload of a message is"

// nestsDeeper says whether a payload is JSON, as far as it goes, that nests deeper than so many levels.
func nestsDeeper(payload []byte, most int) bool {
	if bytes.Count(payload, []byte("["))+bytes.Count(payload, []byte("{")) <= most {
		return false // as hardly any does
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	for level := 0; ; {
		token, err := d.Token()
		if err != nil {
			return false
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			if level++; level > most {
				return true
			}
		case json.Delim(']'), json.Delim('}'):
			level--
		}
	}
}
