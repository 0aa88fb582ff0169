package core

import (
	"errors"
	"strconv"
	"strings"
)

// PTC is an amount of 302.AI's unit of account in whole micro-PTC:
// 1_000_000 is 1 PTC, which 302.AI sells for 1 USD. Money is never a float here.
type PTC int64

// OnePTC is one PTC in micro-PTC.
const OnePTC PTC = 1_000_000

// UnknownPrice is what a model without a known price is counted at, per picture:
// a little above the dearest known row, so that the budget errs on the safe side.
const UnknownPrice = 150_000 * PTC(1)

var errAmount = errors.New("not an amount in PTC with at most six decimals")

// ParsePTC reads a decimal amount such as "0.04" exactly; more than six decimals,
// exponents and anything else are refused.
func ParsePTC(text string) (PTC, error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	if whole == "" || len(whole) > 12 || len(fraction) > 6 || strings.HasSuffix(digits, ".") {
		return 0, errAmount
	}
	micro, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", 6-len(fraction)), 10, 63)
	if err != nil {
		return 0, errAmount
	}
	if negative {
		return -PTC(micro), nil
	}
	return PTC(micro), nil
}

// String writes the amount with as many decimals as it needs: "0.04", "5", "0.0005".
func (p PTC) String() string {
	sign := ""
	if p < 0 {
		sign, p = "-", -p
	}
	text := strconv.FormatInt(int64(p/OnePTC), 10)
	if rest := int64(p % OnePTC); rest != 0 {
		fraction := strconv.FormatInt(rest+int64(OnePTC), 10)[1:]
		text += "." + strings.TrimRight(fraction, "0")
	}
	return sign + text
}

// UnmarshalJSON reads a JSON number or string by its decimal text.
func (p *PTC) UnmarshalJSON(text []byte) error {
	amount, err := ParsePTC(strings.Trim(string(text), `"`))
	if err != nil {
		return err
	}
	*p = amount
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (p PTC) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }
