package config

import "github.com/whipper-sidecar/whipper/supervisor"

// NotForScripts names a setting of a script's pool, with its value, that has whipper speak another protocol than the built-in runners
// do; "": there is none. They need no greeting, and a custom handshake may be one that they understand.
func (p *Pool) NotForScripts() (setting, value string) {
	switch {
	case p.Script == "":
	case p.Handshake == supervisor.HandshakeLSP, p.Handshake == supervisor.HandshakeMCP:
		return "handshake", p.Handshake
	case p.Framing != "" && p.Framing != supervisor.Framings[0]:
		return "framing", string(p.Framing)
	}
	return "", ""
}
