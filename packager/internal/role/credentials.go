package role

import (
	"cmp"
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// LoadAWS returns the AWS configuration: of the environment, of ~/.aws, and of the
// machine. A profile of "" is the one that the environment names. The SDK logs nothing:
// what matters of it comes back as an error.
func LoadAWS(ctx context.Context, profile string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(profile), config.WithLogger(logging.Nop{}))
	if err == nil {
		return cfg, nil
	}
	text := strings.Join(strings.Fields(err.Error()), " ") // some of the SDK's have several lines
	e := &problem.Error{Message: "loading the AWS configuration: " + text, Err: err}
	var missing config.SharedConfigProfileNotExistError
	if errors.As(err, &missing) {
		e.Hint = missingProfile(missing.Profile)
	}
	return cfg, e
}

// missingProfile says what to do about a profile that is nowhere. In the file config, a
// profile's section is called [profile NAME], and in the file credentials [NAME] (AWS
// CLI guide, "Configuration and credential file settings").
func missingProfile(name string) string {
	file := cmp.Or(os.Getenv("AWS_CONFIG_FILE"), config.DefaultSharedConfigFilename())
	credentials := cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), config.DefaultSharedCredentialsFilename())
	var known []string
	for _, section := range sections(file) {
		profile, ok := strings.CutPrefix(section, "profile ")
		switch {
		case section == name:
			return "in " + file + " the section [" + name + "] must be called [profile " + name + "]"
		case ok || section == "default":
			known = append(known, strings.TrimSpace(profile))
		}
	}
	for _, section := range sections(credentials) {
		if section == "profile "+name {
			return "in " + credentials + " the section [profile " + name + "] must be called [" + name + "]"
		}
		known = append(known, section)
	}
	slices.Sort(known)
	known = slices.Compact(known)
	for _, profile := range known {
		if problem.Similar(profile, name) {
			return "there is a profile " + profile
		}
	}
	if len(known) == 0 {
		return "there is no profile in " + file + " and " + credentials
	}
	return "there are " + strings.Join(known, ", ")
}

// sections are the names of a configuration file's sections, none where it cannot be read.
func sections(file string) (names []string) {
	text, err := os.ReadFile(file) //nolint:gosec // the user's variables name it
	if err != nil {
		return nil
	}
	for _, m := range regexp.MustCompile(`(?m)^[ \t]*\[[ \t]*([^\]\r\n]*?)[ \t]*\]`).FindAllSubmatch(text, -1) {
		names = append(names, strings.Join(strings.Fields(string(m[1])), " "))
	}
	return names
}

// WithoutCredentials explains why a request could not be signed; nil where it was, or
// where that is not why it failed. The reason is the same for all buckets, and none of
// them is at fault.
func WithoutCredentials(cfg aws.Config, err error) error {
	// The SDK has no error of its own for it.
	_, reason, ok := strings.Cut(err.Error(), "get credentials: ")
	if !ok {
		if _, reason, ok = strings.Cut(err.Error(), "failed to refresh cached credentials, "); !ok {
			return nil
		}
	}
	reason = strings.TrimPrefix(reason, "failed to refresh cached credentials, ")
	return &problem.Error{Message: "getting AWS credentials: " + reason, Err: err, Hint: signIn(reason, profileOf(cfg))}
}

// signIn says how to get credentials, by what the SDK's providers say of their reasons.
func signIn(reason, profile string) string {
	flag, named := "", "this profile"
	if profile != "" && profile != "default" {
		flag, named = " --profile "+profile, "the profile "+profile
	}
	for _, provider := range []struct{ says, hint string }{
		{"SSO token", "run aws sso login" + flag},
		{"SSO session", "run aws sso login" + flag},
		{"operation error SSO", "run aws sso login" + flag + "; where that helps nothing, may its user take the role sso_role_name?"},
		{"login token", "run aws login" + flag},
		{"reauthenticate", "run aws login" + flag},
		{"credential_process", "run the program that credential_process names in " + named + ", and see what it says"},
		{"process provider error", "run the program that credential_process names in " + named + ", and see what it says"},
		{"failed to retrieve jwt", "AWS_WEB_IDENTITY_TOKEN_FILE, or web_identity_token_file of " + named + ", must name a file that is there"},
		{"STS: AssumeRoleWithWebIdentity", "the role's trust policy must let this token's owner assume it"},
		{"STS: AssumeRole", "the caller must be allowed sts:AssumeRole for role_arn of " + named + ", and the role's trust policy must allow the caller"},
	} {
		if strings.Contains(reason, provider.says) {
			return provider.hint
		}
	}
	return "no AWS credentials: run in CodeBuild with a service role, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; --dry-run needs none"
}

// profileOf is the profile that a configuration was read of, "" where it says none.
func profileOf(cfg aws.Config) string {
	for _, source := range cfg.ConfigSources {
		if shared, ok := source.(config.SharedConfig); ok && shared.Profile != "" {
			return shared.Profile
		}
	}
	return os.Getenv("AWS_PROFILE")
}
