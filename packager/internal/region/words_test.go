package region

import (
	"slices"
	"testing"
)

func TestIn(t *testing.T) {
	for name, want := range map[string][]string{
		"code-us-east-1":                    {"us-east-1"},
		"code-us-gov-west-1-123456789012":   {"us-gov-west-1"},
		"code.cn-northwest-1.example":       {"cn-northwest-1"},
		"eu-west-1-to-ap-southeast-2":       {"eu-west-1", "ap-southeast-2"},
		"target/packaged-ca-central-1.yaml": {"ca-central-1"},
		"${Prefix}-eusc-de-east-1":          {"eusc-de-east-1"},
		"code-us-east-123456789012":         nil, // an account's number
		"nexus-east-1":                      nil, // a part of a word
		"code-eu-upwards-1":                 nil,
		"us-east":                           nil,
		"":                                  nil,
	} {
		if got := In(name); !slices.Equal(got, want) {
			t.Errorf("In(%q) = %q, not %q", name, got, want)
		}
	}
}

func TestOther(t *testing.T) {
	for _, c := range []struct{ name, region, want string }{
		{"code-us-east-1", "us-west-2", "us-east-1"},
		{"code-us-west-2", "us-west-2", ""},
		{"from-us-east-1-to-us-west-2", "us-west-2", ""},
		{"code", "us-west-2", ""},
		{"code-us-east-1", "${Region}", ""},
	} {
		if got := Other(c.name, c.region); got != c.want {
			t.Errorf("Other(%q, %q) = %q, not %q", c.name, c.region, got, c.want)
		}
	}
}

func TestMeantAsVariable(t *testing.T) {
	for name, want := range map[string]bool{
		"US_WEST_2_ARTIFACT_BUCKET":    true,
		"US_WEST2_ARTIFACT_BUCKET":     true,
		"us-west-2_artifact_bucket":    true,
		"USWEST2_ARTIFACT_BUCKET":      true,
		"AP_SOUTHEAST_ARTIFACT_BUCKET": true,
		"EXTRA_ARTIFACT_BUCKET":        false,
		"MY_WEST_ARTIFACT_BUCKET":      false,
		"ARTIFACT_BUCKET":              false,
	} {
		if got := MeantAsVariable(name); got != want {
			t.Errorf("MeantAsVariable(%q) = %v", name, got)
		}
	}
}
