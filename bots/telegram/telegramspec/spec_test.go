package telegramspec_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imaginebot/bots/telegram/telegramspec"
)

func load(t *testing.T) *telegramspec.Spec {
	t.Helper()
	if os.Getenv(telegramspec.Env) == "" {
		t.Skipf("%s does not name the folder of the official descriptions", telegramspec.Env)
	}
	return telegramspec.FromEnv(t)
}

func TestRequest(t *testing.T) {
	spec := load(t)
	form := func(pairs ...string) map[string]any {
		params := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			params[pairs[i]] = pairs[i+1]
		}
		return params
	}
	tests := []struct {
		name   string
		method string
		params map[string]any
		files  []string
		wrong  string // empty: nothing
	}{
		{"a form", "sendMessage", form("chat_id", "5", "text", "7", "disable_notification", "true", "entities", "null"), nil, ""},
		{"native values", "sendMessage", map[string]any{"chat_id": json.Number("5"), "text": "hi", "protect_content": true}, nil, ""},
		{"no method", "sendMesage", form("chat_id", "5"), nil, "is no method of Bot API"},
		{"unknown parameter", "sendMessage", form("chat_id", "5", "text", "hi", "reply_to_message_id", "3"), nil, "unknown parameter reply_to_message_id"},
		{"absent", "sendMessage", form("chat_id", "5"), nil, "required parameter text is absent"},
		{"not a number", "sendMessage", form("chat_id", "5", "text", "hi", "message_thread_id", "x"), nil, "message_thread_id: not JSON"},
		{"a number with a point", "sendMessage", form("chat_id", "5", "text", "hi", "message_thread_id", "1.5"), nil, "message_thread_id is not Integer"},
		{"no flag", "sendMessage", form("chat_id", "5", "text", "hi", "disable_notification", "7"), nil, "disable_notification is not Boolean"},
		{"uploaded", "sendPhoto", form("chat_id", "5"), []string{"photo"}, ""},
		{"uploaded elsewhere", "sendPhoto", form("chat_id", "5", "photo", "attach://x"), []string{"x"}, ""},
		{"uploaded text", "sendPhoto", form("chat_id", "5", "photo", "id"), []string{"caption"}, "caption is uploaded but is no file"},
		{"buttons", "sendMessage", form("chat_id", "5", "text", "x",
			"reply_markup", `{"inline_keyboard":[[{"text":"Again","callback_data":"a"}]]}`), nil, ""},
		{"a button's unknown field", "sendMessage", form("chat_id", "5", "text", "x",
			"reply_markup", `{"inline_keyboard":[[{"text":"Again","data":"a"}]]}`), nil, "InlineKeyboardButton has no field data"},
		{"album", "sendMediaGroup", form("chat_id", "5", "media",
			`[{"type":"photo","media":"attach://a"},{"type":"video","media":"attach://b"}]`), nil, ""},
		{"album of unknown things", "sendMediaGroup", form("chat_id", "5", "media", `[{"type":"sticker","media":"id"}]`), nil, "none of"},
		{"album member without media", "sendMediaGroup", form("chat_id", "5", "media", `[{"type":"photo"}]`), nil, "lacks media of InputMediaPhoto"},
		{"scope", "setMyCommands", form("commands", `[{"command":"a","description":"b"}]`, "scope", `{"type":"chat_member","chat_id":1}`), nil, "lacks user_id"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := spec.Request(test.method, test.params, test.files)
			expect(t, err, test.wrong)
		})
	}
}

func TestResultAndUpdate(t *testing.T) {
	spec := load(t)
	expect(t, spec.Result("deleteMessage", []byte(`true`)), "")
	expect(t, spec.Result("deleteMessage", []byte(`"yes"`)), "result is not Boolean")
	expect(t, spec.Result("getMe", []byte(`{"id":1,"is_bot":true}`)), "lacks first_name")
	expect(t, spec.Result("getChatMember", []byte(`{"status":"left","user":{"id":1,"is_bot":false,"first_name":"A"}}`)), "")
	expect(t, spec.Result("getChatMember", []byte(`{"status":"gone","user":{"id":1,"is_bot":false,"first_name":"A"}}`)), "none of")
	expect(t, spec.Result("getUpdates", []byte(`[]`)), "")
	expect(t, spec.Result("getUpdates", []byte(`{}`)), "is not Array of Update")

	expect(t, spec.Update([]byte(`{"update_id":1,"message":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"},"text":"x"}}`)), "")
	expect(t, spec.Update([]byte(`{"update_id":1,"message":{"message_id":"1","date":1,"chat":{"id":1,"type":"private"}}}`)), "message_id is not Integer")
	expect(t, spec.Update([]byte(`{"update_id":1}`)), "holds 1 fields")
	expect(t, spec.Update([]byte(`{`)), "not JSON")
}

func TestWithoutTheDescription(t *testing.T) {
	var none *telegramspec.Spec
	expect(t, none.Request("anything", nil, nil), "")
	expect(t, none.Result("anything", nil), "")
	expect(t, none.Update(nil), "")

	_, err := telegramspec.Load(t.TempDir())
	expect(t, err, "description")
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, telegramspec.File), []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = telegramspec.Load(empty)
	expect(t, err, "no methods")
}

// expect compares an error with words it must contain, none meaning no error.
func expect(t *testing.T, err error, words string) {
	t.Helper()
	switch {
	case words == "" && err != nil:
		t.Errorf("unexpected: %v", err)
	case words != "" && (err == nil || !strings.Contains(err.Error(), words)):
		t.Errorf("got %v, want %q", err, words)
	}
}
