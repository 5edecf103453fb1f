package result

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The marks around a table in a document.
const (
	tableBegins = "<!-- table: written by make bench BENCH=-docs -->\n"
	tableEnds   = "<!-- end of table -->\n"
)

// Publish puts a table between the marks of a document, in place of the one that is there, with a chart in a file beside the document.
func Publish(path, table string, chart []byte) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return fmt.Errorf("%s: there is no place for the table, which is between the lines %q and %q", path, strings.TrimSpace(tableBegins), strings.TrimSpace(tableEnds))
	}
	image := strings.TrimSuffix(path, filepath.Ext(path)) + ".svg"
	if err := os.WriteFile(image, chart, 0o644); err != nil {
		return err
	}
	shown := fmt.Sprintf("\n![How many times as fast as its peers whipper is](%s)\n\n%s\n\n", filepath.Base(image), strings.TrimSpace(table))
	return os.WriteFile(path, []byte(before+tableBegins+shown+tableEnds+after), 0o644)
}
