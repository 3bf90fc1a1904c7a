package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// tags are those of every uploaded object.
type tags map[string]string

// add reads KEY=VALUE. What a tag may hold is said in the S3 guide,
// "Categorizing your storage using tags".
func (t *tags) add(s string) error {
	allowed := regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+@-]*$`)
	key, value, ok := strings.Cut(s, "=")
	switch {
	case !ok || key == "":
		return errors.New("write KEY=VALUE")
	case len([]rune(key)) > 128 || len([]rune(value)) > 256:
		return errors.New("a key has at most 128 characters, a value 256")
	case !allowed.MatchString(key) || !allowed.MatchString(value):
		return errors.New("use letters, digits, spaces and _.:/=+-@; each --tag is one")
	case strings.HasPrefix(strings.ToLower(key), "aws:"):
		return errors.New("keys that begin with aws: are AWS's own")
	case len(*t) == 10:
		return errors.New("an object has at most 10 tags, and this is one more")
	}
	if _, twice := (*t)[key]; twice {
		return fmt.Errorf("%s has a value already", key)
	}
	if *t == nil {
		*t = make(tags)
	}
	(*t)[key] = value
	return nil
}

// properties are those of --property.
type properties []packager.Property

// add reads a list of TYPE=PATH:FORM[:zip].
func (p *properties) add(s string) error {
	items, err := splitList(s, "TYPE=PATH:FORM")
	for _, item := range items {
		property, err := parseProperty(item)
		if err != nil {
			return err
		}
		*p = append(*p, property)
	}
	return err
}

func parseProperty(s string) (p packager.Property, err error) {
	typ, rest, _ := strings.Cut(s, "=")
	path, form, _ := strings.Cut(rest, ":")
	form, zip := strings.CutSuffix(form, ":zip")
	if typ == "" || path == "" || form == "" || strings.Contains(form, ":") {
		return p, errors.New("write TYPE=PATH:FORM or TYPE=PATH:FORM:zip, as AWS::Lambda::Function=Code:lambda:zip")
	}
	p = packager.Property{Type: typ, Path: path, Form: packager.Form(form), Zip: zip}
	switch p.Form {
	case packager.FormS3, packager.FormURL, packager.FormLambda, packager.FormBucket, packager.FormImage:
		return p, nil
	}
	return p, fmt.Errorf("there is no form %q; there are s3, url, lambda, bucket and image", form)
}

// metadata is that of --metadata, which may be given several times: of one key the last value
// counts.
type metadata map[string]string

// add takes in one of the AWS CLI's two forms of a map.
func (m *metadata) add(s string) error {
	if s == "" {
		return nil
	}
	more, err := make(map[string]string), error(nil)
	if strings.HasPrefix(strings.TrimSpace(s), "{") {
		if err = json.Unmarshal([]byte(s), &more); err != nil {
			err = fmt.Errorf("reading the JSON object: %w", err)
		}
	} else {
		more, err = parseShorthand(s)
	}
	if err != nil {
		return err
	}
	if *m == nil {
		*m = make(metadata)
	}
	maps.Copy(*m, more)
	return packager.CheckMetadata(*m)
}

// parseShorthand reads KEY=VALUE,KEY=VALUE; quotes enclose a comma.
func parseShorthand(s string) (map[string]string, error) {
	if strings.ContainsAny(s, "\r\n") && !strings.Contains(s, `"`) {
		return nil, errors.New("this has more than one line")
	}
	lines, err := csv.NewReader(strings.NewReader(s)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(lines) != 1 {
		return nil, errors.New("this has more than one line")
	}
	all := make(map[string]string)
	for _, field := range lines[0] {
		key, value, ok := strings.Cut(field, "=")
		if _, twice := all[key]; !ok || twice {
			return nil, fmt.Errorf("%q is not KEY=VALUE, or its key stands there twice", field)
		}
		all[key] = value
	}
	return all, nil
}
