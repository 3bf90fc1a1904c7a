package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// These take the place of a shell and its tools, which Windows does not have.

// exits runs a program that must end with a certain exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "exits CODE PROGRAM ARGUMENT...", 2)
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("the exit code is %d", code)
	}
}

// pick copies the one file that a pattern matches.
func pick(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "pick PATTERN FILE", 2)
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) != 1 {
		ts.Fatalf("%s matches %d files", args[0], len(files))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(ts.ReadFile(files[0])), 0o600))
}

func concat(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "concat FILE... TO", 2)
	var all bytes.Buffer
	last := len(args) - 1
	for _, name := range args[:last] {
		all.WriteString(ts.ReadFile(name))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[last]), all.Bytes(), 0o600))
}

// grow lengthens a file without writing what it holds then: zeros.
func grow(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "grow MEGABYTES FILE", 2)
	n, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), nil, 0o600))
	ts.Check(os.Truncate(ts.MkAbs(args[1]), n<<20))
}

// jsonfile writes a JSON object that names a path of this system.
func jsonfile(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "jsonfile FILE KEY PATH", 3)
	text, err := json.Marshal(map[string]string{args[1]: filepath.FromSlash(args[2])})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

// topics writes a template of many resources.
func topics(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "topics NUMBER FILE", 2)
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i := range n {
		fmt.Fprintf(&b, "  T%d:\n    Type: AWS::SNS::Topic\n    Properties: {DisplayName: a topic with a name that takes some room}\n", i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o600))
}

// differ prints how two files differ, in the default format of POSIX's diff: the
// goldens show what is rewritten and nothing else.
func differ(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "diff FILE FILE", 2)
	a := strings.SplitAfter(ts.ReadFile(args[0]), "\n")
	b := strings.SplitAfter(ts.ReadFile(args[1]), "\n")
	// common[i][j] is the length of the longest common subsequence of a[i:] and b[j:].
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	// lines is the range from..to as diff writes it: counted from 1, the line before it where it is empty.
	lines := func(from, to int) string {
		if to-from < 2 {
			return strconv.Itoa(to)
		}
		return fmt.Sprintf("%d,%d", from+1, to)
	}
	out := ts.Stdout()
	for i, j := 0, 0; i < len(a) || j < len(b); {
		if i < len(a) && j < len(b) && a[i] == b[j] {
			i, j = i+1, j+1
			continue
		}
		fromA, fromB := i, j
		for (i < len(a) || j < len(b)) && (i == len(a) || j == len(b) || a[i] != b[j]) {
			if j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1] {
				i++
			} else {
				j++
			}
		}
		kind, rule := "c", "---\n"
		if fromA == i {
			kind, rule = "a", ""
		} else if fromB == j {
			kind, rule = "d", ""
		}
		fmt.Fprint(out, lines(fromA, i), kind, lines(fromB, j), "\n")
		for _, line := range a[fromA:i] {
			fmt.Fprint(out, "< ", line)
		}
		fmt.Fprint(out, rule)
		for _, line := range b[fromB:j] {
			fmt.Fprint(out, "> ", line)
		}
	}
}

// envfile sets a variable to what a file holds: a line of a script cannot hold
// another line.
func envfile(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, "envfile NAME FILE", 2)
	ts.Setenv(args[0], ts.ReadFile(args[1]))
}
