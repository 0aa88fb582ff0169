package discordtest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// refused is an error as the API tells it
// (https://discord.com/developers/docs/topics/opcodes-and-status-codes#json-json-error-codes).
type refused struct {
	status  int
	code    int
	message string
	path    string // of the wrong field, dots between its parts
	detail  string
	wrong   bool // the bot is to blame: a violation
}

var codes = map[int]refused{
	10003: {status: http.StatusNotFound, message: "Unknown Channel"},
	10004: {status: http.StatusNotFound, message: "Unknown Guild"},
	10008: {status: http.StatusNotFound, message: "Unknown Message"},
	10015: {status: http.StatusNotFound, message: "Unknown Webhook"},
	10062: {status: http.StatusNotFound, message: "Unknown interaction"},
	40005: {status: http.StatusRequestEntityTooLarge, message: "Request entity too large"},
	40060: {status: http.StatusBadRequest, message: "Interaction has already been acknowledged."},
	50001: {status: http.StatusForbidden, message: "Missing Access"},
	50005: {status: http.StatusForbidden, message: "Cannot edit a message authored by another user"},
	50006: {status: http.StatusBadRequest, message: "Cannot send an empty message"},
	50007: {status: http.StatusForbidden, message: "Cannot send messages to this user"},
	50013: {status: http.StatusForbidden, message: "Missing Permissions"},
	50027: {status: http.StatusUnauthorized, message: "Invalid Webhook Token"},
	50033: {status: http.StatusBadRequest, message: "Invalid Recipient(s)"},
	50035: {status: http.StatusBadRequest, message: "Invalid Form Body"},
	50109: {status: http.StatusBadRequest, message: "The request body contains invalid JSON."},
}

// refusal is the error of that code; one that is not in the table is a plain 400.
func refusal(code int) *refused {
	r, ok := codes[code]
	if !ok {
		r = refused{status: http.StatusBadRequest, message: "Error " + strconv.Itoa(code)}
	}
	r.code = code
	return &r
}

// mistake is a refusal that is the bot's fault.
func mistake(code int, format string, args ...any) *refused {
	r := refusal(code)
	r.detail, r.wrong = fmt.Sprintf(format, args...), true
	return r
}

// invalid is a mistake in the body: 50035 with the path of the field.
func invalid(path, format string, args ...any) *refused {
	r := mistake(50035, format, args...)
	r.path = path
	return r
}

func (r *refused) Error() string {
	text := fmt.Sprintf("%d %s", r.code, r.message)
	if r.path != "" {
		text += " at " + r.path
	}
	if r.detail != "" {
		text += ": " + r.detail
	}
	return text
}

// json is the body of the refusal; the errors of a form nest by the parts of the path.
func (r *refused) json() map[string]any {
	body := map[string]any{"message": r.message, "code": r.code}
	if r.path == "" {
		return body
	}
	errors := map[string]any{"_errors": []any{map[string]any{"code": "BASE_TYPE_INVALID", "message": r.detail}}}
	parts := strings.Split(r.path, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		errors = map[string]any{parts[i]: errors}
	}
	body["errors"] = errors
	return body
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
