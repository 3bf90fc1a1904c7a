package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

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
}

// printf writes to standard error. Control characters come from templates,
// file names and servers, and must not reach a terminal.
func (u *ui) printf(format string, args ...any) {
	text := strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, hideSecrets(fmt.Sprintf(format, args...)))
	// A closed standard error leaves nobody to tell.
	_, _ = io.WriteString(u.err, text)
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
	return regexp.MustCompile(`(?i)((?:authorization|x-amz-security-token|x-amz-credential|x-amz-signature)["']?\s*[:=]).*`).ReplaceAllString(text, "$1 xxxxx")
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
	u.printf("mrpackage: interrupted; no template was written. Run again: what is stored is not sent again\n")
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
	if e.Excerpt != "" {
		u.printf("%s\n", e.Excerpt)
	}
	if e.Hint != "" {
		u.printf("  hint: %s\n", strings.ReplaceAll(e.Hint, "\n", "\n        "))
	}
}

// problems prints all errors of a run that has written no template, and what
// is stored nevertheless.
func (u *ui) problems(err error, r *packager.Result) {
	all := problem.Errors(err)
	for _, e := range all {
		u.problem(e, "")
	}
	if r != nil {
		u.unfinished(r)
	}
	u.printf("mrpackage: %s; no template was written\n", plural(len(all), "problem"))
}

func (u *ui) unfinished(r *packager.Result) {
	for _, s := range r.Stores {
		t := tallyOf(s)
		if stored := t.uploaded + t.copied + t.reused + t.refreshed; stored > 0 {
			u.line("%s: %d of %d objects are stored in %s and will not be sent again", s.Region, stored, len(s.Objects), s.Bucket)
		}
	}
}

// results prints, for each written template, its region and path.
func (u *ui) results(o outputs, stores []packager.Contents) error {
	for i, path := range o {
		if path == "-" {
			continue
		}
		if _, err := fmt.Fprintf(u.out, "%s\t%s\n", stores[i].Region, path); err != nil {
			return fmt.Errorf("writing the results: %w", err)
		}
	}
	return nil
}

// planned says what a dry run would have stored.
func (u *ui) planned(p *packager.Plan) {
	u.line("dry run: nothing is sent; a real run would store")
	for _, s := range p.Stores {
		for _, o := range s.Objects {
			u.line("  %s  s3://%s/%s  %s", s.Region, s.Bucket, o.Key, source(o))
		}
		if len(s.Objects) == 0 {
			u.line("  %s  nothing: the template refers to no local artifact", s.Region)
		}
	}
}

// looked says what a store lacks.
func (u *ui) looked(e packager.Event, objects int) {
	switch {
	case objects == 0:
	case e.Objects == 0:
		u.line("%s: all %d objects are in %s already", e.Region, objects, e.Bucket)
	case e.Objects < objects:
		u.line("%s: %d of %d objects are in %s already", e.Region, objects-e.Objects, objects, e.Bucket)
	}
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

// archived is the line of one finished archive.
func (u *ui) archived(e packager.Event) {
	if u.verbose {
		u.line("archived %s: %d files, %s to %s in %s", source(e.Object), e.Object.Artifact.Files, size(e.Object.Artifact.Size), size(e.Object.Size), seconds(e.Took))
	}
}

func (u *ui) replaced(e packager.Event) {
	u.printf("mrpackage: warning: %s: s3://%s/%s is stored, but its size or digest is not the archive's: uploading it again\n", e.Region, e.Bucket, e.Object.Key)
}

// retrying is the line of a request that is sent again, where the wait is long
// enough to be noticed.
func (u *ui) retrying(e packager.Event) {
	if u.verbose || e.Took > 2*time.Second {
		reason := e.Err.Error()
		if i := strings.LastIndex(reason, ", "); i >= 0 {
			reason = reason[i+2:]
		}
		u.line("%s: %s; trying again in %s", e.Region, reason, seconds(e.Took))
	}
}

type durations struct {
	*packager.Result
	writing, total time.Duration
}

// summary is what a person takes in at a glance at the end.
func (u *ui) summary(d durations, dryRun bool, shard string) {
	if u.quiet {
		return
	}
	files, bytes := 0, int64(0)
	for _, a := range d.Artifacts {
		files += a.Files
		bytes += a.Size
	}
	if shard != "" {
		u.printf("shard %s stores %d of %s; no template is written\n", shard, len(d.Stores[0].Objects), plural(len(d.Artifacts), "artifact"))
	}
	u.printf("%s: %s of %s (%s) for %s\n", d.TemplateFile, plural(len(d.Artifacts), "artifact"), plural(files, "file"), size(bytes), plural(len(d.Stores), "region"))
	if dryRun {
		return
	}
	copied := slices.ContainsFunc(d.Stores, func(s packager.Contents) bool { return tallyOf(s).copied > 0 })
	refreshed := slices.ContainsFunc(d.Stores, func(s packager.Contents) bool { return tallyOf(s).refreshed > 0 })
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for _, s := range d.Stores {
		t := tallyOf(s)
		counts := fmt.Sprintf("%d uploaded\t", t.uploaded)
		if copied {
			counts += fmt.Sprintf("%d copied\t", t.copied)
		}
		counts += fmt.Sprintf("%d reused", t.reused)
		if refreshed {
			counts += fmt.Sprintf("\t%d refreshed", t.refreshed)
		}
		fmt.Fprintf(w, "  %s\t%s\t%s sent\tlook %s\tupload %s\t%s\n", s.Region, counts, size(t.sent), seconds(s.Times.Look.Took), seconds(s.Times.Upload.Took), s.Bucket)
	}
	if w.Flush() == nil {
		u.printf("%s", table.String())
	}
	u.printf("  plan %s, rewrite %s, look %s, archive %s, upload %s, write %s: %s in all\n",
		seconds(d.Times.Plan.Took), seconds(d.Times.Rewrite.Took), seconds(d.Times.Look.Took), seconds(d.Times.Archive.Took),
		seconds(d.Times.Upload.Took), seconds(d.writing), seconds(d.total))
}

// A tally counts what became of a store's objects.
type tally struct {
	uploaded, copied, reused, refreshed int
	sent                                int64 // bytes
}

func tallyOf(c packager.Contents) (t tally) {
	for _, o := range c.Objects {
		switch o.Action {
		case packager.Uploaded:
			t.uploaded++
			t.sent += o.Size
		case packager.Copied:
			t.copied++
		case packager.Reused:
			t.reused++
		case packager.Refreshed:
			t.refreshed++
		case packager.Planned:
		}
	}
	return t
}

// source names what an object is made of, as the template does.
func source(o packager.Object) string {
	if o.Artifact == nil {
		return o.Template
	}
	name := o.Artifact.References[0].String()
	if n := len(o.Artifact.References) - 1; n > 0 {
		name += fmt.Sprintf(" and %d more", n)
	}
	return name
}

// shortKey is enough of a key to know it by.
func shortKey(key string) string {
	dir, base := "", key
	if i := strings.LastIndexByte(key, '/'); i >= 0 {
		dir, base = key[:i+1], key[i+1:]
	}
	if len(base) > 16 {
		ext := ""
		if i := strings.LastIndexByte(base, '.'); i >= 0 {
			ext = base[i:]
		}
		base = base[:12] + "…" + ext
	}
	return dir + base
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// size writes bytes in decimal units, as S3's console does not but disks do.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1000*1000*1000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
