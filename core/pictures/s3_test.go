package pictures

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

const bucketName = "pictures"

// s3 stands in for a bucket, as far as a shelf uses one.
// https://docs.aws.amazon.com/AmazonS3/latest/API/
type s3 struct {
	server  *httptest.Server
	mu      sync.Mutex
	objects map[string][]byte
	parts   map[string]map[string][]byte // by upload, by part number
	uploads int
}

func newS3(t *testing.T) *s3 {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none",
	} {
		t.Setenv(name, value)
	}
	fake := &s3{objects: map[string][]byte{}, parts: map[string]map[string][]byte{}}
	fake.server = httptest.NewServer(fake)
	t.Cleanup(fake.server.Close)
	return fake
}

func (f *s3) url() string {
	return "s3://" + bucketName + "?region=eu-west-1&use_path_style=true&endpoint=" + url.QueryEscape(f.server.URL)
}

func (f *s3) keys() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.objects))
}

func (f *s3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender has given up
	}
	if r.Header.Get("Content-Encoding") == "aws-chunked" {
		http.Error(w, "chunked bodies are more than this stand-in knows", http.StatusNotImplemented)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	rest, ours := strings.CutPrefix(r.URL.Path, "/"+bucketName)
	key, query := strings.TrimPrefix(rest, "/"), r.URL.Query()
	source, copying := strings.CutPrefix(r.Header.Get("X-Amz-Copy-Source"), "")
	upload := query.Get("uploadId")
	switch {
	case !ours:
		noSuch(w, "Bucket")
	case key == "" && r.Method == http.MethodGet:
		fmt.Fprintf(w, "<ListBucketResult><Name>%s</Name></ListBucketResult>", bucketName)
	case r.Method == http.MethodPost && query.Has("uploads"):
		f.uploads++
		id := fmt.Sprint("upload-", f.uploads)
		f.parts[id] = map[string][]byte{}
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case r.Method == http.MethodPut && upload != "":
		f.parts[upload][query.Get("partNumber")] = body
		w.Header().Set("ETag", `"part"`)
	case r.Method == http.MethodPost && upload != "":
		f.complete(w, key, upload, body)
	case r.Method == http.MethodDelete && upload != "":
		delete(f.parts, upload)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut && copying && source != "":
		from, _ := url.QueryUnescape(source)
		object, there := f.objects[strings.TrimPrefix(strings.TrimPrefix(from, "/"), bucketName+"/")]
		if !there {
			noSuch(w, "Key")
			return
		}
		f.objects[key] = object
		fmt.Fprint(w, `<CopyObjectResult><ETag>"copy"</ETag></CopyObjectResult>`)
	case r.Method == http.MethodPut:
		f.objects[key] = body
	case r.Method == http.MethodDelete:
		delete(f.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default: // GET and HEAD
		object, there := f.objects[key]
		if !there {
			noSuch(w, "Key")
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(object)))
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		if r.Method == http.MethodGet {
			_, _ = w.Write(object)
		}
	}
}

func (f *s3) complete(w http.ResponseWriter, key, upload string, body []byte) {
	var list struct {
		Part []struct{ PartNumber string }
	}
	if err := xml.Unmarshal(body, &list); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var whole bytes.Buffer
	for _, part := range list.Part {
		whole.Write(f.parts[upload][part.PartNumber])
	}
	f.objects[key] = whole.Bytes()
	delete(f.parts, upload)
	fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>`)
}

func noSuch(w http.ResponseWriter, what string) {
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprintf(w, "<Error><Code>NoSuch%s</Code><Message>there is none</Message></Error>", what)
}
