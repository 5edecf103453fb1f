package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

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
	converted, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	*j = jsonText(strings.TrimSpace(string(converted)))
	return nil
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
	if parse(content, &found); len(found.all) > 0 { // which knows more of bad YAML than the decoder
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
