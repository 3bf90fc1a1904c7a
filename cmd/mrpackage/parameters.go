package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// parameters are those of --parameter-overrides, which may be given several times.
type parameters map[string]string

// add takes in NAME=VALUE,... or a JSON object.
func (p *parameters) add(s string) error {
	all, err := parametersOf(s)
	if err != nil {
		return err
	}
	if *p == nil {
		*p = make(parameters)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !isParameter(name) {
			return fmt.Errorf("%q is not NAME=VALUE: a name has letters and digits alone", name+"="+all[name])
		}
		if old, twice := (*p)[name]; twice {
			return fmt.Errorf("%s has the value %q already", name, old)
		}
		(*p)[name] = all[name]
	}
	return nil
}

func parametersOf(s string) (map[string]string, error) {
	switch {
	case strings.TrimSpace(s) == "":
		return nil, errors.New("a parameter is missing")
	case !strings.HasPrefix(strings.TrimSpace(s), "{"):
		return parseShorthand(s)
	}
	var values map[string]any
	decoder := json.NewDecoder(bytes.NewReader([]byte(s)))
	decoder.UseNumber() // which is as it was written
	if err := decoder.Decode(&values); err != nil {
		return nil, fmt.Errorf("reading the JSON object: %w", err)
	}
	if decoder.More() {
		return nil, errors.New("something stands behind the JSON object")
	}
	all := make(map[string]string)
	for name, value := range values {
		switch value.(type) {
		case string, json.Number, bool:
			all[name] = fmt.Sprint(value)
		default:
			return nil, fmt.Errorf("the value of %s is no text", name)
		}
	}
	return all, nil
}

// isParameter tells whether CloudFormation takes a text for a parameter's name.
func isParameter(name string) bool { return regexp.MustCompile(`^[A-Za-z0-9]+$`).MatchString(name) }

// checkParameterArgument finds a parameter where a template is meant: aws cloudformation deploy
// takes parameters one after the other.
func checkParameterArgument(arg string) error {
	name, _, named := strings.Cut(arg, "=")
	if _, err := os.Stat(arg); !named || !isParameter(name) || packager.ValidRegion(name) || err == nil {
		return nil
	}
	return fmt.Errorf("%q names no region; a parameter is --parameter-overrides %s", arg, arg)
}
