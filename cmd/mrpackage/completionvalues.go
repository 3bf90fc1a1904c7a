package main

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
)

// completeValues has cobra complete the values of all flags of a command and of those below it. What a flag takes is
// known by its help: by the name of its value, and whether it may be repeated. So a new flag is completed without more.
func completeValues(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name, usage := pflag.UnquoteUsage(f)
		if f.NoOptDefVal == "" { // no switch
			_ = cmd.RegisterFlagCompletionFunc(f.Name, completerOf(f, name)) // it has none yet
		}
		f.Value = typedValue{f.Value, strings.Contains(usage, "repeatable")}
		f.Usage = firstClause(strings.TrimPrefix(usage, name))
	})
	for _, below := range cmd.Commands() {
		completeValues(below)
	}
}

// A typedValue is the value of a flag in a line that is completed. It may be wrong yet, and cobra sets each one
// twice: it takes everything.
type typedValue struct {
	pflag.Value
	repeatable bool // the flag is offered again after it was given
}

// Set takes what was typed.
func (typedValue) Set(string) error { return nil }

// Type is, where the flag may be given again, one of those by which cobra knows that.
func (v typedValue) Type() string {
	if v.repeatable {
		return "stringArray"
	}
	return v.Value.Type()
}

// firstClause is enough of a flag's help to know it by.
func firstClause(usage string) string {
	return strings.TrimSpace(regexp.MustCompile(`([.;:,] | \().*`).ReplaceAllString(usage+" ", ""))
}

// completerOf completes the value of a flag; name is what the help calls it.
func completerOf(f *pflag.Flag, name string) cobra.CompletionFunc {
	if v, ok := f.Value.(interface{ choices() []string }); ok {
		return oneOfWords(v.choices()...)
	}
	switch name {
	case "FILE", "PATH":
		if strings.Contains(f.Name, "template") && name == "FILE" {
			return endings("yaml", "yml", "json")
		}
		return nil // any file
	case "buildspec":
		return endings("yaml", "yml")
	case "FOLDER":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case "PROGRAM":
		return oneOfWords("docker", "podman", "finch", "nerdctl")
	case "AGE":
		return oneOfWords("30d", "never")
	case "REGION,...":
		return completeRegions
	case "TYPE=PATH:FORM":
		return completeProperty
	}
	if strings.Contains(f.Usage, " REGION=") {
		return completeByRegion(name == "ACCOUNT")
	}
	return cobra.NoFileCompletions
}

// oneOfWords completes one of a few words.
func oneOfWords(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) (found []string, _ cobra.ShellCompDirective) {
		for _, word := range words {
			if strings.HasPrefix(word, typed) {
				found = append(found, word)
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// endings completes files of some kinds.
func endings(all ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(all, cobra.ShellCompDirectiveFilterFileExt)
}

// regionsToChoose are those of the environment's variables, and then those that AWS has.
func regionsToChoose() []string {
	all := packager.RegionsOf(os.Environ())
	for _, region := range packager.KnownRegions() {
		if !slices.Contains(all, region) {
			all = append(all, region)
		}
	}
	return all
}

// completeRegions completes the last of regions that are divided by commas, with one that is not
// among them.
func completeRegions(_ *cobra.Command, _ []string, typed string) (found []string, _ cobra.ShellCompDirective) {
	at := strings.LastIndexAny(typed, ", \t") + 1
	given := strings.FieldsFunc(typed[:at], func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	for _, region := range regionsToChoose() {
		if strings.HasPrefix(region, typed[at:]) && !slices.Contains(given, region) {
			found = append(found, typed[:at]+region)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeByRegion completes the region in REGION=VALUE. An account may be self.
func completeByRegion(self bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) (found []string, _ cobra.ShellCompDirective) {
		region, value, ok := strings.Cut(typed, "=")
		head := ""
		if ok {
			head, region = region+"=", ""
		} else {
			value = typed
		}
		const account = "self"
		if self && strings.HasPrefix(account, value) {
			found = append(found, head+account)
		}
		if ok || region == "" && self {
			return found, cobra.ShellCompDirectiveNoFileComp
		}
		for _, r := range regionsToChoose() {
			if region != "" && strings.HasPrefix(r, region) {
				found = append(found, r+"=")
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveKeepOrder
	}
}

// completeProperty completes the form in TYPE=PATH:FORM, and :zip behind it.
func completeProperty(_ *cobra.Command, _ []string, typed string) (found []string, _ cobra.ShellCompDirective) {
	typ, rest, named := strings.Cut(typed, "=")
	path, form, ok := strings.Cut(rest, ":")
	if !named || !ok {
		return nil, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	for _, f := range []packager.Form{packager.FormS3, packager.FormURL, packager.FormLambda, packager.FormBucket, packager.FormImage} {
		for _, whole := range []string{string(f), string(f) + ":zip"} {
			if strings.HasPrefix(whole, form) && (whole == string(f) || strings.HasPrefix(form, string(f))) {
				found = append(found, typ+"="+path+":"+whole)
			}
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}
