package config

import (
	"fmt"
	"strconv"
	"strings"
)

// MicroPTC is an amount of PTC, 302.AI's unit, in whole millionths;
// 1 PTC = 1 USD = 1,000,000. [NoLimit] stands for no limit.
type MicroPTC int64

const (
	microPerPTC = 1_000_000
	decimals    = 6
	// largestPTC keeps every sum of limits far inside an int64.
	largestPTC = 1_000_000_000
)

// UnmarshalText takes "-1" or digits with at most six decimals after a point.
func (m *MicroPTC) UnmarshalText(text []byte) error {
	amount, err := parsePTC(string(text))
	if err != nil {
		return err
	}
	*m = amount
	return nil
}

func parsePTC(text string) (MicroPTC, error) {
	if text == "-1" {
		return NoLimit, nil
	}
	whole, fraction, pointed := strings.Cut(text, ".")
	if !onlyDigits(whole) || pointed && !onlyDigits(fraction) {
		return 0, flaw("is " + quote(text))
	}
	if len(fraction) > decimals {
		return 0, flaw(fmt.Sprintf("has %d decimals", len(fraction)))
	}
	ptc, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || ptc >= largestPTC {
		return 0, flaw(fmt.Sprintf("is not below %d PTC", largestPTC))
	}
	// Cannot fail: one to six digits.
	micro, _ := strconv.ParseInt((fraction + "000000")[:decimals], 10, 64)
	return MicroPTC(ptc*microPerPTC + micro), nil
}

// String is the amount in PTC, without zeros at its end; "-1" is no limit.
func (m MicroPTC) String() string {
	if m == NoLimit {
		return "-1"
	}
	text := fmt.Sprintf("%d.%06d", int64(m)/microPerPTC, int64(m)%microPerPTC)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

func onlyDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
