package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/s3test"
)

// A terminal is a window of some size that keeps what is written to it.
type terminal struct {
	window, program *os.File
	shown           bytes.Buffer
	reading         sync.WaitGroup
}

// newTerminal returns a terminal; first is called when something was drawn.
func newTerminal(t *testing.T, columns, rows uint16, first func(*terminal)) *terminal {
	t.Helper()
	window, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { _ = window.Close() })
	fd := int(window.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	tm := &terminal{window: window, program: program}
	tm.resize(t, columns, rows)
	tm.reading.Go(func() {
		p, once := make([]byte, 4096), new(sync.Once)
		for {
			n, err := window.Read(p) // fails when the program's end is closed
			tm.shown.Write(p[:n])
			if bytes.Contains(p[:n], []byte("\x1b[")) {
				once.Do(func() { first(tm) })
			}
			if err != nil {
				return
			}
		}
	})
	return tm
}

func (tm *terminal) resize(t *testing.T, columns, rows uint16) {
	if err := unix.IoctlSetWinsize(int(tm.window.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
		t.Error(err)
	}
}

// close ends the terminal, and returns all that was written to it.
func (tm *terminal) close() string {
	_ = tm.program.Close()
	tm.reading.Wait()
	return strings.ReplaceAll(tm.shown.String(), "\r\n", "\n")
}

// heldUpload is an upload of three archives to an S3 of two regions, which takes no
// object before it is let go on.
func heldUpload(t *testing.T) (s3 *s3test.Server, goOn func(), args []string) {
	t.Helper()
	s3 = s3test.New()
	t.Cleanup(s3.Close)
	address, err := url.Parse(s3.URL())
	if err != nil {
		t.Fatal(err)
	}
	ctx, goOn := context.WithTimeout(context.Background(), time.Minute)
	proxy := httputil.NewSingleHostReverseProxy(address)
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			<-ctx.Done()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(gate.Close)
	t.Cleanup(goOn)
	s3.CreateBucket("us-east-1", "east", "")
	s3.CreateBucket("ap-southeast-1", "south", "")
	dir := t.TempDir()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret-example", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_MAX_ATTEMPTS": "5", "TERM": "xterm",
	} {
		t.Setenv(name, value)
	}
	template := "Resources:\n"
	for i := range 3 {
		noise := make([]byte, 2e6)
		_, _ = rand.Read(noise) // it never fails
		template += fmt.Sprintf("  F%d: {Type: AWS::Serverless::Function, Properties: {CodeUri: src%d}}\n", i, i)
		folder := filepath.Join(dir, fmt.Sprint("src", i))
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "app.js"), noise, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "template.yaml")
	if err := os.WriteFile(file, []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
	return s3, goOn, []string{
		"--template-file", file, "--output-template-file", filepath.Join(dir, "out-{region}.yaml"), "--endpoint-url", gate.URL,
		"--regions", "us-east-1,ap-southeast-1", "--s3-bucket", "us-east-1=east,ap-southeast-1=south",
	}
}

// frames divides what a terminal was shown into the bars as they were drawn, one time
// after the other.
func frames(t *testing.T, shown string) (frames [][]string) {
	t.Helper()
	again := regexp.MustCompile(`\r?\x1b\[([0-9]+)A\x1b\[J`)
	from, height := 0, 0
	for _, at := range again.FindAllStringSubmatchIndex(shown, -1) {
		height, _ = strconv.Atoi(shown[at[2]:at[3]])
		lines := strings.Split(strings.TrimSuffix(shown[from:at[0]], "\n"), "\n")
		if len(lines) < height {
			t.Fatalf("%d lines are erased, and there are %q", height, lines)
		}
		frames = append(frames, lines[len(lines)-height:]) // above them is what is to stay
		from = at[1]
	}
	rest, _, _ := strings.Cut(shown[from:], "\n/") // the summary, or a problem
	rest, _, _ = strings.Cut(rest, "\nmrpackage:")
	lines := strings.Split(rest, "\n")
	return append(frames, lines[len(lines)-height:])
}

// Bars fit the terminal, and never show more than there is, also where something is sent
// again; in the end they show that all is done, whether sent or copied.
func TestBars(t *testing.T) {
	amount := regexp.MustCompile(`([0-9.]+) of ~?([0-9.]+) [MkG]?B`)
	cut := []s3test.Fault{{Operation: "PutObject", Cut: s3test.RequestHalf, Times: 2}}
	for name, tt := range map[string]struct {
		columns, rows, later uint16 // later is how wide the window is after the first frame, unless 0
		copy                 string
		faults               []s3test.Fault
		lines                int
		want                 string // in each line in the end
	}{
		"38 columns":         {38, 24, 0, "never", nil, 3, "100%"}, // in which the lines have 36
		"40 columns":         {40, 24, 0, "never", nil, 3, "100%"},
		"80 columns":         {80, 24, 0, "never", nil, 3, "] 100%"},
		"200 columns":        {200, 24, 0, "never", nil, 3, "] 100%"},
		"copies":             {80, 24, 0, "always", nil, 3, "] 100%"},
		"sent again":         {80, 24, 0, "never", cut, 3, "] 100%"},
		"few lines":          {80, 4, 0, "never", nil, 1, "] 100%"},
		"narrower meanwhile": {120, 24, 50, "never", nil, 3, "100%"},
		"wider meanwhile":    {40, 24, 120, "never", nil, 3, "] 100%"},
	} {
		t.Run(name, func(t *testing.T) {
			s3, goOn, args := heldUpload(t)
			for _, f := range tt.faults {
				s3.Fail(f)
			}
			tm := newTerminal(t, tt.columns, tt.rows, func(tm *terminal) {
				if tt.later > 0 {
					tm.resize(t, tt.later, tt.rows)
				}
				goOn()
			})
			if status := run(t.Context(), append(args, "--copy", tt.copy), io.Discard, tm.program); status != exitDone {
				t.Errorf("exit status %d", status)
			}
			shown := tm.close()
			all := frames(t, shown)
			for i, frame := range all {
				if len(frame) != tt.lines {
					t.Errorf("%d lines: %q", len(frame), frame)
				}
				for _, line := range frame {
					for _, m := range amount.FindAllStringSubmatch(line, -1) {
						done, _ := strconv.ParseFloat(m[1], 64)
						if total, _ := strconv.ParseFloat(m[2], 64); done > total || done < total && i == len(all)-1 {
							t.Errorf("more than there is, or less in the end: %q", line)
						}
					}
					if i == len(all)-1 {
						if !strings.Contains(strings.ReplaceAll(line, "  ", " "), tt.want) {
							t.Errorf("in the end: %q", line)
						}
						if tt.later > 0 {
							tt.columns = tt.later
						}
					} else if tt.later > 0 {
						continue
					}
					if len(line) >= int(tt.columns) {
						t.Errorf("%d columns in %d: %q", len(line), tt.columns, line)
					}
				}
			}
			if t.Failed() || len(all) < 3 {
				t.Errorf("%d frames:\n%s", len(all), strings.ReplaceAll(shown, "\x1b", "ESC"))
			}
		})
	}
}

// An interrupt leaves the bars as they are, and what it says is below them.
func TestBarsInterrupted(t *testing.T) {
	_, _, args := heldUpload(t)
	ctx, interrupt := context.WithCancel(t.Context())
	tm := newTerminal(t, 80, 24, func(*terminal) { interrupt() })
	if status := run(ctx, args, io.Discard, tm.program); status != exitInterrupted {
		t.Errorf("exit status %d", status)
	}
	shown := tm.close()
	var lines []string // as they are on the screen then
	moves := regexp.MustCompile(`\x1b\[([0-9]+)A\x1b\[J`)
	for line := range strings.Lines(shown) {
		line = strings.TrimLeft(line, "\r")
		if m := moves.FindStringSubmatch(line); m != nil {
			up, _ := strconv.Atoi(m[1])
			lines, line = lines[:len(lines)-up], line[len(m[0]):]
		}
		lines = append(lines, line)
	}
	if screen := strings.Join(lines, ""); strings.Count(screen, "us-east-1 ") != 1 || len(lines) != 4 || !strings.HasPrefix(lines[3], "mrpackage: interrupted") {
		t.Errorf("on the screen:\n%s", screen)
	}
}

// Where nothing can be drawn on, or nobody wants it, there are lines as in a build log.
func TestNoBars(t *testing.T) {
	const line = "us-east-1: uploaded "
	for name, tt := range map[string]struct {
		columns, rows uint16
		term          string
		args          []string
		want          string
	}{
		"dumb":        {80, 24, "dumb", nil, line},
		"no width":    {0, 24, "xterm", nil, line},
		"no height":   {80, 0, "xterm", nil, line},
		"no progress": {80, 24, "xterm", []string{"--no-progress"}, line},
		"quiet":       {80, 24, "xterm", []string{"--quiet"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, goOn, args := heldUpload(t)
			goOn()
			t.Setenv("TERM", tt.term)
			tm := newTerminal(t, tt.columns, tt.rows, func(*terminal) {})
			if status := run(t.Context(), append(args, tt.args...), io.Discard, tm.program); status != exitDone {
				t.Errorf("exit status %d", status)
			}
			shown := tm.close()
			if strings.ContainsAny(shown, "\x1b\r") || !strings.Contains(shown, tt.want) || tt.want == "" && shown != "" {
				t.Errorf("shown: %q", shown)
			}
		})
	}
}
