package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A caller is who runs the program, as far as it has been asked for.
type caller struct {
	dryRun   bool // no request is made
	patience time.Duration
	aws      *aws.Config
	id       string // of the account
	problems []error
}

// stsPatience is how long STS may take, tries included: where it cannot be
// reached, the SDK would wait for minutes, and for a silent one for ever.
const stsPatience = 15 * time.Second

// account is the account whose buckets are meant: the build's own, where
// CodeBuild says which, else the caller's.
func (c *caller) account(ctx context.Context, region string) string {
	if arn := strings.Split(os.Getenv("CODEBUILD_BUILD_ARN"), ":"); len(arn) > 4 {
		return arn[4] // arn:aws:codebuild:REGION:ACCOUNT:build/...
	}
	if id := os.Getenv("AWS_ACCOUNT_ID"); id != "" {
		return id
	}
	if c.dryRun && c.id == "" {
		c.id = unknownAccount
		c.problems = append(c.problems, &problem.Error{Subject: "--s3-bucket", Message: "no request is made, so {account} cannot be found out", Hint: "set AWS_ACCOUNT_ID, or write the bucket's name in full"})
	}
	return c.ask(ctx, region, "--s3-bucket", "{account}")
}

// self is the caller's account, as AWS knows it. Where no request is made,
// nobody's bucket is asked for either.
func (c *caller) self(ctx context.Context, region string) string {
	if c.dryRun {
		return ""
	}
	return c.ask(ctx, region, "--expected-bucket-owner", "self")
}

// unknownAccount stands where the account was not found out, so that all other
// problems show too.
const unknownAccount = "000000000000"

func (c *caller) ask(ctx context.Context, region, flag, what string) string {
	if c.id != "" {
		return c.id
	}
	regional := c.aws.Copy()
	regional.Region = region // the global endpoint's tokens do not work in opt-in regions
	limited, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	out, err := sts.NewFromConfig(regional).GetCallerIdentity(limited, &sts.GetCallerIdentityInput{})
	if err != nil {
		c.id = unknownAccount
		hint := "are there AWS credentials?"
		var answer smithy.APIError
		var network net.Error
		if !errors.As(err, &answer) && errors.As(err, &network) || limited.Err() != nil {
			hint = "STS in " + region + " cannot be reached from here: in a VPC it takes a NAT gateway or an interface endpoint for sts; or name the account by its ID"
		}
		c.problems = append(c.problems, &problem.Error{Subject: flag, Message: "asking AWS for " + what + ": " + err.Error(), Err: err, Hint: hint})
		return c.id
	}
	c.id = aws.ToString(out.Account)
	return c.id
}

// provenance is what CodeBuild says of this build. It goes into metadata, and
// never into a key: the same code has the same key in every build.
func provenance() map[string]string {
	found := make(map[string]string)
	for key, variable := range map[string]string{
		"mrpackage-commit": "CODEBUILD_RESOLVED_SOURCE_VERSION",
		"mrpackage-build":  "CODEBUILD_BUILD_ID",
	} {
		if v := os.Getenv(variable); regexp.MustCompile(`^[!-~]{1,256}$`).MatchString(v) {
			found[key] = v
		}
	}
	return found
}

// byRegion is a flag's value for all regions, and those for one.
type byRegion struct {
	all string
	own map[string]string
}

func (v byRegion) of(region string) string {
	if own, ok := v.own[region]; ok {
		return own
	}
	return v.all
}

// parseByRegion reads VALUE and REGION=VALUE; what is "a bucket", for messages.
func parseByRegion(values []string, what string) (byRegion, error) {
	parsed := byRegion{own: make(map[string]string)}
	for _, v := range values {
		region, own, ok := strings.Cut(v, "=")
		switch {
		case v == "" || ok && own == "":
			return parsed, fmt.Errorf("%q: %s is missing", v, what)
		case ok && !packager.ValidRegion(region):
			return parsed, fmt.Errorf("%q: %q is not the name of a region", v, region)
		case ok && parsed.own[region] != "":
			return parsed, fmt.Errorf("%q: %s has %s already", v, region, parsed.own[region])
		case ok:
			parsed.own[region] = own
		case parsed.all != "":
			return parsed, fmt.Errorf("%q: %q is given for all regions already", v, parsed.all)
		default:
			parsed.all = v
		}
	}
	return parsed, nil
}

// parseBuckets reads names of buckets, which may hold {region} and {account}.
func parseBuckets(values []string) (byRegion, error) {
	parsed, err := parseByRegion(values, "the bucket's name")
	if err != nil {
		return parsed, err
	}
	for _, name := range values {
		for _, p := range regexp.MustCompile(`\{[^}]*\}`).FindAllString(name, -1) {
			if p != "{region}" && p != "{account}" {
				return parsed, fmt.Errorf("%q: %s is unknown; there are {region} and {account}", name, p)
			}
		}
	}
	return parsed, nil
}

// parseAge reads a number of days, or never.
func parseAge(s string) (time.Duration, error) {
	if s == "never" {
		return -1, nil
	}
	days, err := strconv.Atoi(strings.TrimSuffix(s, "d"))
	if err != nil || days < 1 || days > 10000 || !strings.HasSuffix(s, "d") {
		return 0, fmt.Errorf("%q: write days as 30d, or never", s)
	}
	return time.Duration(days) * 24 * time.Hour, nil
}

// parseShard reads I/N.
func parseShard(s string) (packager.Shard, error) {
	if s == "" {
		return packager.Shard{}, nil
	}
	index, count, ok := strings.Cut(s, "/")
	i, ierr := strconv.Atoi(index)
	n, nerr := strconv.Atoi(count)
	if !ok || ierr != nil || nerr != nil || i < 1 || i > n {
		return packager.Shard{}, fmt.Errorf("%q: write 2/4 for the second of four", s)
	}
	return packager.Shard{Index: i, Count: n}, nil
}

// parseTags reads KEY=VALUE. What a tag may hold is said in the S3 guide,
// "Categorizing your storage using tags".
func parseTags(values []string) (map[string]string, error) {
	tags := make(map[string]string)
	allowed := regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+@-]*$`)
	for _, v := range values {
		key, value, ok := strings.Cut(v, "=")
		switch {
		case !ok || key == "":
			return nil, fmt.Errorf("%q is not KEY=VALUE", v)
		case len([]rune(key)) > 128 || len([]rune(value)) > 256:
			return nil, fmt.Errorf("%q: a key has at most 128 characters, a value 256", v)
		case !allowed.MatchString(key) || !allowed.MatchString(value):
			return nil, fmt.Errorf("%q: use letters, digits, spaces and _.:/=+-@", v)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, fmt.Errorf("%q: keys that begin with aws: are AWS's own", v)
		}
		tags[key] = value
	}
	if len(tags) > 10 {
		return nil, fmt.Errorf("an object has at most 10 tags, and there are %d", len(tags))
	}
	return tags, nil
}

// parseProperties reads TYPE=PATH:FORM[:zip].
func parseProperties(values []string) ([]packager.Property, error) {
	var all []packager.Property
	for _, v := range values {
		typ, rest, _ := strings.Cut(v, "=")
		parts := strings.Split(rest, ":")
		p := packager.Property{Type: typ, Path: parts[0]}
		if len(parts) == 3 && parts[2] == "zip" {
			p.Zip = true
			parts = parts[:2]
		}
		if len(parts) != 2 || typ == "" || p.Path == "" {
			return nil, fmt.Errorf("%q is not TYPE=PATH:FORM or TYPE=PATH:FORM:zip, as AWS::Lambda::Function=Code:lambda:zip", v)
		}
		p.Form = packager.Form(parts[1])
		switch p.Form {
		case packager.FormS3, packager.FormURL, packager.FormLambda, packager.FormBucket:
		default:
			return nil, fmt.Errorf("%q: there is no form %q; there are s3, url, lambda and bucket", v, p.Form)
		}
		all = append(all, p)
	}
	return all, nil
}

// maxMetadata is S3's limit of 2 KB but for what mrpackage adds.
const maxMetadata = 1200

// parseMetadata reads the AWS CLI's two forms of a map.
func parseMetadata(s string) (map[string]string, error) {
	if s == "" {
		return nil, nil
	}
	m := make(map[string]string)
	if strings.HasPrefix(strings.TrimSpace(s), "{") {
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			return nil, fmt.Errorf("reading the JSON object: %w", err)
		}
	} else {
		lines, err := csv.NewReader(strings.NewReader(s)).ReadAll()
		if err != nil {
			return nil, fmt.Errorf("%q: %w", s, err)
		}
		if len(lines) != 1 {
			return nil, fmt.Errorf("%q has more than one line", s)
		}
		for _, field := range lines[0] {
			key, value, ok := strings.Cut(field, "=")
			if _, twice := m[key]; !ok || twice {
				return nil, fmt.Errorf("%q is not KEY=VALUE, or its key stands there twice", field)
			}
			m[key] = value
		}
	}
	size := 0
	lower := make(map[string]bool) // S3 does not tell keys apart by case
	for key, value := range m {
		size += len(key) + len(value)
		twice := lower[strings.ToLower(key)]
		lower[strings.ToLower(key)] = true
		switch {
		case twice:
			return nil, fmt.Errorf("the key %q stands there twice: S3 keeps keys in lower case", strings.ToLower(key))
		case value != strings.TrimSpace(value):
			return nil, fmt.Errorf("the value of %s begins or ends with a space, which HTTP headers do not keep", key)
		case size > maxMetadata:
			return nil, fmt.Errorf("an object takes 2 KB of metadata, and these are more than %d bytes beside mrpackage's own", maxMetadata)
		case !regexp.MustCompile(`^[A-Za-z0-9_.-]+$`).MatchString(key):
			return nil, fmt.Errorf("the key %q: use letters, digits and _.-", key)
		case strings.HasPrefix(strings.ToLower(key), "mrpackage-"):
			return nil, fmt.Errorf("the key %q: keys that begin with mrpackage- are mrpackage's own", key)
		case !regexp.MustCompile(`^[ -~]*$`).MatchString(value):
			return nil, errors.New("the value of " + key + " holds characters that HTTP headers cannot")
		}
	}
	return m, nil
}
