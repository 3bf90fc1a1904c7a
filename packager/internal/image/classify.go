package image

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A Kind is where the image is that a template names.
type Kind int

// The kinds. The zero value is none.
const (
	InFile     Kind = iota + 1 // a file or a folder
	InRegistry                 // there already, in a registry
	InEngine                   // a local engine's, by its name or ID
)

// A Reference is what a template says of an image.
type Reference struct {
	Kind    Kind
	Path    string  // of InFile
	Name    string  // of InEngine; of InFile what follows a #, which may be ""
	Address Address // of InRegistry
}

// An Address is where a registry has an image.
type Address struct {
	Host       string // with a port, if there is one
	Repository string
	Tag        string // may be ""
	Digest     string // "sha256:…"; may be ""
	// Account and Region are those of a private registry of Amazon ECR; "" of any
	// other one's address.
	Account, Region string
	FIPS, DualStack bool // which of the registry's names Host is
}

// ECR tells whether the address is one of a private registry of Amazon ECR.
func (a Address) ECR() bool { return a.Account != "" }

// Loopback tells whether the address is one of this machine.
func (a Address) Loopback() bool {
	host, _, _ := strings.Cut(a.Host, ":")
	return host == "localhost" || strings.HasPrefix(host, "127.") || strings.HasPrefix(a.Host, "[::1]")
}

// String is the address as a template has it.
func (a Address) String() string {
	s := a.Host + "/" + a.Repository
	if a.Tag != "" {
		s += ":" + a.Tag
	}
	if a.Digest != "" {
		s += "@" + a.Digest
	}
	return s
}

// Classify tells what a template's value means. A file or folder that exists wins over
// the other meanings, but for the address of a registry of Amazon ECR.
func Classify(value string, exists func(path string) bool) (Reference, error) {
	switch host, _, _ := strings.Cut(value, "/"); {
	case value == "":
		return Reference{}, errors.New("no image is named")
	case strings.Contains(value, "://"):
		_, rest, _ := strings.Cut(value, "://")
		return Reference{}, fmt.Errorf("%s is a URL, and not an image: an image in a registry is written without what stands before its host, as %s", shown(value), shown(rest))
	case ecrHost(host) != nil:
		return inRegistry(value)
	case exists(value):
		return Reference{Kind: InFile, Path: value}, nil
	}
	if strings.Contains(value, "#") { // which no name of an image has
		r := inFile(value, exists)
		if r.Path == "" {
			return Reference{}, fmt.Errorf("%s names an image of a file, and no file before the #", shown(value))
		}
		return r, nil
	}
	switch {
	case looksLikePath(value), hasHost(value) && inFolder(value, exists):
		return Reference{Kind: InFile, Path: value}, nil
	case hasHost(value):
		return inRegistry(value)
	case !isName(value):
		return Reference{}, fmt.Errorf("%s is neither a file or folder that exists, nor the name of an image", shown(value))
	}
	return Reference{Kind: InEngine, Name: value}, nil
}

func shown(value string) string { return problem.OneLine(value) }

// looksLikePath tells whether a value can only be meant as a path.
func looksLikePath(value string) bool {
	for _, start := range []string{"/", ".", "~"} {
		if strings.HasPrefix(value, start) {
			return true
		}
	}
	return strings.Contains(value, `\`) || filepath.IsAbs(value) || endsLikePath(value)
}

// inFolder tells whether a value that could begin with a host is rather the path of something
// that is not there, in a folder that is. A tag or a digest has no file.
func inFolder(value string, exists func(string) bool) bool {
	folder, rest, _ := strings.Cut(value, "/")
	return !strings.ContainsAny(rest, ":@") && exists(folder)
}

func endsLikePath(value string) bool {
	for _, end := range []string{".tar", ".tgz", ".gz", ".zst", ".tzst", ".xz", ".txz", ".bz2", ".zip", ".oci", "/"} {
		if strings.HasSuffix(strings.ToLower(value), end) {
			return true
		}
	}
	return false
}

// inFile takes apart a file and the image's name in it. Folders may have a # in their
// names, too, so it is the last one after what exists; if nothing does, it is the last.
func inFile(value string, exists func(string) bool) Reference {
	for at := len(value) - 1; at >= 0; at-- {
		if value[at] == '#' && exists(value[:at]) {
			return Reference{Kind: InFile, Path: value[:at], Name: value[at+1:]}
		}
	}
	if endsLikePath(value) {
		return Reference{Kind: InFile, Path: value}
	}
	at := strings.LastIndexByte(value, '#')
	return Reference{Kind: InFile, Path: value[:at], Name: value[at+1:]}
}

// hasHost tells whether a name begins with a registry, by Docker's rule: a first part
// with a dot or a port in it, or in upper case, or localhost. A name without a slash has
// none: app:5000 is a tag.
func hasHost(value string) bool {
	first, _, ok := strings.Cut(value, "/")
	return ok && (strings.ContainsAny(first, ".:") || first == "localhost" || strings.ToLower(first) != first)
}

// The grammar of names (github.com/distribution/reference, without its limits).
const (
	repositoryPattern = `[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*`
	endPattern        = `(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?`
	hostPattern       = `(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?`
)

// isName tells whether an engine may have an image of the name or ID.
func isName(value string) bool {
	return regexp.MustCompile(`^(?:` + repositoryPattern + endPattern + `|sha256:[0-9a-f]{7,64})$`).MatchString(value)
}

func inRegistry(value string) (Reference, error) {
	parts := regexp.MustCompile(`^(` + hostPattern + `)/(` + repositoryPattern + `)` + endPattern + `$`).FindStringSubmatch(value)
	if parts == nil {
		return Reference{}, fmt.Errorf("%s is not the address of an image in a registry, as HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:DIGEST is", shown(value))
	}
	a := Address{Host: parts[1], Repository: parts[2], Tag: parts[3], Digest: parts[4]}
	if ecr := ecrHost(a.Host); ecr != nil {
		a.Account, a.Region, a.FIPS, a.DualStack = ecr.account, ecr.region, ecr.fips, ecr.dualStack
	}
	return Reference{Kind: InRegistry, Address: a}, nil
}

// An ecrName is the host name of a private registry of Amazon ECR.
type ecrName struct {
	account, region string
	fips, dualStack bool
}

// ecrHost reads the host name of a private registry, in all partitions; nil if it is
// none. ACCOUNT.dkr.ecr.REGION.SUFFIX has IPv4 alone, ACCOUNT.dkr-ecr.REGION.on.aws
// both (Amazon ECR user guide, "Making requests over IPv6"; "FIPS endpoints").
func ecrHost(host string) *ecrName {
	parts := regexp.MustCompile(`^([0-9]{12})\.dkr([.-])ecr(-fips)?\.([a-z]{2,4}(?:-[a-z]+)+-[0-9]+)\.([a-z0-9.-]+)$`).FindStringSubmatch(strings.ToLower(host))
	if parts == nil {
		return nil
	}
	dual, known := map[string]bool{
		"amazonaws.com": false, "amazonaws.com.cn": false, "amazonaws.eu": false,
		"c2s.ic.gov": false, "sc2s.sgov.gov": false, "csp.hci.ic.gov": false, "cloud.adc-e.uk": false,
		"on.aws": true, "on.amazonwebservices.com.cn": true, "on.amazonwebservices.eu": true,
		"on.aws.ic.gov": true, "on.aws.scloud": true, "on.aws.hci.ic.gov": true, "on.cloud-aws.adc-e.uk": true,
	}[parts[5]]
	if !known || dual != (parts[2] == "-") {
		return nil
	}
	return &ecrName{parts[1], parts[4], parts[3] != "", dual}
}
