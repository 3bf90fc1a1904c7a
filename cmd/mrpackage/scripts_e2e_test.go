//go:build e2e

package main_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	token = "ghp_0123456789abcdefABCDEF"

	// moto's account is always the same.
	bucketPrefix = "multi-region-codepipeline-123456789012"
)

// The scripts that set the pipeline up, with the AWS CLI, against moto.
func TestE2EScripts(t *testing.T) {
	m := startMoto(t)
	if m == nil {
		return
	}
	aws, err := exec.LookPath("aws")
	check(t, err)
	addProgram(t, m.programs, "aws", `echo "$@" >>"$ARGUMENTS"; exec '`+aws+`' "$@"`)
	addProgram(t, m.programs, "mrpackage", "exec '"+buildProgram(t)+`' "$@"`)

	for _, tt := range []struct {
		name string
		test func(*testing.T)
	}{
		{"Arguments", m.testArguments},
		{"ArtifactBuckets", m.testArtifactBuckets},
		{"ArtifactBucketsFault", m.testArtifactBucketsFault},
		{"Pipeline", m.testPipeline},
		{"PipelineFaults", m.testPipelineFaults},
		{"DevDeploy", m.testDevDeploy},
	} {
		m.reset(t)
		t.Run(tt.name, tt.test)
	}
}

func (m *moto) testArtifactBuckets(t *testing.T) {
	const script = `"$C/deployment-pipeline/create-artifact-buckets.sh"`
	dir := checkout(t)
	r := m.script(t, dir, "", script)
	r.wantExit(t, 0)
	for _, region := range []string{east, west} {
		if !strings.Contains(r.stdout, region+": "+bucketPrefix+"-"+region+"\n") {
			t.Errorf("stdout does not tell the bucket of %s:\n%s", region, r.stdout)
		}
	}
	for _, c := range r.calls {
		if name := c.form.Get("StackName"); c.action == "CreateChangeSet" && name != "multi-region-codepipeline-artifact-bucket" {
			t.Errorf("the stack is %q", name)
		}
	}
	m.wantBuckets(t, east, west)

	// Again, after a region was added in pipeline.yaml and nowhere else.
	addRegion(t, dir)
	m.script(t, dir, "", script).wantExit(t, 0)
	m.wantBuckets(t, third, east, west)

	m.reset(t)
	m.script(t, dir, "", script+" eu-central-1").wantExit(t, 0)
	m.wantBuckets(t, "eu-central-1")
}

// One region's failure is told, and does not keep the others from theirs.
func (m *moto) testArtifactBucketsFault(t *testing.T) {
	m.refuse("", west, "AccessDenied", "not you")
	r := m.script(t, checkout(t), "", `"$C/deployment-pipeline/create-artifact-buckets.sh"`)
	r.wantExit(t, 1)
	r.wantError(t, "no bucket in us-west-2\n")
	if !strings.Contains(r.stdout, "us-west-2: ") || !strings.Contains(r.stdout, "not you") {
		t.Errorf("stdout does not tell the cause:\n%s", r.stdout)
	}
	m.wantBuckets(t, east)
}

func (m *moto) testPipeline(t *testing.T) {
	dir := checkout(t)
	create := `"$C/deployment-pipeline/create-pipeline.sh" "$TOKEN" ` + bucketPrefix
	r := m.script(t, dir, west, create)
	r.wantExit(t, 0)
	wantPipelineStack(t, dir, r.wantCall(t, "CreateStack"), west)

	r = m.script(t, dir, west, create)
	r.wantExit(t, 1)
	r.wantError(t, "already exists", "run update-pipeline.sh")

	r = m.script(t, dir, west, `echo "$TOKEN" | "$C/deployment-pipeline/update-pipeline.sh" - `+bucketPrefix)
	r.wantExit(t, 0)
	wantPipelineStack(t, dir, r.wantCall(t, "UpdateStack"), west)

	// Without the end of the line, as printf and most password managers give it.
	r = m.script(t, dir, west, `printf %s "$TOKEN" | "$C/deployment-pipeline/update-pipeline.sh" - `+bucketPrefix)
	r.wantExit(t, 0)
	wantPipelineStack(t, dir, r.wantCall(t, "UpdateStack"), west)
}

func wantPipelineStack(t *testing.T, checkout string, c call, region string) {
	t.Helper()
	if c.region != region {
		t.Errorf("the pipeline is in %s, want %s", c.region, region)
	}
	parameters := map[string]string{}
	for _, n := range []string{"1", "2", "3"} {
		if key := c.form.Get("Parameters.member." + n + ".ParameterKey"); key != "" {
			parameters[key] = c.form.Get("Parameters.member." + n + ".ParameterValue")
		}
	}
	if len(parameters) != 2 || parameters["GitHubOAuthToken"] != token || parameters["ArtifactBucketNamePrefix"] != bucketPrefix {
		t.Errorf("the parameters are %q", parameters)
	}
	for key, want := range map[string]string{
		"StackName":             "multi-region-codepipeline",
		"Capabilities.member.1": "CAPABILITY_IAM",
		"TemplateBody":          readFile(t, filepath.Join(checkout, "deployment-pipeline", "pipeline.yaml")),
	} {
		if got := c.form.Get(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// What CloudFormation says after it took the command, or instead.
func (m *moto) testPipelineFaults(t *testing.T) {
	dir := checkout(t)
	arguments := ` "$TOKEN" ` + bucketPrefix
	update := `"$C/deployment-pipeline/update-pipeline.sh"` + arguments

	m.refuse("UpdateStack", east, "ValidationError", "No updates are to be performed.")
	r := m.script(t, dir, east, update)
	r.wantExit(t, 0)
	if !strings.Contains(r.stdout, "the pipeline is up to date") {
		t.Errorf("stdout is %q", r.stdout)
	}

	m.refuse("UpdateStack", east, "AccessDenied", "not you")
	r = m.script(t, dir, east, update)
	r.wantExit(t, 1)
	r.wantError(t, "not you")

	m.refuse("DescribeStacks", east, "ValidationError", "gone")
	r = m.script(t, dir, east, `"$C/deployment-pipeline/create-pipeline.sh"`+arguments)
	r.wantExit(t, 1)
	r.wantError(t, "multi-region-codepipeline was not created")
	r.wantCall(t, "DescribeStackEvents")
}

func (m *moto) testArguments(t *testing.T) {
	dir := checkout(t)
	const (
		usage     = "usage: create-pipeline.sh GITHUB-TOKEN ARTIFACT-BUCKET-NAME-PREFIX"
		create    = `"$C/deployment-pipeline/create-pipeline.sh"`
		update    = `"$C/deployment-pipeline/update-pipeline.sh"`
		devDeploy = `"$C/dev-deploy.sh"`
	)
	tests := []struct {
		region, command string
		stderr          []string
	}{
		{east, create, []string{"token is missing", usage}},
		{east, create + ` ""`, []string{"token is missing", usage}},
		{east, create + ` "$TOKEN"`, []string{"prefix is missing", usage}},
		{east, create + ` "$TOKEN" ""`, []string{"prefix is missing", usage}},
		{east, create + ` "$TOKEN" a b`, []string{"more arguments", usage}},
		{east, update, []string{"token is missing", "usage: update-pipeline.sh GITHUB-TOKEN"}},
		{east, update + ` "$TOKEN"`, []string{"prefix is missing", "usage: update-pipeline.sh GITHUB-TOKEN"}},
		{east, update + ` - a </dev/null`, []string{"standard input holds no token"}},
		{east, create + ` "$TOKEN" under_score`, []string{`the prefix "under_score" has other characters`}},
		{east, create + ` "$TOKEN\"x" a`, []string{"token has other characters"}},
		{third, create + ` "$TOKEN" a`, []string{"no artifact store in eu-west-1"}},
		{"us-west", create + ` "$TOKEN" a`, []string{"no artifact store in us-west,"}},
		{"", create + ` "$TOKEN" a`, []string{"no region is configured"}},
		{east, `"$C/deployment-pipeline/create-artifact-buckets.sh" --help`, []string{"usage: .*create-artifact-buckets.sh"}},
		{east, devDeploy, []string{"usage: dev-deploy.sh BUCKET"}},
		{east, devDeploy + ` ""`, []string{"usage: dev-deploy.sh BUCKET"}},
		{east, devDeploy + ` a b`, []string{"usage: dev-deploy.sh BUCKET"}},
		{"", devDeploy + ` a`, []string{"no region is configured"}},
	}
	for _, tt := range tests {
		t.Run(tt.region+" "+tt.command, func(t *testing.T) {
			m.script(t, dir, tt.region, tt.command).wantRefusal(t, tt.stderr...)
		})
	}
}

func (m *moto) testDevDeploy(t *testing.T) {
	if _, ok := image(t); !ok {
		return
	}
	dir := checkout(t)
	r := m.script(t, dir, west, `"$C/dev-deploy.sh" tried-here`)
	r.wantExit(t, 1) // there is no such bucket
	if slices.ContainsFunc(r.calls, func(c call) bool { return c.action != "" }) {
		t.Errorf("without the code in a bucket, it asked CloudFormation for something")
	}

	r = m.script(t, dir, west, `aws s3 mb --region us-west-2 s3://tried-here && "$C/dev-deploy.sh" tried-here`)
	r.wantExit(t, 0)
	c := r.wantCall(t, "CreateChangeSet")
	if c.region != west || c.form.Get("StackName") != "multi-region-app" || c.form.Get("Capabilities.member.1") != "CAPABILITY_IAM" {
		t.Errorf("the stack is %s in %s, with %s", c.form.Get("StackName"), c.region, c.form.Get("Capabilities.member.1"))
	}
	code := m.s3().code(t, west, "tried-here", c.form.Get("TemplateBody"))
	if _, ok := unpack(t, []byte(code))["src/lambda.js"]; !ok {
		t.Error("the code is not in its archive")
	}
	if want := "\nhttps://console.aws.amazon.com/lambda/home?region=us-west-2#/applications/multi-region-app\n"; !strings.HasSuffix(r.stdout, want) {
		t.Errorf("stdout does not end in %q:\n%s", want, r.stdout)
	}
}

// refuse makes moto refuse an action (all of them, if it is empty) in a region.
func (m *moto) refuse(action, region, code, message string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = func(c call) (string, string) {
		if c.action != "" && (action == "" || c.action == action) && c.region == region {
			return code, message
		}
		return "", ""
	}
}

// s3 has the harness's ways with buckets.
func (m *moto) s3() *e2e { return &e2e{endpoint: m.endpoint} }

// wantBuckets holds the account's buckets against those of the regions, in the order of the alphabet.
func (m *moto) wantBuckets(t *testing.T, regions ...string) {
	t.Helper()
	list, err := m.s3().client(east).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	check(t, err)
	var got, want []string
	for _, bucket := range list.Buckets {
		got = append(got, *bucket.Name)
	}
	for _, region := range regions {
		want = append(want, bucketPrefix+"-"+region)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the buckets are %q, want %q", got, want)
	}
}
