package config

import (
	_ "embed"
	"fmt"
	"strings"
)

// template is what people have written of the page. Its name does not end in .md, for its links are meant from docs.
//
//go:embed configuration.md.tmpl
var template string

// Page is docs/configuration.md: the file explained, and the tables of its settings.
func Page() string {
	return strings.NewReplacer("{{supervisor}}", table(SupervisorSettings), "{{pool}}", table(PoolSettings)).Replace(template)
}

// table is a table of settings in Markdown.
func table[T any](settings []Setting[T]) string {
	var b strings.Builder
	b.WriteString("| key | value | default | |\n|---|---|---|---|")
	for _, s := range settings {
		v := s.Value(withDefaults(settings))
		usage, otherwise := s.inFile(v)
		if value := defaultOf(v); value != nil {
			otherwise = fmt.Sprintf("`%v`", value)
		}
		row := fmt.Sprintf("\n| `%s` | %s | %s | %s |", s.Name, describe(v).brief, otherwise, usage)
		b.WriteString(strings.ReplaceAll(row, " |  |", " | |"))
	}
	return b.String()
}
