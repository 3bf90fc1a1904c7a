//go:build e2e

package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// The new pipeline, from the commands of its page to stacks in three regions. moto plays AWS; what it does not make of the
// pipeline's template is played here, by what the template says: the stack set, the build and the deploy actions.
func TestE2EPipelineV2(t *testing.T) {
	m := startMoto(t)
	if m == nil {
		return
	}
	programs, ok := image(t)
	if !ok {
		return
	}
	program := "exec '" + buildProgram(t) + `' "$@"`
	addProgram(t, m.programs, "mrpackage", program)
	addProgram(t, programs, "mrpackage", program)
	f := fork{moto: m, dir: checkout(t), programs: programs}
	m.mend = rememberLists()

	create := page(t, "Set up", 0)
	words := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	if !strings.Contains(words(readFile(t, filepath.Join("..", "..", "README.md"))), words(create)) {
		t.Error("README.md creates the pipeline in another way")
	}
	f.run(t, create)
	f.wantResources(t)
	f.run(t, page(t, "Set up", 1))
	p := f.pipeline(t, nil)
	f.makeBuckets(t, p)
	f.wantBuckets(t, p, east, west)
	t.Run("BuildRole", func(t *testing.T) { f.testBuildRole(t, p) })

	// A third region: three places of one file.
	f.edit(t, "    Default: us-east-1,us-west-2\n", "    Default: us-east-1,us-west-2,eu-west-1\n")
	f.edit(t, storeOf(west), storeOf(west)+storeOf(third))
	action := deployOf(t, f.template(t))
	f.edit(t, action, action+strings.NewReplacer(west, third, "UsWest2", "EuWest1").Replace(action))
	f.run(t, page(t, "Add a region", 0)) // mrpackage check
	f.run(t, page(t, "Add a region", 1))
	p = f.pipeline(t, nil)
	f.makeBuckets(t, p)
	f.wantBuckets(t, p, third, east, west)
	artifact := f.build(t, p, nil)
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import samtranslator").Run(); err != nil {
		t.Log("the stacks were not made, as there is no Python with SAM's translator:", err)
	} else {
		f.deploy(t, p, artifact)
		f.wantFunctions(t, p, east, west, third)
	}

	// It goes, and comes back. Its bucket never goes.
	f.run(t, page(t, "Take a region out, and bring it back", 0))
	f.run(t, page(t, "Take a region out, and bring it back", 1))
	two := f.pipeline(t, map[string]string{"Regions": "us-east-1,us-west-2"})
	f.makeBuckets(t, two)
	f.wantBuckets(t, p, third, east, west)
	t.Run("AnewInPlaceOfKept", func(t *testing.T) { f.testAnew(t, p) })
	f.run(t, page(t, "Take a region out, and bring it back", 2))
	back := f.pipeline(t, map[string]string{"Regions": "us-east-1,us-west-2", "RegionsWithBucket": third})
	f.makeBuckets(t, back)
	f.wantBuckets(t, p, third, east, west)
	if again := f.build(t, back, nil); !reflect.DeepEqual(again, artifact) {
		t.Errorf("with the bucket that was kept the artifact is\n%q, and was\n%q", again, artifact)
	}

	// Torn down and built again, it has buckets of other names.
	f.edit(t, "    Default: us-east-1,us-west-2,eu-west-1\n", "    Default: us-east-1,us-west-2\n")
	f.run(t, page(t, "Tear down, and build again", 0))
	f.run(t, page(t, "Set up", 0))
	anew := f.pipeline(t, nil)
	if anew.id == p.id {
		t.Fatalf("the stack's ID is %s again", p.id)
	}
	f.makeBuckets(t, anew)
	f.wantBuckets(t, anew, east, west)

	f.run(t, page(t, "Move from the old pipeline to the new one", 0))
}

// rememberLists fills in what a stack has for a parameter that a command does not name. moto falls over its own, where that is
// a list.
func rememberLists() func(url.Values) {
	has := map[string]string{"Regions": "", "RegionsWithBucket": "", "DeploymentPolicies": ""}
	return func(form url.Values) {
		for n := 1; form.Has(fmt.Sprintf("Parameters.member.%d.ParameterKey", n)); n++ {
			member := fmt.Sprintf("Parameters.member.%d.", n)
			name := form.Get(member + "ParameterKey")
			value, isList := has[name]
			switch {
			case !isList:
			case form.Get(member+"UsePreviousValue") == "true":
				form.Del(member + "UsePreviousValue")
				form.Set(member+"ParameterValue", value)
			default:
				has[name] = form.Get(member + "ParameterValue")
			}
		}
	}
}

// A fork is somebody's repository, with an account of their own.
type fork struct {
	*moto
	dir      string
	programs string // the build's image
}

const v2 = "deployment-pipeline/pipeline-v2.yaml"

func (f fork) template(t *testing.T) string { return readFile(t, filepath.Join(f.dir, v2)) }

func (f fork) edit(t *testing.T, old, new string) {
	t.Helper()
	if n := strings.Count(f.template(t), old); n != 1 {
		t.Fatalf("the template holds %q %d times", old, n)
	}
	writeFile(t, filepath.Join(f.dir, v2), strings.Replace(f.template(t), old, new, 1))
}

func storeOf(region string) string {
	return "        - Region: " + region + "\n          ArtifactStore:\n            Type: S3\n            Location: !Sub '${ArtifactBucketPrefix}-" + region + "'\n"
}

// deployOf is the last deploy action.
func deployOf(t *testing.T, template string) string {
	t.Helper()
	_, rest, ok := strings.Cut(template, "            - Name: DeployToUsWest2\n")
	action, _, found := strings.Cut(rest, "\n\n")
	if !ok || !found {
		t.Fatal("there is no deploy action")
	}
	return "            - Name: DeployToUsWest2\n" + action + "\n"
}

// page is the n-th block of commands in a chapter of the pipeline's page.
func page(t *testing.T, chapter string, n int) string {
	t.Helper()
	text := readFile(t, filepath.Join("..", "..", "deployment-pipeline", "README.md"))
	_, text, ok := strings.Cut(text, "\n## "+chapter+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	text = regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(text, "")
	blocks := regexp.MustCompile(`(?m)(?:^ {4,}\S.*\n)+`).FindAllString(text, -1)
	if !ok || len(blocks) <= n {
		t.Fatalf("the chapter %q has %d blocks of commands", chapter, len(blocks))
	}
	return blocks[n]
}

// run runs commands of the page at the top of the repository. They name their regions themselves.
func (f fork) run(t *testing.T, commands string) {
	t.Helper()
	f.script(t, f.dir, "", "set -e\ncd \"$C\"\n"+commands).wantExit(t, 0)
}

// command runs a command of ours.
func (f fork) command(t *testing.T, command string) string {
	t.Helper()
	r := f.script(t, f.dir, east, "export AWS_DEFAULT_REGION="+east+"\n"+command)
	r.wantExit(t, 0)
	return r.stdout
}

// json runs a command of the AWS CLI.
func (f fork) json(t *testing.T, to any, command string) {
	t.Helper()
	check(t, json.Unmarshal([]byte(f.command(t, command+" --output json")), to))
}

type made struct {
	Type string `json:"ResourceType"`
	ID   string `json:"LogicalResourceId"`
	Name string `json:"PhysicalResourceId"`
}

// resources are what moto has made of the pipeline's template.
func (f fork) resources(t *testing.T) (all []made) {
	t.Helper()
	f.json(t, &all, "aws cloudformation describe-stack-resources --region us-east-1 --stack-name multi-region-pipeline --query StackResources")
	return slices.DeleteFunc(all, func(r made) bool { return r.Type == "" })
}

// wantResources looks for each resource where it should be. moto says CREATE_COMPLETE whatever it knows.
func (f fork) wantResources(t *testing.T) {
	t.Helper()
	got := map[string]int{}
	for _, r := range f.resources(t) {
		got[r.Type]++
		switch r.Type {
		case "AWS::IAM::Role":
			f.command(t, "aws iam get-role --role-name "+r.Name)
		case "AWS::SSM::Parameter":
			var value string
			f.json(t, &value, "aws ssm get-parameter --region us-east-1 --query Parameter.Value --name "+r.Name)
			if value != "us-east-1,us-west-2" || !strings.HasPrefix(r.Name, "pipeline-") {
				t.Errorf("the parameter %s is %s", r.Name, value)
			}
		case "AWS::Logs::LogGroup":
			var days int
			f.json(t, &days, "aws logs describe-log-groups --region us-east-1 --query 'logGroups[0].retentionInDays' --log-group-name-prefix "+r.Name)
			if days != 30 {
				t.Errorf("logs stay for %d days", days)
			}
		}
	}
	p := newStack(t, f.template(t), east, map[string]string{"FullRepositoryId": "octocat/app"})
	var ignored []string
	for id, r := range mapping(p.template["Resources"]) {
		if kind := mapping(r)["Type"].(string); got[kind] == 0 {
			ignored = append(ignored, id)
		} else if n := len(p.resources(kind)); got[kind] != n {
			t.Errorf("moto has made %d of %d of %s", got[kind], n, kind)
		}
	}
	slices.Sort(ignored)
	t.Logf("moto ignores %q", ignored)
	for _, kind := range []string{"AWS::IAM::Role", "AWS::IAM::Policy", "AWS::SSM::Parameter", "AWS::Logs::LogGroup"} {
		if got[kind] == 0 {
			t.Errorf("moto has made no %s", kind)
		}
	}
}

// pipeline is the template with what the stack in moto has filled in.
func (f fork) pipeline(t *testing.T, parameters map[string]string) *stack {
	t.Helper()
	all := map[string]string{"FullRepositoryId": "octocat/app"}
	for name, value := range parameters {
		all[name] = value
	}
	p := newStack(t, f.template(t), east, all)
	var id string
	f.json(t, &id, "aws cloudformation describe-stacks --region us-east-1 --stack-name multi-region-pipeline --query 'Stacks[0].StackId'")
	p.id, _, _ = strings.Cut(id[strings.LastIndex(id, "/")+1:], "-")
	for _, r := range f.resources(t) {
		if want := p.ref(r.ID); r.Type == "AWS::SSM::Parameter" && r.Name != want {
			t.Fatalf("the buckets' names begin with %s, and should with %s", r.Name, want)
		}
	}
	return p
}

// makeBuckets does what CloudFormation does with the template's stack set: it makes an instance in each region of its groups,
// and takes away those in other regions.
func (f fork) makeBuckets(t *testing.T, p *stack) {
	t.Helper()
	set := p.properties("ArtifactBuckets")
	name := set["StackSetName"].(string)
	var known []string
	f.json(t, &known, "aws cloudformation list-stack-sets --region us-east-1 --status ACTIVE --query 'Summaries[].StackSetName'")
	if !slices.Contains(known, name) {
		body := filepath.Join(t.TempDir(), "buckets.yaml")
		writeFile(t, body, set["TemplateBody"].(string))
		f.command(t, fmt.Sprintf("aws cloudformation create-stack-set --region us-east-1 --stack-set-name %s --template-body file://%s --permission-model %s"+
			" --administration-role-arn %s --execution-role-name %s --parameters '%s'", name, body, set["PermissionModel"],
			set["AdministrationRoleARN"], set["ExecutionRoleName"], asJSON(set["Parameters"])))
	}
	var there, want []string
	f.json(t, &there, "aws cloudformation list-stack-instances --region us-east-1 --stack-set-name "+name+" --query 'Summaries[].Region'")
	for _, v := range list(set["StackInstancesGroup"]) {
		group := mapping(v)
		overrides := ""
		if more := list(group["ParameterOverrides"]); len(more) > 0 { // in moto they take the place of all parameters
			overrides = " --parameter-overrides '" + asJSON(append(slices.Clone(list(set["Parameters"])), more...)) + "'"
		}
		for _, region := range texts(group["Regions"]) {
			want = append(want, region)
			if !slices.Contains(there, region) {
				f.command(t, f.instances("create", name, region)+overrides)
			}
		}
	}
	for _, region := range there {
		if !slices.Contains(want, region) {
			f.command(t, f.instances("delete", name, region)+" --no-retain-stacks")
		}
	}
}

func (f fork) instances(verb, set, region string) string {
	return fmt.Sprintf("aws cloudformation %s-stack-instances --region us-east-1 --stack-set-name %s --accounts %s --regions %s", verb, set, account, region)
}

// testAnew makes the instance of a region as if its bucket were not there. A stack set of another name leaves the pipeline's
// alone.
func (f fork) testAnew(t *testing.T, p *stack) {
	set := p.properties("ArtifactBuckets")
	body := filepath.Join(t.TempDir(), "buckets.yaml")
	writeFile(t, body, set["TemplateBody"].(string))
	f.command(t, fmt.Sprintf("aws cloudformation create-stack-set --region us-east-1 --stack-set-name anew --template-body file://%s --permission-model SELF_MANAGED --parameters '%s'",
		body, asJSON(set["Parameters"])))
	r := f.script(t, f.dir, "", f.instances("create", "anew", third))
	if r.exit == 0 || !strings.Contains(r.stderr, "BucketAlreadyExists") {
		t.Errorf("exit code %d, and stderr is %q", r.exit, r.stderr)
	}
}

// wantBuckets holds the buckets with the pipeline's prefix against the regions', in the order of the alphabet.
func (f fork) wantBuckets(t *testing.T, p *stack, regions ...string) {
	t.Helper()
	client := f.s3().client(east)
	all, err := client.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	check(t, err)
	prefix := fmt.Sprint(p.ref("ArtifactBucketPrefix"))
	var got, want []string
	for _, b := range all.Buckets {
		if strings.HasPrefix(*b.Name, prefix) {
			got = append(got, *b.Name)
		}
	}
	for _, region := range regions {
		name := prefix + "-" + region
		want = append(want, name)
		head, err := f.s3().client(region).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String(name)})
		check(t, err)
		if aws.ToString(head.BucketRegion) != region {
			t.Errorf("%s is in %s", name, aws.ToString(head.BucketRegion))
		}
		encryption, err := client.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: aws.String(name)})
		check(t, err)
		if rules := encryption.ServerSideEncryptionConfiguration.Rules; len(rules) != 1 || rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != "AES256" {
			t.Errorf("%s is not encrypted: %+v", name, rules)
		}
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("the buckets are %q, want %q", got, want)
	}
}

// build runs the build stage, with what the project says, and returns the artifact.
func (f fork) build(t *testing.T, p *stack, credentials []string) map[string]string {
	t.Helper()
	project := p.properties("CodeBuildProject")
	var variables []string
	for _, v := range list(mapping(project["Environment"])["EnvironmentVariables"]) {
		variables = append(variables, fmt.Sprintf("%s=%s", mapping(v)["Name"], mapping(v)["Value"]))
	}
	dir := t.TempDir()
	check(t, os.CopyFS(dir, os.DirFS(f.dir)))
	b := f.s3().build(t, codeBuild{f.programs, "bash", append(variables, credentials...)}, dir, mapping(project["Source"])["BuildSpec"].(string))
	b.wantExit(t, 0)
	return b.artifact
}

// deploy does what the deploy actions do: each in its region, with the file of the build's artifact that it names. SAM's
// transform, which moto has not got, is done by the translator.
func (f fork) deploy(t *testing.T, p *stack, artifact map[string]string) {
	t.Helper()
	for name, a := range actions(p) {
		if !strings.HasPrefix(name, "Deploy") {
			continue
		}
		config := mapping(a["Configuration"])
		from, file, _ := strings.Cut(config["TemplatePath"].(string), "::")
		if _, ok := artifact[file]; !ok || from != "BuildOutput" {
			t.Fatalf("%s: there is no %s in %s", name, file, from)
		}
		template := filepath.Join(t.TempDir(), "template.json")
		writeFile(t, template, translated(t, a["Region"].(string), artifact[file]))
		f.command(t, fmt.Sprintf("aws cloudformation deploy --region %s --stack-name %s --template-file %s --capabilities %s --no-fail-on-empty-changeset",
			a["Region"], config["StackName"], template, strings.ReplaceAll(config["Capabilities"].(string), ",", " ")))
	}
}

// translated is what SAM's translator makes of a packaged template in a region.
func translated(t *testing.T, region, template string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "packaged.yaml")
	writeFile(t, file, template)
	r := run(t, ".", environment(), "python3", filepath.Join("testdata", "translate.py"), file, region)
	r.wantExit(t, 0)
	return r.stdout
}

// wantFunctions looks for the application in each region: its function, whose code is in the region's own bucket, the
// same bytes everywhere.
func (f fork) wantFunctions(t *testing.T, p *stack, regions ...string) {
	t.Helper()
	digests := map[string]bool{}
	for _, region := range regions {
		var functions []struct{ FunctionName, CodeSha256 string }
		f.json(t, &functions, "aws lambda list-functions --query Functions --region "+region)
		if len(functions) != 1 || !strings.HasPrefix(functions[0].FunctionName, "multi-region-codepipeline-app-MyLambdaFunction") {
			t.Fatalf("%s has the functions %+v", region, functions)
		}
		digests[functions[0].CodeSha256] = true
		var body map[string]any
		f.json(t, &body, "aws cloudformation get-template --query TemplateBody --stack-name multi-region-codepipeline-app --region "+region)
		deployed := newStack(t, asJSON(body), region, nil)
		code := mapping(deployed.properties("MyLambdaFunction")["Code"])
		bucket := fmt.Sprintf("%s-%s", p.ref("ArtifactBucketPrefix"), region)
		if _, ok := f.s3().objects(t, region, bucket)[fmt.Sprint(code["S3Key"])]; !ok || code["S3Bucket"] != bucket {
			t.Errorf("in %s the code is %v, and the bucket %s has not got it", region, code, bucket)
		}
	}
	if len(digests) != 1 {
		t.Errorf("the regions run different code: %v", digests)
	}
}

// testBuildRole runs a build with the build's role, while moto refuses what a policy does not allow.
func (f fork) testBuildRole(t *testing.T, p *stack) {
	role := ""
	for _, r := range f.resources(t) {
		if r.ID == "CodeBuildRole" {
			role = r.Name
		}
	}
	policy := mapping(list(p.properties("CodeBuildRole")["Policies"])[0])
	// moto shows what it made of a template as Python writes it, and does not understand that itself.
	var shown string
	f.json(t, &shown, "aws iam get-role-policy --query PolicyDocument --policy-name build --role-name "+role)
	var document any
	check(t, json.Unmarshal([]byte(strings.ReplaceAll(shown, "'", `"`)), &document))
	for i, got := range readStatements("", document) {
		want := p.statements("CodeBuildRole")[i]
		if got.sid != want.sid || !slices.Equal(got.actions, want.actions) || got.sid != "WriteLogs" && !slices.Equal(got.resources, want.resources) {
			t.Errorf("moto has made %+v, and it should be %+v", got, want)
		}
	}
	f.command(t, fmt.Sprintf("aws iam put-role-policy --role-name %s --policy-name build --policy-document '%s'", role, asJSON(policy["PolicyDocument"])))
	var keys struct{ AccessKeyId, SecretAccessKey, SessionToken string } //nolint:revive // STS's names
	f.json(t, &keys, fmt.Sprintf("aws sts assume-role --query Credentials --role-session-name build --role-arn arn:aws:iam::%s:role/%s", account, role))
	credentials := []string{"AWS_ACCESS_KEY_ID=" + keys.AccessKeyId, "AWS_SECRET_ACCESS_KEY=" + keys.SecretAccessKey, "AWS_SESSION_TOKEN=" + keys.SessionToken}

	authorize := func(after string) {
		resp, err := http.Post(f.endpoint+"/moto-api/reset-auth", "text/plain", strings.NewReader(after))
		check(t, err)
		check(t, resp.Body.Close())
	}
	source := filepath.Join(f.dir, "src", "lambda.js")
	writeFile(t, source, readFile(t, source)+"// changed\n") // what is stored already needs no right to store it
	authorize("0")
	defer authorize("inf")
	f.build(t, p, credentials)
	for _, command := range []string{
		"aws s3api delete-object --key x --bucket", "aws s3api get-bucket-policy --bucket", "aws s3api delete-bucket --bucket", "aws s3api put-bucket-policy --policy '{}' --bucket",
	} {
		r := f.script(t, f.dir, east, "export "+strings.Join(credentials, " ")+"\n"+fmt.Sprintf("%s %s-%s", command, p.ref("ArtifactBucketPrefix"), east))
		if r.exit == 0 || !strings.Contains(r.stderr, "AccessDenied") && !strings.Contains(r.stderr, "Forbidden") && !strings.Contains(r.stderr, "Access Denied") {
			t.Errorf("%s: exit code %d, and stderr is %q", command, r.exit, r.stderr)
		}
	}
}
