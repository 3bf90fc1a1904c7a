package buildspec

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/check/internal/shell"
)

// brings tells whether a call may bring files into the build's folder whose names do
// not stand in its words. Of most programs the words say which files they write: cp
// of one file, curl -o.
func brings(c shell.Call) bool {
	words := c.Arguments()
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	switch c.Program().String() {
	case "unzip":
		return !isOutside(valueOf(words, "-d"))
	case "tar", "bsdtar":
		return extracts(words) && !isOutside(valueOf(words, "-C", "--directory"))
	case "cp", "mv", "ln", "rsync":
		return !copiesTo(c).Base().Known() || slices.ContainsFunc(words, isRemote)
	case "tee", "gunzip", "gzip", "bunzip2", "bzip2", "unxz", "xz", "gpg":
		return slices.ContainsFunc(words, hasUnknownName)
	case "git":
		changes := slices.ContainsFunc(words, func(w shell.Text) bool { return w.Is(changingParts()...) })
		return changes && (!c.Has("clone") || !isOutside(last))
	case "aws":
		return downloads(words)
	case "curl":
		return slices.ContainsFunc(words, func(w shell.Text) bool { return isOutput(w) && hasUnknownName(valueOf(words, w.String())) }) ||
			hasFlag(words, "OJ", "--remote-name", "--remote-name-all") && slices.ContainsFunc(words, hasUnknownName)
	case "wget":
		return hasFlag(words, "ir", "--input-file", "--recursive") || slices.ContainsFunc(words, hasUnknownName)
	case "awk", "gawk", "mawk", "nawk":
		return hasFlag(words, "f", "--file") || slices.ContainsFunc(words, func(w shell.Text) bool { return strings.Contains(w.String(), ">") })
	case "sed":
		return hasFlag(words, "f", "--file")
	case "yq":
		return hasFlag(words, "s", "--split-exp")
	}
	return false
}

// changingParts are the commands of git that change the files of a folder.
func changingParts() []string {
	return []string{
		"am", "apply", "checkout", "cherry-pick", "clone", "lfs", "merge", "pull", "rebase", "reset", "restore", "revert",
		"stash", "submodule", "subtree", "switch", "worktree",
	}
}

// isOutside tells whether a path does not lie in the build's folder.
func isOutside(w shell.Text) bool {
	return path.IsAbs(w.String()) || strings.HasPrefix(w.String(), "~") || strings.HasPrefix(w.String(), "s3://")
}

// isRemote tells whether rsync takes files from another machine by this word.
func isRemote(w shell.Text) bool {
	before, _, colon := strings.Cut(w.String(), ":")
	return colon && !strings.Contains(before, "/") && !strings.HasPrefix(before, "-")
}

func hasUnknownName(w shell.Text) bool {
	return !strings.HasPrefix(w.String(), "-") && !w.Base().Known()
}

// valueOf is the word behind the first of these flags, or what stands in it behind
// an equals sign.
func valueOf(words []shell.Text, flags ...string) shell.Text {
	for i, w := range words {
		name, value, joined := strings.Cut(w.String(), "=")
		switch {
		case !slices.Contains(flags, name):
		case joined:
			return shell.Pattern(value)
		case i+1 < len(words):
			return words[i+1]
		}
	}
	return shell.Text{}
}

// isOutput tells whether the word behind this one is the file that curl writes: -o,
// -fsSLo.
func isOutput(w shell.Text) bool {
	return w.Is("--output") || strings.HasPrefix(w.String(), "-") && !strings.HasPrefix(w.String(), "--") && strings.HasSuffix(w.String(), "o")
}

// hasFlag tells whether one of the letters is among the short flags, which may stand
// together, or one of the names is a long flag.
func hasFlag(words []shell.Text, letters string, names ...string) bool {
	return slices.ContainsFunc(words, func(w shell.Text) bool {
		name, _, _ := strings.Cut(w.String(), "=")
		if strings.HasPrefix(name, "--") {
			return slices.Contains(names, name)
		}
		return strings.HasPrefix(name, "-") && strings.ContainsAny(name, letters)
	})
}

// extracts tells whether tar takes files out of an archive: its flags may stand
// without a dash.
func extracts(words []shell.Text) bool {
	return strings.Contains(words[0].String(), "x") && !strings.HasPrefix(words[0].String(), "--") ||
		hasFlag(words, "x", "--extract", "--get")
}

// copiesTo is where cp, mv, ln, or rsync puts files; empty where the call is none of
// these, or puts them outside.
func copiesTo(c shell.Call) shell.Text {
	if !c.Program().Is("cp", "mv", "ln", "rsync") || len(c.Words) < 3 || isOutside(c.Words[len(c.Words)-1]) {
		return shell.Text{}
	}
	return c.Words[len(c.Words)-1]
}

// takesUnknown tells whether a call copies a folder that is not known or not in the
// repository, so that nobody knows which files it holds.
func (r *reader) takesUnknown(c shell.Call) bool {
	folders := !c.Program().Is("cp") || hasFlag(c.Arguments(), "rRa", "--recursive", "--archive")
	return relocates(c) && slices.ContainsFunc(c.Words[1:len(c.Words)-1], func(w shell.Text) bool {
		from, rest, star := strings.Cut(w.String(), "*")
		switch {
		case star && from == "": // a variable, or the shell's own star
			return slices.Contains([]string{"", ".", ".yaml", ".yml", ".json", ".template"}, path.Ext(rest))
		case star:
			from = path.Dir(from + "x")
		}
		_, err := os.Stat(filepath.Join(r.root, filepath.FromSlash(from)))
		return (star || folders && strings.Trim(path.Ext(from), ".") == "") && (isOutside(w) || err != nil) && !strings.HasPrefix(from, "-")
	})
}

// relocates tells whether a call may put files of the repository into another folder
// by the names that they have.
func relocates(c shell.Call) bool {
	to := copiesTo(c).Base()
	return to.Known() && !copiesTo(c).Is("") && strings.Trim(path.Ext(to.String()), ".") == ""
}

// downloads tells whether aws s3 copies objects of unknown names into a folder. The
// folder stands behind what is copied.
func downloads(words []shell.Text) bool {
	verb := slices.IndexFunc(words, func(w shell.Text) bool { return w.Is("cp", "mv", "sync") })
	if verb < 1 || !words[verb-1].Is("s3") {
		return false
	}
	rest := words[verb+1:]
	for i := 0; i+1 < len(rest); i++ {
		from, to := rest[i], rest[i+1]
		isFrom := strings.HasPrefix(from.String(), "s3://") || strings.HasPrefix(from.String(), "*")
		if isFrom && !strings.HasPrefix(to.String(), "-") {
			many := words[verb].Is("sync") || slices.ContainsFunc(rest, func(w shell.Text) bool { return w.Is("--recursive") })
			return !isOutside(to) && (many || hasUnknownName(from))
		}
	}
	return false
}

// names are the names of files that a word may hold. To awk and sed a word is a
// program, which may write files; what unpacks a file takes an ending off.
func namesIn(program string, word shell.Text) []string {
	base := path.Base(word.String())
	switch program {
	case "awk", "gawk", "mawk", "nawk", "sed":
		names := strings.FieldsFunc(word.String(), func(r rune) bool { return strings.ContainsRune(" \t\n\"'`;{}()>|,/", r) })
		return append(names, base)
	case "gunzip", "gzip", "bunzip2", "bzip2", "unxz", "xz", "gpg":
		return []string{base, strings.TrimSuffix(base, path.Ext(base))}
	}
	return []string{base}
}
