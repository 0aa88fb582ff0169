package ai302

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/textproto"
)

// jsonBody writes a body of strings, numbers and booleans, which cannot fail.
func jsonBody(v any) []byte {
	body, _ := json.Marshal(v)
	return body
}

// form is a multipart body in memory, where writing cannot fail.
type form struct {
	body   bytes.Buffer
	writer *multipart.Writer
}

func newForm() *form {
	f := &form{}
	f.writer = multipart.NewWriter(&f.body)
	return f
}

func (f *form) field(name, value string) { _ = f.writer.WriteField(name, value) }

func (f *form) file(name, fileName, contentType string, content []byte) {
	part, _ := f.writer.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition(name, fileName)},
		"Content-Type":        {contentType},
	})
	_, _ = part.Write(content)
}

func (f *form) end() (body []byte, contentType string) {
	_ = f.writer.Close()
	return f.body.Bytes(), f.writer.FormDataContentType()
}
