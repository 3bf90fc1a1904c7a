package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/ststest"
)

func rolesOf(ts *testscript.TestScript) *ststest.Server { return ts.Value("sts").(*ststest.Server) }

// stsRole makes a role that can be assumed.
func stsRole(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "stsrole ARN [EXTERNAL-ID]", 1)
	rolesOf(ts).CreateRole(ststest.Role{ARN: args[0], ExternalID: strings.Join(args[1:], "")})
}

func stsFails(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "stsfail OPERATION REGION STATUS CODE [TIMES]", 4)
	numbers := []string{args[2], "0"}
	copy(numbers[1:], args[4:])
	status, err := strconv.Atoi(numbers[0])
	ts.Check(err)
	times, err := strconv.Atoi(numbers[1])
	ts.Check(err)
	rolesOf(ts).Fail(ststest.Fault{Operation: args[0], Region: args[1], Status: status, Code: args[3], Times: times})
}

// stsRequests prints what was asked since the last time, sorted.
func stsRequests(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "stsrequests", 0)
	var lines []string
	for _, r := range rolesOf(ts).Requests() {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Operation, r.Region, r.Role))+"\n")
	}
	rolesOf(ts).ResetRequests()
	slices.Sort(lines)
	fmt.Fprint(ts.Stdout(), strings.Join(lines, ""))
}

// guardBucket has a bucket let in one role alone.
func guardBucket(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "guard BUCKET ARN", 2)
	server(ts).Guard(args[0], rolesOf(ts).Only(args[1]))
}

// guardRegistries has Amazon ECR let in roles alone, each with its own account's registry.
func guardRegistries(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "ecrguard", 0)
	sts := rolesOf(ts)
	registriesOf(ts).Guard(func(accessKey, token string) (account, code string) {
		arn, code := sts.Signer(accessKey, token)
		if arn == ststest.Caller {
			code = "AccessDeniedException"
		}
		if code != "" {
			return "", code
		}
		return strings.Split(arn, ":")[4], ""
	})
}
