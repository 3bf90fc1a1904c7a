package syntax

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// A Resolver tells what a plain scalar means in YAML 1.1 (the type repository
// at yaml.org/type), as CloudFormation and the AWS CLI read it.
type Resolver struct {
	float, integer, timestamp *regexp.Regexp
	word, url                 *regexp.Regexp // strings to every reader of YAML
}

// NewResolver returns a resolver, which is safe for concurrent use.
func NewResolver() *Resolver {
	return &Resolver{
		float: regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?` +
			`|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`),
		integer: regexp.MustCompile(`^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)$`),
		timestamp: regexp.MustCompile(`^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)` +
			`[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)$`),
		// A word, or one of our keys, which end in an extension: in no version
		// of YAML a number.
		word: regexp.MustCompile(`^([A-Za-z][A-Za-z0-9._/-]*|[0-9a-f]{64}\.[A-Za-z]*[g-zG-Z][A-Za-z0-9]*)$`),
		url:  regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*://[A-Za-z0-9._/!*'()=@+,?&-]+$`),
	}
}

type scalarType uint8

const (
	stringType scalarType = iota
	nullType
	boolType
	intType
	floatType
	timeType
)

func isNullWord(plain string) bool {
	switch plain {
	case "", "~", "null", "Null", "NULL":
		return true
	}
	return false
}

func (r *Resolver) typeOf(plain string) scalarType {
	if isNullWord(plain) {
		return nullType
	}
	switch plain {
	case "yes", "Yes", "YES", "no", "No", "NO", "true", "True", "TRUE", "false", "False", "FALSE",
		"on", "On", "ON", "off", "Off", "OFF":
		return boolType
	}
	switch {
	case r.integer.MatchString(plain):
		return intType
	case r.float.MatchString(plain):
		return floatType
	case r.timestamp.MatchString(plain):
		return timeType
	}
	return stringType
}

// IsNull tells a null from every other value.
func (n *Node) IsNull() bool {
	return n.Kind == Scalar && n.Plain && n.Tag == "" && isNullWord(n.Value)
}

// IsString tells a string from what YAML 1.1 makes of other plain scalars.
func (r *Resolver) IsString(n *Node) bool {
	return n.Kind == Scalar && (!n.Plain || n.Tag == "!!str" || n.Tag == "!" || n.Tag == "" && r.typeOf(n.Value) == stringType)
}

// JSON returns a plain scalar as a JSON value; a date is a string there.
func (r *Resolver) JSON(plain string) (text string, err error) {
	switch r.typeOf(plain) {
	case nullType:
		return "null", nil
	case boolType:
		switch strings.ToLower(plain) {
		case "yes", "true", "on":
			return "true", nil
		}
		return "false", nil
	case intType, floatType:
		return number(plain)
	}
	return QuoteJSON(plain), nil
}

// number writes a YAML 1.1 number for JSON, its digits as they are where JSON
// allows them: CloudFormation may use a number's text.
func number(plain string) (string, error) {
	s := strings.ReplaceAll(strings.TrimPrefix(plain, "+"), "_", "")
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	if strings.Contains(s, ":") {
		return sexagesimal(sign, s)
	}
	lower := strings.ToLower(s)
	if strings.HasSuffix(lower, ".inf") || lower == ".nan" {
		return "", fmt.Errorf("JSON has no number %s", plain)
	}
	if !strings.Contains(s, ".") {
		base := 10
		switch {
		case strings.HasPrefix(s, "0b"):
			base, s = 2, s[2:]
		case strings.HasPrefix(s, "0x"):
			base, s = 16, s[2:]
		case len(s) > 1 && s[0] == '0':
			base = 8
		}
		i, ok := new(big.Int).SetString(s, base)
		if !ok {
			return "", fmt.Errorf("%s is not a number", plain)
		}
		return sign + i.String(), nil
	}
	whole, rest, _ := strings.Cut(s, ".")
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if rest == "" || rest[0] < '0' || rest[0] > '9' {
		rest = "0" + rest
	}
	return sign + whole + "." + rest, nil
}

func sexagesimal(sign, s string) (string, error) {
	whole, fraction, isFloat := strings.Cut(s, ".")
	total := new(big.Int)
	for part := range strings.SplitSeq(whole, ":") {
		digit, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return "", fmt.Errorf("%s is too large a number", s)
		}
		total.Mul(total, big.NewInt(60)).Add(total, big.NewInt(digit))
	}
	text := sign + total.String()
	if isFloat {
		text += "." + fraction + "0"
	}
	return text, nil
}

// Identity tells two keys apart as YAML does: the number 1 and the string "1"
// are two.
func (r *Resolver) Identity(key *Node) string {
	if !r.IsString(key) {
		return "plain " + key.Value
	}
	return "text " + key.Value
}
