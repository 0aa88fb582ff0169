package ai302_test

import (
	"bytes"
	"image"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"imaginebot/core/ai302"
	"imaginebot/core/ai302/ai302test"
)

func TestGenerateSendsOnlyWhatIsSet(t *testing.T) {
	st := open(t)
	for _, row := range []struct {
		request ai302.GenerateRequest
		fields  map[string]any
		size    image.Point // within the stand-in's 64 pixels
	}{
		{
			request: ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"},
			fields:  map[string]any{"prompt": prompt, "model": "flux-dev-t2i"},
			size:    image.Pt(64, 64),
		},
		{
			request: ai302.GenerateRequest{Prompt: prompt, Model: "cogview-4-t2i", Width: 1344, Height: 768, NegativePrompt: "fog", OutputFormat: "jpeg"},
			fields:  map[string]any{"prompt": prompt, "model": "cogview-4-t2i", "width": "1344", "height": "768", "negative_prompt": "fog", "output_format": "jpeg"},
			size:    image.Pt(64, 36),
		},
		{
			request: ai302.GenerateRequest{Prompt: prompt, Model: "302ai-flux-v1.1-ultra-t2i", AspectRatio: "21:9"},
			fields:  map[string]any{"prompt": prompt, "model": "302ai-flux-v1.1-ultra-t2i", "aspect_ratio": "21:9"},
			size:    image.Pt(64, 27),
		},
	} {
		answer, err := st.Generate(within(t), row.request)
		if err != nil {
			t.Fatal(err)
		}
		if answer.RequestID == "" || answer.Bytes != nil || !strings.Contains(answer.URL, st.fake.PicturesHostPort()) {
			t.Errorf("answer %+v", answer)
		}
		if got := fetched(t, answer.URL); got.Width != row.size.X || got.Height != row.size.Y {
			t.Errorf("%s drew %dx%d, want %s", row.request.Model, got.Width, got.Height, row.size)
		}
		all := calls(st, ai302test.Generate)
		last := all[len(all)-1]
		if diff := cmp.Diff(row.fields, plain(last.Fields)); diff != "" || last.Form {
			t.Errorf("sent (form %v, -want +got):\n%s", last.Form, diff)
		}
	}
}

// plain turns numbers into text for comparing.
func plain(fields map[string]any) map[string]any {
	all := map[string]any{}
	for name, value := range fields {
		all[name] = value
		if n, isNumber := value.(interface{ String() string }); isNumber {
			all[name] = n.String()
		}
	}
	return all
}

func TestGenerateFromPicture(t *testing.T) {
	st := open(t)
	small := png(t)
	large := ai302test.Noise(ai302test.DrawRequest{Prompt: "large", Width: 1200, Height: 900})
	for name, row := range map[string]struct {
		picture []byte
		form    bool
	}{"small": {small, false}, "large": {large, true}} {
		t.Run(name, func(t *testing.T) {
			before := len(calls(st, ai302test.Generate))
			answer, err := st.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "302ai-kolors-i2i", Image: row.picture, OutputFormat: "png"})
			if err != nil {
				t.Fatal(err)
			}
			fetched(t, answer.URL)
			c := calls(st, ai302test.Generate)[before]
			if c.Form != row.form || c.ImageBytes != len(row.picture) || c.Fields["output_format"] != "png" {
				t.Errorf("form %v with %d bytes and %v, want %v with %d", c.Form, c.ImageBytes, c.Fields, row.form, len(row.picture))
			}
		})
	}
}

func TestGenerateLargePictureWithSizes(t *testing.T) {
	st := open(t)
	large := ai302test.Noise(ai302test.DrawRequest{Width: 1200, Height: 900})
	if _, err := st.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "302ai-kolors-i2i", Image: large, Width: 640, Height: 480}); err != nil {
		t.Fatal(err)
	}
	if c := calls(st, ai302test.Generate)[0]; c.Fields["width"] != "640" || c.Fields["height"] != "480" {
		t.Errorf("sent %v", c.Fields)
	}
}

func TestGenerateRefusesWithoutSending(t *testing.T) {
	st := open(t)
	for name, r := range map[string]ai302.GenerateRequest{
		"no prompt":     {Model: "flux-dev-t2i"},
		"blank prompt":  {Prompt: " \n", Model: "flux-dev-t2i"},
		"no model":      {Prompt: prompt},
		"not a picture": {Prompt: prompt, Model: "302ai-kolors-i2i", Image: []byte("<html>")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := st.Generate(within(t), r)
			want(t, err, ai302.Invalid, true)
		})
	}
	paid(t, st, ai302test.Generate, 0, 0)
}

func TestGenerateFindsThePictureEverywhere(t *testing.T) {
	for _, place := range []ai302test.Place{
		ai302test.InImageURL, ai302test.InDataImageURL, ai302test.InDataOutput, ai302test.InDataImages,
		ai302test.InDataDataURL, ai302test.InDataDataB64, ai302test.InDataImageURLs, ai302test.InDataSample,
	} {
		t.Run(string(place), func(t *testing.T) {
			st := open(t)
			st.fake.Script(ai302test.Match{}, ai302test.Trouble{Place: place}, 1)
			answer, err := st.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "flux-dev-t2i"})
			if err != nil {
				t.Fatal(err)
			}
			if place != ai302test.InDataDataB64 {
				fetched(t, answer.URL)
				return
			}
			if _, _, err := image.DecodeConfig(bytes.NewReader(answer.Bytes)); err != nil || answer.URL != "" {
				t.Errorf("inline picture: %v, URL %q", err, answer.URL)
			}
		})
	}
}

func TestGenerateUnknownModel(t *testing.T) {
	st := open(t)
	_, err := st.Generate(within(t), ai302.GenerateRequest{Prompt: prompt, Model: "not-a-model-t2i"})
	if e := want(t, err, ai302.NoModel, true); e.Status != 503 || e.Code != -10008 {
		t.Errorf("%+v", e)
	}
	paid(t, st, ai302test.Generate, 0, 1)
}
