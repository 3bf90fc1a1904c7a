package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// ui holds every line that a user can see. The rules: results alone go to
// standard output, everything else to standard error; an error says where,
// what, and what to do; text from templates and servers is shown without its
// control characters; nothing is printed twice.
type ui struct {
	out, err       io.Writer
	quiet, verbose bool
	failing        string // what a failure means; "" means that no template was written
	sendsNothing   bool   // so that a second run goes on with nothing

	mu   sync.Mutex // of what follows, and of err
	said time.Time  // when the last line was written
}

// printf writes lines to standard error. What is put into the format comes from
// templates, names of files and servers: it breaks no line, so that nothing of it looks
// like a line of ours, and no control character of it reaches a terminal.
func (u *ui) printf(format string, args ...any) {
	for i, arg := range args {
		switch text := arg.(type) {
		case string:
			args[i] = problem.OneLine(text)
		case error:
			args[i] = problem.OneLine(text.Error())
		case fmt.Stringer:
			args[i] = problem.OneLine(text.String())
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.said = time.Now()
	// A closed standard error leaves nobody to tell.
	_, _ = io.WriteString(u.err, hideSecrets(fmt.Sprintf(format, args...)))
}

// divert has what follows written to another writer, and returns the one so far.
func (u *ui) divert(to io.Writer) (from io.Writer) {
	u.mu.Lock()
	defer u.mu.Unlock()
	from, u.err = u.err, to
	return from
}

// silence is for how long no line was written.
func (u *ui) silence() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return time.Since(u.said)
}

// hideSecrets takes out of a text what may have come into it from others: a
// URL that cannot be read is shown as it is in errors, with its password, and
// servers and proxies repeat headers in their messages.
func hideSecrets(text string) string {
	for _, variable := range []string{"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		// AWS's have 40 characters and more. A stand-in for a local server, as
		// "test", would take harmless words out of every line.
		if secret := os.Getenv(variable); len(secret) >= 12 {
			text = strings.ReplaceAll(text, secret, "xxxxx")
		}
	}
	text = regexp.MustCompile(`(://[^/@\s:]*:)[^/@]*@`).ReplaceAllString(text, "${1}xxxxx@")
	return regexp.MustCompile(`(?i)((?:authorization|x-amz-security-token|x-amz-credential|x-amz-signature)["']?\s*[:=])[^\n\x{fffd}]*`).ReplaceAllString(text, "$1 xxxxx")
}

// line is for news that --quiet keeps silent.
func (u *ui) line(format string, args ...any) {
	if !u.quiet {
		u.printf(format+"\n", args...)
	}
}

func (u *ui) version() error {
	_, err := fmt.Fprintf(u.out, "mrpackage %s\n", version())
	return err
}

func (u *ui) usage(err error) {
	u.printf("mrpackage: %v\nmrpackage --help lists the flags\n", err)
}

func (u *ui) interrupted() {
	again := ". Run again: what is stored is not sent again"
	if u.sendsNothing {
		again = ""
	}
	u.printf("mrpackage: interrupted; %s%s\n", u.failed(), again)
}

func (u *ui) warn(err error) { u.problem(err, "warning: ") }

// problem prints one error with its excerpt and hint.
func (u *ui) problem(err error, kind string) {
	var e *problem.Error
	if !errors.As(err, &e) {
		u.printf("mrpackage: %s%v\n", kind, err)
		return
	}
	if e.File == "" {
		u.printf("mrpackage: %s%v\n", kind, e)
	} else {
		marked := *e
		if kind != "" {
			marked.Message = kind + e.Message
		}
		u.printf("%v\n", &marked)
	}
	for line := range strings.Lines(e.Excerpt) {
		u.printf("%s\n", strings.TrimSuffix(line, "\n"))
	}
	if e.Hint != "" {
		u.printf("  hint: %s\n", e.Hint)
	}
	if e.Statement != "" {
		u.printf("        %s\n", e.Statement)
	}
}

// failed is what a failure means.
func (u *ui) failed() string { return cmp.Or(u.failing, "no template was written") }

// problems prints all errors of a run that has failed, and what is stored nevertheless.
func (u *ui) problems(err error, stores []packager.Contents) {
	all := problem.Errors(err)
	u.list(all, "")
	u.unfinished(stores)
	u.printf("mrpackage: %s; %s\n", problem.Count(len(all), "problem"), u.failed())
}

func (u *ui) unfinished(stores []packager.Contents) {
	for _, s := range stores {
		t := tallyOf(s)
		if stored := t.uploaded + t.copied + t.reused + t.refreshed; stored > 0 {
			u.line("%s: %d of %s %s stored in %s and will not be sent again", s.Region, stored, problem.Count(len(s.Objects), "object"), are(stored), s.Bucket)
		}
		if pushed, there := imagesOf(s); pushed+there > 0 {
			u.line("%s: %d of %s %s pushed and will not be sent again", s.Region, pushed+there, problem.Count(len(s.Images), "image"), are(pushed+there))
		}
	}
}

// results prints, for each written template, its regions and path: at once, for whoever
// reads a part of it and goes. The templates are not lost then.
func (u *ui) results(paths templatePaths, templates []packager.Template) error {
	var lines strings.Builder
	for i, path := range paths {
		if path != "-" {
			fmt.Fprintf(&lines, "%s\t%s\n", strings.Join(templates[i].Regions, ","), path)
		}
	}
	if _, err := io.WriteString(u.out, lines.String()); err != nil && !readEnough(err) {
		return fmt.Errorf("writing the results: %w", err)
	}
	return nil
}

// planned says what a dry run would have stored; nothing is said of a store without that.
func (u *ui) planned(stores []packager.Contents, nothing string) {
	u.line("dry run: nothing is sent; a real run would store")
	for _, s := range stores {
		for _, o := range s.Objects {
			u.line("  %s  s3://%s/%s  %s", s.Region, s.Bucket, o.Key, source(o))
		}
		for _, i := range s.Images {
			u.line("  %s  %s  %s", s.Region, imageAddress(i), imageSource(i))
		}
		if len(s.Objects)+len(s.Images) == 0 {
			u.line("  %s  %s", s.Region, nothing)
		}
	}
}

// looked says what a store lacks.
func (u *ui) looked(e packager.Event, objects int) {
	switch {
	case objects == 0:
	case e.Objects == 0 && objects == 1:
		u.line("%s: the only object is in %s already", e.Region, e.Bucket)
	case e.Objects == 0:
		u.line("%s: all %d objects are in %s already", e.Region, objects, e.Bucket)
	case e.Objects < objects:
		there := objects - e.Objects
		u.line("%s: %d of %s %s in %s already", e.Region, there, problem.Count(objects, "object"), are(there), e.Bucket)
	}
}

// are is the verb behind a number of things.
func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// stored is the line of one finished object.
func (u *ui) stored(e packager.Event) {
	if e.Object.Action == packager.Reused && !u.verbose {
		return
	}
	took := ""
	if e.Took > 0 {
		took = " in " + seconds(e.Took)
	}
	u.line("%s: %s %s %s%s (%s)", e.Region, e.Object.Action, shortKey(e.Object.Key), size(e.Object.Size), took, source(e.Object))
}

// uploading is the line of an upload that takes long.
func (u *ui) uploading(s state) {
	text := "still uploading: " + s.amount() + ", " + s.count()
	for _, speed := range s.speed() {
		if speed != "" {
			text += ", " + speed
		}
	}
	u.line("%s", text)
}

// archived is the line of one finished archive.
func (u *ui) archived(e packager.Event) {
	if u.verbose {
		u.line("archived %s: %s, %s to %s in %s", source(e.Object), problem.Count(e.Object.Artifact.Files, "file"), size(e.Object.Artifact.Size), size(e.Object.Size), seconds(e.Took))
	}
}

func (u *ui) replaced(e packager.Event) {
	u.printf("mrpackage: warning: %s: s3://%s/%s is stored, but its size or digest is not the archive's: uploading it again\n", e.Region, e.Bucket, e.Object.Key)
}

func (u *ui) kept(e packager.Event) {
	u.printf("mrpackage: warning: %s: s3://%s/%s is stored and stays, but %v; --force-upload replaces it\n", e.Region, e.Bucket, e.Object.Key, e.Err)
}

// running is the line of a command that makes what is stored.
func (u *ui) running(e packager.Event) { u.line("running %s", strings.Join(e.Command, " ")) }

// retrying is the line of a request that is sent again, where the wait is long
// enough to be noticed.
func (u *ui) retrying(e packager.Event) {
	if u.verbose || e.Took > 2*time.Second {
		reason := e.Err.Error()
		if i := strings.LastIndex(reason, ", "); i >= 0 {
			reason = reason[i+2:]
		}
		u.line("%s: %s; trying again in %s", cmp.Or(e.Region, e.Bucket), reason, seconds(e.Took))
	}
}
