package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a file. The parser's time grows with the square of a map's keys and of the depth, so that these are what keeps
// a file from holding up a supervisor that reads it again.
const (
	mostBytes  = 1 << 20
	mostTokens = 30_000 // settings of about 300 pools
	mostDepth  = 100
	mostSteps  = 100_000 // values, each counted as often as aliases lead to it
)

// node is one value of a file, with its place. Several aliases of one anchor share a node, so that a tree never has more
// nodes than the file has.
type node struct {
	Place
	kind  kind
	text  string  // of a scalar
	keys  []entry // of a mapping
	items []*node // of a list
}

// values counts the values that a node leads to, each as often as aliases do, and stops when there are more than most.
func (n *node) values(most int) int {
	if n == nil {
		return 0
	}
	count := 1
	for _, e := range n.keys {
		if count <= most {
			count += e.value.values(most - count)
		}
	}
	for _, item := range n.items {
		if count <= most {
			count += item.values(most - count)
		}
	}
	return count
}

type kind string

const (
	scalar  kind = "a single value"
	list    kind = "a list"
	mapping kind = "a mapping"
	nothing kind = "nothing"
)

// entry is one key of a mapping with its value.
type entry struct {
	Place
	name  string
	value *node
}

// tree turns YAML into nodes.
type tree struct {
	problems *problems
	anchors  map[string]*node
	steps    int
}

// parse gives the file's only document; nil: there is none, or it is no YAML.
func parse(content string, problems *problems) (root *node) {
	defer func() {
		if r := recover(); r != nil { // a fault of the parser must not end a supervisor that reads its file again
			problems.add(Place{}, "the file cannot be read as YAML: %v", r)
			root = nil
		}
	}()
	tokens := lexer.Tokenize(content)
	if at, text := tooMuch(tokens); text != "" {
		problems.add(at, "%s", text)
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			at, hint := placeOf(syntax.GetToken()), ""
			if lines := strings.Split(content, "\n"); at.Line > 0 && at.Line <= len(lines) && strings.Contains(lines[at.Line-1], "${") {
				hint = "; within [ ] and { } a ${…} needs quotes"
			}
			problems.add(at, "not YAML: %s%s", syntax.GetMessage(), hint)
		} else {
			problems.add(Place{}, "not YAML: %v", err)
		}
		return nil
	}
	t := &tree{problems: problems, anchors: map[string]*node{}}
	for _, doc := range file.Docs {
		if _, ok := doc.Body.(*ast.DirectiveNode); ok || doc.Body == nil {
			continue
		}
		if root != nil {
			problems.add(placeOf(doc.Body.GetToken()), "a second document: the file may have only one")
			return nil
		}
		root = t.node(doc.Body)
	}
	return root
}

// tooMuch says what makes a file more than the parser can be trusted with; "" if nothing does.
func tooMuch(tokens token.Tokens) (Place, string) {
	depth, dashes := 0, 0
	for i, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		}
		if dashes++; t.Type != token.SequenceEntryType {
			dashes = 0
		}
		if max(depth, dashes) > mostDepth {
			return placeOf(t), fmt.Sprintf("nested more than %d deep", mostDepth)
		}
		if i >= mostTokens {
			return placeOf(t), fmt.Sprintf("the file goes on after %d keys, values and marks, which are the most that it may have", mostTokens)
		}
	}
	return Place{}, ""
}

func (t *tree) node(n ast.Node) *node {
	switch n := n.(type) {
	case *ast.AnchorNode:
		value := t.node(n.Value)
		t.anchors[n.Name.GetToken().Value] = value // now, so that an anchor cannot hold itself
		return value
	case *ast.AliasNode:
		name := n.Value.GetToken()
		value := t.anchors[name.Value]
		if value == nil {
			at := placeOf(n.GetToken())
			at.Width = 1 + utf8.RuneCountInString(name.Value)
			t.problems.add(at, "alias *%s: no anchor &%s stands before it", name.Value, name.Value)
			return nil
		}
		return value
	case *ast.TagNode:
		t.problems.add(placeOf(n.GetToken()), "tags such as %s mean nothing here", strings.TrimSpace(n.GetToken().Value))
		return nil
	case *ast.MappingNode:
		return t.mapping(n.GetToken(), n.Values)
	case *ast.MappingValueNode:
		return t.mapping(n.GetToken(), []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		l := &node{Place: placeOf(n.GetToken()), kind: list}
		for _, item := range n.Values {
			l.items = append(l.items, t.node(item))
		}
		return l
	case *ast.NullNode:
		return &node{Place: placeOf(n.GetToken()), kind: nothing}
	case *ast.LiteralNode:
		return &node{Place: placeOf(n.GetToken()), kind: scalar, text: n.Value.Value}
	case *ast.StringNode:
		return &node{Place: placeOf(n.GetToken()), kind: scalar, text: n.Value}
	case ast.ScalarNode:
		return &node{Place: placeOf(n.GetToken()), kind: scalar, text: n.GetToken().Value}
	}
	t.problems.add(placeOf(n.GetToken()), "not a value, a list or a mapping")
	return nil
}

func (t *tree) mapping(start *token.Token, values []*ast.MappingValueNode) *node {
	m := &node{Place: placeOf(start), kind: mapping}
	own := map[string]Place{}
	var merged []*node
	for i, v := range values {
		value := t.node(v.Value)
		var key ast.Node = v.Key
		if k, ok := key.(*ast.MappingKeyNode); ok {
			key = k.Value
		}
		at := placeOf(key.GetToken())
		if i == 0 && m.Line == at.Line && start.Type == token.MappingValueType {
			m.Place = at // a mapping's own mark is the colon after its first key
		}
		if _, ok := key.(*ast.MergeKeyNode); ok {
			merged = append(merged, t.merged(at, value)...)
			continue
		}
		name, ok := keyName(key)
		if !ok {
			t.problems.add(at, "a key must be a plain word")
			continue
		}
		if first, ok := own[name]; ok {
			t.problems.add(at, "key %q is there twice: the first is in line %d", name, first.Line)
			continue
		}
		own[name] = at
		m.keys = append(m.keys, entry{at, name, value})
	}
	for _, from := range merged {
		for _, e := range from.keys {
			if t.steps++; t.steps > mostSteps {
				t.problems.add(m.Place, "aliases lead to more than %d values", mostSteps)
				return m
			}
			if _, ok := own[e.name]; !ok {
				own[e.name] = e.Place
				m.keys = append(m.keys, e)
			}
		}
	}
	return m
}

// merged are the mappings that a key << brings in, the strongest first.
func (t *tree) merged(at Place, value *node) []*node {
	if value == nil {
		return nil // said already
	}
	sources := []*node{value}
	if value.kind == list {
		sources = value.items
	}
	var mappings []*node
	for _, s := range sources {
		switch {
		case s == nil:
		case s.kind != mapping:
			t.problems.add(at, "<< takes an alias of a mapping, as in <<: *base, or a list of them")
		default:
			mappings = append(mappings, s)
		}
	}
	return mappings
}

func keyName(key ast.Node) (string, bool) {
	switch k := key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return key.GetToken().Value, true
	}
	return "", false
}

func placeOf(t *token.Token) Place {
	if t == nil || t.Position == nil {
		return Place{}
	}
	origin, _, _ := strings.Cut(strings.TrimSpace(t.Origin), "\n")
	return Place{max(t.Position.Line, 1), max(t.Position.Column, 1), utf8.RuneCountInString(origin)}
}
