package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"

	"github.com/whipper-sidecar/whipper/supervisor"
)

// handshakeFile is the form of the file that --handshake-file names.
type handshakeFile struct {
	Initialize    *message            `yaml:"initialize"`
	Initialized   []message           `yaml:"initialized"`
	Cancel        *cancellation       `yaml:"cancel"`
	Shutdown      []parting           `yaml:"shutdown"`
	Replies       map[string]jsonText `yaml:"replies"`
	Notifications []string            `yaml:"notifications"`
}

type message struct {
	Method string   `yaml:"method"`
	Params jsonText `yaml:"params"`
}

type cancellation struct {
	Method string              `yaml:"method"`
	ID     string              `yaml:"id"`
	Params map[string]jsonText `yaml:"params"`
}

// parting is a message of the shutdown: a request or a notification.
type parting struct {
	Request      string   `yaml:"request"`
	Notification string   `yaml:"notification"`
	Params       jsonText `yaml:"params"`
}

// jsonText is a part of the file as JSON.
type jsonText json.RawMessage

// UnmarshalYAML takes any YAML that JSON can say.
func (j *jsonText) UnmarshalYAML(text []byte) error {
	var v any
	if err := yaml.UnmarshalWithOptions(text, &v, yaml.UseOrderedMap()); err != nil {
		return err
	}
	converted, err := appendJSON(nil, v)
	*j = jsonText(converted)
	return err
}

// appendJSON writes what YAML decodes to, with the members of maps in their order. yaml.YAMLToJSON quotes strings as Go does, of which "\x7f" is not
// JSON, and writes numbers that there are not in JSON.
func appendJSON(b []byte, v any) (_ []byte, err error) {
	switch v := v.(type) {
	case yaml.MapSlice:
		b = append(b, '{')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, fmt.Sprint(item.Key)); err != nil {
				return b, err
			}
			if b, err = appendJSON(append(b, ':'), item.Value); err != nil {
				return b, err
			}
		}
		return append(b, '}'), nil
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, item); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	}
	text := bytes.NewBuffer(b)
	e := json.NewEncoder(text)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return nil, fmt.Errorf("JSON has no form for %v", v)
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// ReadHandshake takes up what the pool's handshake file says, if it has a custom handshake. What is wrong with the file is a
// *FileError.
func (p *Pool) ReadHandshake() (err error) {
	switch custom := p.Handshake == supervisor.HandshakeCustom; {
	case custom && p.HandshakeFile == "":
		return errors.New("handshake is custom, but no handshake-file says how it goes")
	case !custom && p.HandshakeFile != "":
		return fmt.Errorf("handshake-file %s is given, but handshake is %s and not custom", p.HandshakeFile, p.Handshake)
	case custom:
		p.Custom, err = readHandshake(p.HandshakeFile)
	}
	return err
}

func readHandshake(path string) (*supervisor.Custom, error) {
	content, err := readBounded(path)
	if err != nil {
		return nil, fmt.Errorf("read the handshake file: %w", err) // which names it
	}
	content = lineEnds.Replace(content)
	var found problems
	root := parse(content, &found) // which knows more of bad YAML than the decoder
	if root.values(mostSteps) > mostSteps {
		found.add(root.Place, "aliases lead to more than %d values", mostSteps)
	}
	if len(found.all) > 0 {
		return nil, found.err(path, content)
	}
	var f handshakeFile
	if err := yaml.UnmarshalWithOptions([]byte(content), &f, yaml.Strict()); err != nil {
		var wrong yaml.Error
		if errors.As(err, &wrong) {
			found.add(placeOf(wrong.GetToken()), "%s", wrong.GetMessage())
		} else {
			found.add(Place{}, "%v", err)
		}
		return nil, found.err(path, content)
	}
	c, err := f.custom()
	if err == nil {
		err = c.Validate()
	}
	if err != nil {
		found.add(Place{}, "%v", err)
	}
	return c, found.err(path, content)
}

func (f *handshakeFile) custom() (*supervisor.Custom, error) {
	c := &supervisor.Custom{Notifications: f.Notifications}
	if m := f.Initialize; m != nil {
		c.Initialize = &supervisor.CustomMessage{Method: m.Method, Params: json.RawMessage(m.Params)}
	}
	for _, m := range f.Initialized {
		c.Initialized = append(c.Initialized, supervisor.CustomMessage{Method: m.Method, Params: json.RawMessage(m.Params)})
	}
	if m := f.Cancel; m != nil {
		c.Cancel = &supervisor.CustomCancel{Method: m.Method, ID: m.ID, Params: rawMembers(m.Params)}
	}
	for i, m := range f.Shutdown {
		if (m.Request == "") == (m.Notification == "") {
			return nil, fmt.Errorf("shutdown: entry %d has no request and no notification, or both", i+1)
		}
		c.Shutdown = append(c.Shutdown, supervisor.CustomMessage{
			Method: m.Request + m.Notification, Params: json.RawMessage(m.Params), Request: m.Request != "",
		})
	}
	c.Replies = rawMembers(f.Replies)
	return c, nil
}

func rawMembers(texts map[string]jsonText) map[string]json.RawMessage {
	raw := make(map[string]json.RawMessage, len(texts))
	for name, text := range texts {
		if len(text) == 0 {
			text = jsonText("null") // what YAML leaves empty
		}
		raw[name] = json.RawMessage(text)
	}
	return raw
}
