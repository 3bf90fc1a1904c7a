package syntax

import "testing"

// What plain scalars mean in YAML 1.1, with the examples of yaml.org/type and
// of templates that other tools damaged.
func TestYAML11(t *testing.T) {
	tests := []struct{ plain, json string }{
		{"", "null"}, {"~", "null"}, {"null", "null"}, {"Null", "null"}, {"nULL", `"nULL"`},
		{"yes", "true"}, {"Off", "false"}, {"TRUE", "true"}, {"y", `"y"`}, {"oN", `"oN"`},
		{"0", "0"}, {"-0", "-0"}, {"123", "123"}, {"+1", "1"}, {"1_000", "1000"}, {"0123", "83"}, {"0o17", `"0o17"`},
		{"012345678901", `"012345678901"`}, {"0b1010", "10"}, {"0x1F", "31"}, {"-0x1f", "-31"},
		{"190:20:30", "685230"}, {"12:30:45", "45045"}, {"-1:30", "-90"}, {"190:20:30.15", "685230.150"}, {"1:60", `"1:60"`},
		{"123456789012345678901234567890", "123456789012345678901234567890"},
		{"1.10", "1.10"}, {"1.", "1.0"}, {".5", "0.5"}, {"685.230_15e+03", "685.23015e+03"}, {"1.e+3", "1.0e+3"}, {"-1.5", "-1.5"}, {"00.5", "0.5"},
		{"1e3", `"1e3"`}, {"1.5e3", `"1.5e3"`}, {".", `"."`}, {"-.5", `"-.5"`},
		{"2012-10-17", `"2012-10-17"`}, {"2001-12-14t21:59:43.10-05:00", `"2001-12-14t21:59:43.10-05:00"`},
		{"a\"b", `"a\"b"`}, {"<&>", `"<&>"`}, {"é\u2028", `"é\u2028"`},
	}
	r := NewResolver()
	for _, test := range tests {
		got, err := r.JSON(test.plain)
		if err != nil || got != test.json {
			t.Errorf("%q is %s (%v), want %s", test.plain, got, err, test.json)
		}
	}
	for _, plain := range []string{".inf", "-.INF", ".NaN"} {
		if got, err := r.JSON(plain); err == nil {
			t.Errorf("%s is %s, want an error: JSON has no such number", plain, got)
		}
	}
	for plain, want := range map[string]scalarType{"2012-10-17": timeType, "x": stringType, "1.5": floatType} {
		if got := r.typeOf(plain); got != want {
			t.Errorf("%s has type %d, want %d", plain, got, want)
		}
	}
}
