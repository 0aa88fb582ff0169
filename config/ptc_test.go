package config

import (
	"math/big"
	"strings"
	"testing"
)

func TestPTCIsExact(t *testing.T) {
	tests := []struct {
		text string
		want MicroPTC
	}{
		{"0", 0}, {"-1", NoLimit}, {"1", 1_000_000}, {"0.1", 100_000}, {"0.000001", 1},
		{"2.50", 2_500_000}, {"007", 7_000_000}, {"999999999.999999", 999_999_999_999_999},
	}
	for _, test := range tests {
		if got, err := parsePTC(test.text); err != nil || got != test.want {
			t.Errorf("%q is %d (%v), want %d", test.text, got, err, test.want)
		}
	}
	for _, text := range []string{
		"", " 1", "1 ", "+1", "-0", "-2", "-1.0", "-0.000001", ".5", "5.", ".", "1.2.3", "1,5", "1_000", "1e3",
		"0x10", "NaN", "Inf", "٣", "0.1234567", "1.0000000", "1000000000", "99999999999999999999",
	} {
		if got, err := parsePTC(text); err == nil {
			t.Errorf("%q is read as %d, want an error", text, got)
		}
	}
}

func FuzzPTC(f *testing.F) {
	for _, seed := range []string{"-1", "0", "0.1", "12.345678", "999999999.999999", "-0.000001", "1e3", "1.0000000", "1/3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		amount, err := parsePTC(text)
		if err != nil {
			return
		}
		if amount == NoLimit {
			if text != "-1" {
				t.Errorf("%q means no limit", text)
			}
			return
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok || amount < 0 || exact.Cmp(big.NewRat(int64(amount), microPerPTC)) != 0 {
			t.Errorf("%q is read as %d millionths", text, amount)
		}
		again, err := parsePTC(amount.String())
		if err != nil || again != amount || strings.HasSuffix(amount.String(), ".") {
			t.Errorf("%q prints as %q", text, amount)
		}
	})
}
