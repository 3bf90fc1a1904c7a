package main

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check"
)

// What check learns of a command line.
func TestParseCommandLine(t *testing.T) {
	const standard = "target/packaged-template-{region}.yaml"
	unknown := map[string]string{"": anyText}
	for args, want := range map[string]check.Command{
		"":                                     {Packages: true, Output: standard},
		"-r a,b --region b,c":                  {Packages: true, Regions: []string{"a", "b", "c"}, Output: standard},
		"--s3-bucket x-{region}":               {Packages: true, Buckets: map[string]string{"": "x-{region}"}, Output: standard},
		"--s3-bucket us-east-1=x":              {Packages: true, Buckets: map[string]string{"us-east-1": "x"}, Output: standard},
		"--dry-run -t a.json":                  {Packages: true, DryRun: true, Output: "target/packaged-template-{region}.json"},
		"--use-json":                           {Packages: true, Output: "target/packaged-template-{region}.json"},
		"--output-template-file -":             {Packages: true, Output: noFile},
		"--output-template-file out/{region}.": {Packages: true, Output: "out/{region}."},
		"--shard 1/2":                          {Packages: true, Output: noFile},

		"check --buildspec x": {},
		"publish -r a x.out":  {},
		"completion bash":     {},
		"verify --deep":       {},
		"--version":           {Output: standard},
		"-r a -h":             {Regions: []string{"a"}, Output: standard},
		"--print-iam-policy":  {Output: standard},

		// What only the build knows.
		"*":                          {Packages: true, Regions: []string{"*"}, Buckets: unknown},
		"-r a *":                     {Packages: true, Regions: []string{"a"}},
		"--output-template-file o *": {Packages: true, Regions: []string{"*"}, Buckets: unknown, Output: "o"},
		"-r a-* --jobs 1*":           {Packages: true, Regions: []string{"a-*"}, Output: standard},
		"--shard */4 --dry-run=x*":   {Packages: true, Output: standard},
	} {
		got, err := parseCommandLine(strings.Fields(args))
		if err != nil {
			t.Errorf("%s: %v", args, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", args, got, want)
		}
	}
}

// Each flag refuses what it cannot mean, and says what it takes.
func TestRefusedCommandLines(t *testing.T) {
	for args, want := range map[string]string{
		"x":                                    `unexpected argument "x"; several regions are divided by commas`,
		"--nonsense":                           "unknown flag: --nonsense",
		"--jobs":                               "flag needs an argument: --jobs",
		"-r ,":                                 `--regions ",": a region's name is missing beside a comma`,
		"--s3-bucket b-{stage}":                `--s3-bucket "b-{stage}": {stage} is unknown; there are {region} and {account}`,
		"--s3-bucket east=b":                   `--s3-bucket "east=b": "east" is not the name of a region`,
		"--s3-bucket us-east-1=a,us-east-1=b":  `--s3-bucket "us-east-1=a,us-east-1=b": us-east-1 has a already`,
		"--expected-bucket-owner us-east-1=":   `--expected-bucket-owner "us-east-1=": an account is missing`,
		"--kms-key-id a --kms-key-id b":        `--kms-key-id "b": "a" is given for all regions already`,
		"--sse kms":                            `--sse "kms": there are bucket, AES256 and aws:kms`,
		"--exclude [":                          `--exclude "[": syntax error in pattern`,
		"--exclude \xff":                       `--exclude "\xff": this is not UTF-8`,
		"--property T=P":                       `--property "T=P": write TYPE=PATH:FORM or TYPE=PATH:FORM:zip, as AWS::Lambda::Function=Code:lambda:zip`,
		"--property T=P:s3:tar":                `--property "T=P:s3:tar": write TYPE=PATH:FORM or TYPE=PATH:FORM:zip, as AWS::Lambda::Function=Code:lambda:zip`,
		"--property T=P:s3,T=Q:ftp":            `--property "T=P:s3,T=Q:ftp": there is no form "ftp"; there are s3, url, lambda, bucket and image`,
		"--tag aws:a=b":                        `--tag "aws:a=b": keys that begin with aws: are AWS's own`,
		"--metadata a=1,b":                     `--metadata "a=1,b": "b" is not KEY=VALUE, or its key stands there twice`,
		"--metadata {":                         `--metadata "{": reading the JSON object: unexpected end of JSON input`,
		"--metadata a_b=1,A_b=2":               `--metadata "a_b=1,A_b=2": the key "a_b" stands there twice: S3 keeps keys in lower case`,
		"--output-template-file out/":          `--output-template-file "out/": this names a folder: name the file in it`,
		"--copy sometimes":                     `--copy "sometimes": there are auto, always and never`,
		"--shard 0/2":                          `--shard "0/2": write 2/4 for the second of four`,
		"--jobs 0":                             `--jobs "0": write a number from 1 on`,
		"--refresh-after 3w":                   `--refresh-after "3w": write days as 30d, or never`,
		"--endpoint-url localhost":             `--endpoint-url "localhost": this is not a URL like https://localhost:9000`,
		"--strict=on":                          `--strict "on": write true or false, or nothing`,
		"--shard 1/2 --output-template-file -": "--shard writes no template: leave --output-template-file to the last run",
		"-q -v":                                "--quiet and --verbose exclude each other",
	} {
		if _, err := parseCommandLine(strings.Fields(args)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
		var out bytes.Buffer
		if exit := run(t.Context(), strings.Fields(args), io.Discard, &out); exit != exitUsage || !strings.HasPrefix(out.String(), "mrpackage: "+strings.ToValidUTF8(want, "\ufffd")+"\n") {
			t.Errorf("%s: exit %d, %s", args, exit, out.String())
		}
	}
}
