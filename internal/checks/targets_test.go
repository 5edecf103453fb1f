package checks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	target   = regexp.MustCompile(`(?m)^([a-z][\w-]*):(?:[^=]|$)`)
	makeCall = regexp.MustCompile(`\bmake ([a-z][\w-]*)`)
)

// unknownTargets returns the make targets that a Markdown file names in its code and the Makefile does not have.
func unknownTargets(file, text, makefile string) []string {
	var known []string
	for _, match := range target.FindAllStringSubmatch(makefile, -1) {
		known = append(known, match[1])
	}
	fences := fence.FindAllString(text, -1)
	spans := codeSpan.FindAllString(fence.ReplaceAllString(text, ""), -1)
	spans = slices.DeleteFunc(spans, func(span string) bool { return strings.Contains(span, "…") }) // a text with a gap is no command
	var problems []string
	for _, match := range makeCall.FindAllStringSubmatch(strings.Join(slices.Concat(fences, spans), "\n"), -1) {
		if !slices.Contains(known, match[1]) {
			problems = append(problems, fmt.Sprintf("%s: `make %s`, which the Makefile does not have", file, match[1]))
		}
	}
	return problems
}

func TestEveryMakeTargetInTheDocsExists(t *testing.T) {
	makefile := read(t, "Makefile")
	read(t, "README.md")
	for _, file := range files(t, "*.md") {
		report(t, unknownTargets(file, read(t, file), makefile))
	}
}

func TestUnknownMakeTargetsAreFound(t *testing.T) {
	const makefile = "VERSION := 1\nFLAGS:=x\nbuild: ## build\n\tgo build\ntest: build\n"
	text := "`make build`, make sure of it\n\n```console\n$ make test\n$ make bench\n```\n`make ledger private: …` and `make VERSION`, `make FLAGS`, `make flags`\n"
	expect(t, unknownTargets("README.md", text, makefile),
		"README.md: `make bench`, which the Makefile does not have",
		"README.md: `make flags`, which the Makefile does not have")
}
