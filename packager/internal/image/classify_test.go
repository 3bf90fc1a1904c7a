package image_test

import (
	"strings"
	"testing"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/internal/image"
)

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

func TestClassify(t *testing.T) {
	there := func(path string) bool {
		return path == "build" || path == "images/app" || path == "odd#name.tar" || path == "image" || path == "app:1.d" ||
			path == "Images" || path == "out.d"
	}
	file := func(path, name string) image.Reference {
		return image.Reference{Kind: image.InFile, Path: path, Name: name}
	}
	engine := func(name string) image.Reference { return image.Reference{Kind: image.InEngine, Name: name} }
	address := func(host, repository, tag, digest string) image.Reference {
		return image.Reference{Kind: image.InRegistry, Address: image.Address{Host: host, Repository: repository, Tag: tag, Digest: digest}}
	}
	ecr := func(host, region string, fips, dual bool) image.Reference {
		r := address(host, "team/app", "1", "")
		r.Address.Account, r.Address.Region, r.Address.FIPS, r.Address.DualStack = "123456789012", region, fips, dual
		return r
	}
	for value, want := range map[string]image.Reference{
		"image.tar":                 file("image.tar", ""),
		"./image":                   file("./image", ""),
		"../out/app.tar.gz":         file("../out/app.tar.gz", ""),
		"dist/APP.TAR":              file("dist/APP.TAR", ""),
		"/abs/image":                file("/abs/image", ""),
		`dist\image`:                file(`dist\image`, ""),
		"build":                     file("build", ""),
		"images/app":                file("images/app", ""),
		"app:1.d":                   file("app:1.d", ""),
		"image.tar#app:1":           file("image.tar", "app:1"),
		"image#app":                 file("image", "app"),
		"./layout#sha256:abcdef":    file("./layout", "sha256:abcdef"),
		"odd#name.tar":              file("odd#name.tar", ""),
		"odd#name.tar#app:1":        file("odd#name.tar", "app:1"),
		"other#name.tar":            file("other#name.tar", ""),
		"other#dir/image.tar#app:1": file("other#dir/image.tar", "app:1"),
		"image#x/app":               file("image", "x/app"),
		".":                         file(".", ""),
		".aws-sam/build/app":        file(".aws-sam/build/app", ""),
		"..data/app":                file("..data/app", ""),
		"Images/orders":             file("Images/orders", ""), // the folder is there
		"out.d/linux/orders":        file("out.d/linux/orders", ""),

		"app":                              engine("app"),
		"app:1":                            engine("app:1"),
		"app:5000":                         engine("app:5000"),
		"team/app:1":                       engine("team/app:1"),
		"helloworldfunction:python3.12-v1": engine("helloworldfunction:python3.12-v1"),
		"app@sha256:" + zeros:              engine("app@sha256:" + zeros),
		"sha256:" + zeros:                  engine("sha256:" + zeros),
		"0123456789ab":                     engine("0123456789ab"),
		"my.app":                           engine("my.app"),

		"Team/orders":                            address("Team", "orders", "", ""),
		"out.d/orders:1":                         address("out.d", "orders", "1", ""), // a tag is of no file
		"out.e/orders":                           address("out.e", "orders", "", ""),
		"localhost/app":                          address("localhost", "app", "", ""),
		"localhost:5000/app:1":                   address("localhost:5000", "app", "1", ""),
		"127.0.0.1:5000/team/app:1":              address("127.0.0.1:5000", "team/app", "1", ""),
		"registry:5000/app:1":                    address("registry:5000", "app", "1", ""),
		"registry:5000/app":                      address("registry:5000", "app", "", ""),
		"registry.example/team/app":              address("registry.example", "team/app", "", ""),
		"registry.example/app:1@sha256:" + zeros: address("registry.example", "app", "1", "sha256:"+zeros),
		"docker.io/library/python:3.12":          address("docker.io", "library/python", "3.12", ""),
		"public.ecr.aws/lambda/python:3.12":      address("public.ecr.aws", "lambda/python", "3.12", ""),
		"[::1]:5000/app:1":                       address("[::1]:5000", "app", "1", ""),
		// Not the names of registries of Amazon ECR.
		"123456789012.dkr.ecr.us-east-1.amazonaws.com.example/app": address("123456789012.dkr.ecr.us-east-1.amazonaws.com.example", "app", "", ""),
		"12345678901.dkr.ecr.us-east-1.amazonaws.com/app":          address("12345678901.dkr.ecr.us-east-1.amazonaws.com", "app", "", ""),
		"123456789012.dkr-ecr.us-east-1.amazonaws.com/app":         address("123456789012.dkr-ecr.us-east-1.amazonaws.com", "app", "", ""),

		"123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app:1":                    ecr("123456789012.dkr.ecr.us-east-1.amazonaws.com", "us-east-1", false, false),
		"123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/team/app:1":               ecr("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", true, false),
		"123456789012.dkr-ecr.eu-west-1.on.aws/team/app:1":                           ecr("123456789012.dkr-ecr.eu-west-1.on.aws", "eu-west-1", false, true),
		"123456789012.dkr-ecr-fips.us-gov-west-1.on.aws/team/app:1":                  ecr("123456789012.dkr-ecr-fips.us-gov-west-1.on.aws", "us-gov-west-1", true, true),
		"123456789012.dkr.ecr.us-gov-east-1.amazonaws.com/team/app:1":                ecr("123456789012.dkr.ecr.us-gov-east-1.amazonaws.com", "us-gov-east-1", false, false),
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/team/app:1":                ecr("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", false, false),
		"123456789012.dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn/team/app:1": ecr("123456789012.dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn", "cn-northwest-1", false, true),
		"123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/team/app:1":                ecr("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", false, false),
	} {
		got, err := image.Classify(value, there)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", value, got, err)
		}
		if got.Kind == image.InRegistry && got.Address.String() != value {
			t.Errorf("%s: %s", value, got.Address)
		}
		if got.Address.ECR() != (got.Address.Account != "") || got.Address.Loopback() != (strings.HasPrefix(value, "localhost") || strings.HasPrefix(value, "127.") || strings.HasPrefix(value, "[::1]")) {
			t.Errorf("%s: %v %v", value, got.Address.ECR(), got.Address.Loopback())
		}
	}
}

func TestClassifyRefuses(t *testing.T) {
	for value, words := range map[string]string{
		"":                               "no image is named",
		"https://registry.example/app:1": "written without what stands before its host, as registry.example/app:1",
		"#app:1":                         "names an image of a file, and no file before the #",
		"a:b:c":                          "neither a file or folder that exists, nor the name of an image",
		"-app":                           "neither a file",
		"My App":                         "neither a file",
		"App":                            "neither a file",
		"app:":                           "neither a file",
		"app@sha256:12":                  "neither a file",
		"a\nb":                           "a�b is neither a file",
		"registry.example/":              "", // a folder that is not there
		"registry.example/App":           "is not the address of an image in a registry",
		"registry:port/app":              "is not the address of an image in a registry",
		"registry.example/app:1:2":       "is not the address of an image in a registry",
		"123456789012.dkr.ecr.us-east-1.amazonaws.com":      "is not the address of an image in a registry",
		"123456789012.dkr.ecr.us-east-1.amazonaws.com/":     "is not the address of an image in a registry",
		"123456789012.dkr.ecr.us-east-1.amazonaws.com/a/:1": "is not the address of an image in a registry",
	} {
		_, err := image.Classify(value, func(string) bool { return false })
		if words == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", value, err)
		}
	}
}
