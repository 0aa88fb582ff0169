package core_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"imaginebot/core"
)

func TestParsePTC(t *testing.T) {
	for text, want := range map[string]core.PTC{
		"0": 0, "5": 5_000_000, "0.04": 40_000, "0.0005": 500, "0.000001": 1, "1.50": 1_500_000,
		"-1": -1_000_000, "-0.001": -1000, "999999999999.999999": 999_999_999_999_999_999,
	} {
		if got, err := core.ParsePTC(text); got != want || err != nil {
			t.Errorf("ParsePTC(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "-", ".", ".5", "5.", "-.5", "+1", "--1", "1e3", "0.0000001", "1,5", "1 PTC", "0x10", "1_000",
		"1.-5", "1.5.5", "NaN", "Inf", "1000000000000", "٣", "null",
	} {
		if got, err := core.ParsePTC(text); err == nil {
			t.Errorf("ParsePTC(%q) = %d, want an error", text, got)
		}
	}
}

func TestPTCRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most = 999_999_999_999_999_999
		amount := core.PTC(rapid.Int64Range(-most, most).Draw(t, "amount"))
		if got, err := core.ParsePTC(amount.String()); got != amount || err != nil {
			t.Errorf("%d is written %q and read as %d: %v", amount, amount, got, err)
		}
		text, err := json.Marshal(amount)
		var back core.PTC
		if err != nil || json.Unmarshal(text, &back) != nil || back != amount {
			t.Errorf("%d is %s in JSON, read as %d: %v", amount, text, back, err)
		}
	})
}

func TestPTCString(t *testing.T) {
	for amount, want := range map[core.PTC]string{
		0: "0", 1: "0.000001", 500: "0.0005", 40_000: "0.04", 150_000: "0.15", 5_000_000: "5", -1_250_000: "-1.25",
	} {
		if got := amount.String(); got != want {
			t.Errorf("%d is written %q, want %q", int64(amount), got, want)
		}
	}
}

func TestPTCFromJSON(t *testing.T) {
	for text, want := range map[string]core.PTC{`0.04`: 40_000, `"0.04"`: 40_000, `5`: 5_000_000, `0.10`: 100_000} {
		var got core.PTC
		if err := json.Unmarshal([]byte(text), &got); got != want || err != nil {
			t.Errorf("%s is %d, want %d: %v", text, got, want, err)
		}
	}
	for _, text := range []string{`""`, `1e-2`, `true`, `{}`, `"0.04 PTC"`} {
		var got core.PTC
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is %d, want an error", text, got)
		}
	}
}
