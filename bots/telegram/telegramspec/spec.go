package telegramspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// File is the name of the description in the folder that TEST_SPECS_DIR names.
const File = "telegram.api.json"

// Env names the folder of the official descriptions.
const Env = "TEST_SPECS_DIR"

// Spec is the description; a nil one finds nothing wrong, so that tests run without it too.
type Spec struct {
	Version string            `json:"version"` // such as "Bot API 10.1"
	Methods map[string]method `json:"methods"`
	Types   map[string]kind   `json:"types"`
}

type method struct {
	Fields  []field  `json:"fields"`
	Returns []string `json:"returns"`
}

type kind struct {
	Fields   []field  `json:"fields"`
	Subtypes []string `json:"subtypes"`
}

type field struct {
	Name        string   `json:"name"`
	Types       []string `json:"types"`
	Required    bool     `json:"required"`
	Description string   `json:"description"`
}

// Load reads the description from a folder.
func Load(folder string) (*Spec, error) {
	raw, err := os.ReadFile(filepath.Join(folder, File))
	if err != nil {
		return nil, fmt.Errorf("the bot api's description: %w", err)
	}
	spec := new(Spec)
	if err := json.Unmarshal(raw, spec); err != nil {
		return nil, fmt.Errorf("the bot api's description: %w", err)
	}
	if len(spec.Methods) == 0 || len(spec.Types) == 0 {
		return nil, errors.New("the bot api's description holds no methods or no types")
	}
	return spec, nil
}

// Test is what FromEnv needs of a *testing.T.
type Test interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// FromEnv loads the description for a test, nil with a line in the log when TEST_SPECS_DIR is not set.
func FromEnv(t Test) *Spec {
	t.Helper()
	folder := os.Getenv(Env)
	if folder == "" {
		t.Logf("%s is empty: what passes is not compared with the official description", Env)
		return nil
	}
	spec, err := Load(folder)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return spec
}

// Request checks a call: values from forms are strings, files are the names of uploaded parts.
func (s *Spec) Request(name string, params map[string]any, files []string) error {
	if s == nil {
		return nil
	}
	m, ok := s.Methods[name]
	if !ok {
		return fmt.Errorf("%s is no method of %s", name, s.Version)
	}
	var wrong []error
	for param, value := range params {
		at := slices.IndexFunc(m.Fields, func(f field) bool { return f.Name == param })
		if at < 0 {
			wrong = append(wrong, fmt.Errorf("unknown parameter %s", param))
			continue
		}
		if err := s.formValue(param, m.Fields[at].Types, value); err != nil {
			wrong = append(wrong, err)
		}
	}
	for _, f := range m.Fields {
		uploaded := slices.Contains(files, f.Name)
		if uploaded && !slices.Contains(f.Types, "InputFile") {
			wrong = append(wrong, fmt.Errorf("%s is uploaded but is no file", f.Name))
		}
		if value := params[f.Name]; f.Required && (value == nil || value == "") && !uploaded {
			wrong = append(wrong, fmt.Errorf("required parameter %s is absent", f.Name))
		}
	}
	return errors.Join(wrong...)
}

// Result checks the result of a successful call.
func (s *Spec) Result(name string, raw []byte) error {
	if s == nil {
		return nil
	}
	value, err := decode(raw)
	if err != nil {
		return err
	}
	return s.oneOf("result", s.Methods[name].Returns, value)
}

// Update checks one update: a valid one has exactly one thing besides its id.
func (s *Spec) Update(raw []byte) error {
	if s == nil {
		return nil
	}
	value, err := decode(raw)
	if err != nil {
		return err
	}
	if object, ok := value.(map[string]any); ok && len(object) != 2 {
		return fmt.Errorf("an update holds %d fields, not an id and one event", len(object))
	}
	return s.conforms("update", "Update", value)
}

func decode(raw []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return value, nil
}

// formValue checks a parameter, which may be the text of what it should be.
func (s *Spec) formValue(path string, types []string, value any) error {
	text, isText := value.(string)
	if !isText || slices.Contains(types, "String") || slices.Contains(types, "InputFile") {
		return s.oneOf(path, types, value)
	}
	if text == "null" || text == "" {
		return nil
	}
	if slices.Contains(types, "Boolean") && slices.Contains([]string{"True", "False"}, text) {
		return nil
	}
	inner, err := decode([]byte(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return s.oneOf(path, types, inner)
}

// oneOf accepts a value that conforms to any of the types. Of several arrays each member may be of another kind.
func (s *Spec) oneOf(path string, types []string, value any) error {
	if value == nil {
		return nil
	}
	if list, ok := value.([]any); ok {
		var members []string
		for _, t := range types {
			if inner, ok := strings.CutPrefix(t, "Array of "); ok {
				members = append(members, inner)
			}
		}
		if len(members) == 0 {
			return fmt.Errorf("%s is an array, not %s", path, strings.Join(types, " or "))
		}
		for i, member := range list {
			if err := s.oneOf(path+"["+strconv.Itoa(i)+"]", members, member); err != nil {
				return err
			}
		}
		return nil
	}
	var wrong []error
	for _, t := range s.candidates(types, value) {
		err := s.conforms(path, t, value)
		if err == nil {
			return nil
		}
		wrong = append(wrong, err)
	}
	if len(wrong) == 0 {
		return fmt.Errorf("%s is none of %s", path, strings.Join(types, ", "))
	}
	return errors.Join(wrong...)
}

// candidates are the types, unions taken apart, whose constant fields (type "photo", status "member") the value has.
func (s *Spec) candidates(types []string, value any) []string {
	var list []string
	for _, t := range types {
		if subtypes := s.Types[t].Subtypes; len(subtypes) > 0 {
			list = append(list, s.candidates(subtypes, value)...)
			continue
		}
		object, isObject := value.(map[string]any)
		fits := func(f field) bool {
			want := f.constant()
			return want == "" || object[f.Name] == want
		}
		if !isObject || !slices.ContainsFunc(s.Types[t].Fields, func(f field) bool { return !fits(f) }) {
			list = append(list, t)
		}
	}
	return list
}

var alwaysSo = regexp.MustCompile(`, (?:must be|always) "?([a-z_0-9]+)"?$`)

// constant is the one value a field can have, empty when it can have others.
func (f field) constant() string {
	if f.Name != "type" && f.Name != "status" && f.Name != "source" {
		return ""
	}
	if found := alwaysSo.FindStringSubmatch(f.Description); found != nil {
		return found[1]
	}
	return ""
}

func (s *Spec) conforms(path, name string, value any) error {
	ok := true
	switch name {
	case "String", "InputFile":
		_, ok = value.(string)
	case "Boolean":
		_, ok = value.(bool)
	case "Integer":
		number, isNumber := value.(json.Number)
		_, err := strconv.ParseInt(number.String(), 10, 64)
		ok = isNumber && err == nil
	case "Float":
		_, ok = value.(json.Number)
	default:
		return s.object(path, name, value)
	}
	if !ok {
		return fmt.Errorf("%s is not %s", path, name)
	}
	return nil
}

func (s *Spec) object(path, name string, value any) error {
	k, known := s.Types[name]
	object, isObject := value.(map[string]any)
	switch {
	case strings.HasPrefix(name, "Array of "):
		return fmt.Errorf("%s is not %s", path, name)
	case !known:
		return fmt.Errorf("%s should be %s, which the description lacks", path, name)
	case len(k.Subtypes) > 0:
		return s.oneOf(path, []string{name}, value)
	case !isObject:
		return fmt.Errorf("%s is not %s", path, name)
	}
	var wrong []error
	for key, inner := range object {
		at := slices.IndexFunc(k.Fields, func(f field) bool { return f.Name == key })
		if at < 0 {
			wrong = append(wrong, fmt.Errorf("%s has no field %s in %s", name, key, path))
			continue
		}
		if err := s.oneOf(path+"."+key, k.Fields[at].Types, inner); err != nil {
			wrong = append(wrong, err)
		}
	}
	for _, f := range k.Fields {
		if f.Required && object[f.Name] == nil {
			wrong = append(wrong, fmt.Errorf("%s lacks %s of %s", path, f.Name, name))
		}
	}
	return errors.Join(wrong...)
}
