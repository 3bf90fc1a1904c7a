package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
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
	offline  bool // no request is made
	patience time.Duration
	aws      *aws.Config
	role     string // the account of the role that acts for the caller; "" where none does
	id       string // of the account
	problems []error
}

// as is the caller when a role acts for it: its account is the role's, which the ARN tells.
func (c *caller) as(role packager.Role) *caller {
	if role.ARN == "" {
		return c
	}
	return &caller{role: cmp.Or(role.Account(), unknownAccount)} // an ARN that is none is a problem already
}

// stsPatience is how long STS may take, tries included: where it cannot be
// reached, the SDK would wait for minutes, and for a silent one for ever.
const stsPatience = 15 * time.Second

// unknownAccount stands in the place of an account that was not found out. The
// run is refused then, but goes on to find all other problems too.
const unknownAccount = "000000000000"

// unknownRegion stands in the place of the region of a configuration that cannot be
// read, in the same way.
const unknownRegion = "us-east-1"

// account is the account whose buckets or repositories are meant: the role's, or the build's
// own, where CodeBuild says which, else the caller's.
func (c *caller) account(ctx context.Context, region, flag string) string {
	if c.role != "" {
		return c.role
	}
	if arn := strings.Split(os.Getenv("CODEBUILD_BUILD_ARN"), ":"); len(arn) > 4 {
		return arn[4] // arn:aws:codebuild:REGION:ACCOUNT:build/...
	}
	if id := os.Getenv("AWS_ACCOUNT_ID"); id != "" {
		return id
	}
	if c.offline && c.id == "" {
		c.id = unknownAccount
		c.problems = append(c.problems, &problem.Error{Subject: flag, Message: "no request is made, so {account} cannot be found out", Hint: "set AWS_ACCOUNT_ID, or write it out"})
	}
	return c.ask(ctx, region, flag, "{account}")
}

// self is the caller's account, as AWS knows it; "", which means no expected
// owner, where no request is made: no bucket is looked at then.
func (c *caller) self(ctx context.Context, region string) string {
	if c.role != "" {
		return c.role
	}
	if c.offline {
		return ""
	}
	return c.ask(ctx, region, "--expected-bucket-owner", "self")
}

// refusedCredentials says what to do about credentials that AWS does not take.
func refusedCredentials(code string) string {
	switch code {
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return "the credentials have expired: sign in again"
	case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure":
		return "AWS does not know these credentials: check AWS_PROFILE and the AWS_* variables"
	}
	return ""
}

// ask asks STS for the caller's account, once.
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
		said, hint := err.Error(), "name the account by its ID, or set AWS_ACCOUNT_ID"
		var answer smithy.APIError
		if errors.As(err, &answer) {
			said = fmt.Sprintf("%s (%s)", answer.ErrorCode(), answer.ErrorMessage())
			hint = cmp.Or(refusedCredentials(answer.ErrorCode()), hint)
		}
		var network net.Error
		if !errors.As(err, &answer) && errors.As(err, &network) || limited.Err() != nil {
			hint = "STS in " + region + " cannot be reached from here: in a VPC it takes a NAT gateway or an interface endpoint for sts; or name the account by its ID"
		}
		if e := packager.WithoutCredentials(*c.aws, err); e != nil {
			c.problems = append(c.problems, e)
			return c.id
		}
		c.problems = append(c.problems, &problem.Error{Subject: flag, Message: "asking AWS for " + what + ": " + said, Err: err, Hint: hint})
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
