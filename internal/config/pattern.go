package config

// Patterns of what values are written like, in what the regular expressions of JavaScript and Go have in common.
const (
	// plain is what expand leaves alone: a character, a dollar with one behind it, two dollars.
	plain     = `([^$\x00]|\$\$|\$[^${\x00])`
	reference = `\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}\n]*)?\}`

	textPattern     = `^(` + plain + `|` + reference + `)*\$?$`
	variablePattern = `^` + plain + `*` + reference + `(` + plain + `|` + reference + `)*\$?$`

	decimal         = `([0-9]+(\.[0-9]*)?|\.[0-9]+)`
	durationPattern = `^(` + decimal + `d)?((` + decimal + `(ns|us|µs|μs|ms|s|m|h))*|0)$`
	sizePattern     = `^([0-9][0-9,]*(\.[0-9]*)?|\.[0-9]+) *([kKmMgGtTpPeE][iI]?)?[bB]? *$`
	somePattern     = `[1-9]|\$|^[^0-9]` // more than nothing, or a variable, or not for this pattern to say

	retentionPattern = `^(none|((succeeded|failed|cancelled|dropped)=)?(forever|[0-9.]+[a-zµμ][0-9.a-zµμ]*)|count=0*[1-9][0-9]*|size=[0-9.][0-9., kKmMgGtTpPeEiIbB]*)$`
	addressPattern   = `^([A-Za-z0-9._-]{1,64}=)?(tcp://([^:\[\]]*|\[[^\[\]]*\]):[0-9]+|unix:.+)$`
	hostPortPattern  = `^([^:\[\]]*|\[[^\[\]]*\]):[0-9]+$`
)

// kinds are what the schemas of describe refer to. An errorMessage is what VS Code and yaml-language-server say of a value of
// another type or form; to others it means nothing.
var kinds = schema{
	"variable": schema{"type": "string", "pattern": variablePattern},
	"text": schema{
		"type": []string{"string", "number", "boolean"}, "pattern": textPattern,
		"errorMessage":        "a single value is wanted",
		"patternErrorMessage": badVariable,
	},
	"path": schema{
		"type": []string{"string", "number", "boolean"}, "minLength": 1, "pattern": textPattern,
		"errorMessage":        "a path is wanted",
		"patternErrorMessage": badVariable,
	},
	"toggle": schema{
		"type": []string{"boolean", "string"}, "pattern": `^(true|false)$|` + variablePattern,
		"errorMessage": "true or false is wanted",
	},
	"number": schema{
		"type": []string{"integer", "string"}, "pattern": `^-?[0-9]+$|` + variablePattern,
		"errorMessage": "a whole number is wanted",
	},
	"duration": schema{
		"type": "string", "pattern": durationPattern + `|` + variablePattern,
		"errorMessage": "a duration such as 1m30s is wanted",
		"allOf":        []any{schema{"pattern": somePattern, "errorMessage": "it must be more than 0"}},
	},
	"durationOrNone": schema{
		"type": []string{"string", "integer"}, "minimum": 0, "maximum": 0, "minLength": 1,
		"pattern":      durationPattern + `|` + variablePattern,
		"errorMessage": "a duration such as 1m30s, or 0, is wanted",
	},
	"size": schema{
		"type": []string{"integer", "string"}, "minimum": 1, "pattern": sizePattern + `|` + variablePattern,
		"errorMessage": "a size such as 100MiB is wanted",
		"allOf":        []any{schema{"pattern": somePattern, "errorMessage": "it must be more than 0"}},
	},
	"address": schema{
		"type": "string", "pattern": addressPattern + `|` + variablePattern,
		"errorMessage": "an address such as tcp://127.0.0.1:8080 or unix:app.sock is wanted",
	},
	"hostPort": schema{
		"type": "string", "pattern": hostPortPattern + `|` + variablePattern,
		"errorMessage": "an address such as 127.0.0.1:8080 is wanted",
	},
	"retention": schema{
		"type": "string", "pattern": retentionPattern + `|` + variablePattern,
		"errorMessage": "a rule such as 30d, failed=90d, dropped=forever, count=1000000, size=2GiB or none is wanted",
	},
	"limits": schema{
		"type":                 "object",
		"additionalProperties": schema{"allOf": []any{refer("number")}, "minimum": 1},
		"errorMessage":         "numbers from 1 by the names of methods are wanted, as in resize: 2",
	},
	"environment": schema{
		"type":                 "object",
		"propertyNames":        schema{"pattern": `^[^=\x00]+$`, "errorMessage": "a variable's name has no ="},
		"additionalProperties": refer("text"),
		"errorMessage":         "a mapping is wanted, as in NAME: value",
	},
}

const badVariable = "a variable is written ${NAME} or ${NAME:-default}, a dollar and a brace $${"

func refer(name string) schema { return schema{"$ref": "#/definitions/" + name} }

// anyWord is one of a few words, or a variable of the environment, whose value no schema knows.
func anyWord(words []string) schema {
	return schema{"anyOf": []any{schema{"enum": words}, refer("variable")}}
}

func listOf(name string) schema {
	return schema{"type": "array", "items": refer(name), "errorMessage": "a list is wanted, as in [one, two]"}
}
