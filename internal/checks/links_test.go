package checks

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fence      = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```[ \t]*$")
	codeSpan   = regexp.MustCompile("`[^`\n]+`")
	inlineLink = regexp.MustCompile(`\]\(<?([^)\s>]+)`)
	linkTarget = regexp.MustCompile(`(?m)^\[[^\]]+\]:\s+<?([^\s>]+)`)
	htmlTarget = regexp.MustCompile(`\b(?:src|href)="([^"]+)"`)
	scheme     = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*:`)
)

// brokenLinks returns the links of a Markdown file that name a local file for which exists says no. Links to elsewhere
// on the network are not followed, and what stands in code is no link.
func brokenLinks(file, text string, exists func(path string) bool) []string {
	text = codeSpan.ReplaceAllString(fence.ReplaceAllString(text, ""), "")
	var problems []string
	for _, pattern := range []*regexp.Regexp{inlineLink, linkTarget, htmlTarget} {
		for _, match := range pattern.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(match[1], "#")
			if target == "" || scheme.MatchString(target) || strings.HasPrefix(target, "//") {
				continue
			}
			name, err := url.PathUnescape(target)
			if err != nil || !exists(path.Join(path.Dir(file), name)) {
				problems = append(problems, fmt.Sprintf("%s: link to %s, which does not exist", file, target))
			}
		}
	}
	return problems
}

func TestEveryLocalLinkLeadsToAFile(t *testing.T) {
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(root, name))
		return err == nil && filepath.IsLocal(name)
	}
	for _, file := range files(t, "*.md") {
		report(t, brokenLinks(file, read(t, file), exists))
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	const text = `
[there](a.md#part) [up](../README.md "title") [web](https://example.org/x.md) [here](#below) ![](missing.png)
` + "`[span](no.md)`" + ` [spaced](with%20space.md) [gone](gone.md#part) <img src="gone.svg">
[ref]: gone-too.md

` + "```" + `
[fenced](no.md)
` + "```" + `
`
	there := map[string]bool{"docs/a.md": true, "README.md": true, "docs/with space.md": true}
	expect(t, brokenLinks("docs/index.md", text, func(name string) bool { return there[name] }),
		"docs/index.md: link to missing.png, which does not exist",
		"docs/index.md: link to gone.md, which does not exist",
		"docs/index.md: link to gone-too.md, which does not exist",
		"docs/index.md: link to gone.svg, which does not exist")
}
