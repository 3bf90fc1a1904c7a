//go:build e2e

package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A moto is a server that plays AWS, behind a proxy that sees what is asked of it, and refuses what a test wants refused.
type moto struct {
	endpoint string // the proxy's
	server   *httputil.ReverseProxy
	programs string // a PATH: an aws that notes its arguments, mrpackage, and what this machine has

	mend func(url.Values) // changes what is asked of CloudFormation, where moto could not take it; nil where nothing must be

	mu    sync.Mutex
	calls []call // since the last script began
	fault func(call) (code, message string)
}

// A call is a request to CloudFormation, or to something else if it has no action.
type call struct {
	region, action string
	form           url.Values
}

// startMoto returns nil where this machine has not got what it takes.
func startMoto(t *testing.T) *moto {
	t.Helper()
	for _, name := range []string{"moto_server", "aws"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Log("this was not tested:", err)
			return nil
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	base := &url.URL{Scheme: "http", Host: free.Addr().String()}
	check(t, free.Close())

	cmd := exec.CommandContext(t.Context(), "moto_server", "-H", "127.0.0.1", "-p", base.Port())
	cmd.Env = environment()
	cmd.WaitDelay = time.Second // should it have left a child that holds its output
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	check(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the test's end kills it
		close(ended)
	}()
	t.Cleanup(func() {
		<-ended
		if text := log.String(); t.Failed() && strings.Contains(text, "Traceback") {
			t.Logf("moto_server fell over:\n%s", text[strings.LastIndex(text, "Traceback"):])
		}
	})

	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	m := &moto{programs: t.TempDir(), server: &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(base)
			r.Out.Host = r.In.Host // it is signed
		},
	}}
	proxy := httptest.NewServer(m)
	t.Cleanup(proxy.Close)
	m.endpoint = proxy.URL
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("moto_server ended: %v\n%s", cmd.ProcessState, &log)
		default:
		}
		if resp, err := http.Get(base.JoinPath("moto-api", "").String()); err == nil {
			_ = resp.Body.Close()
			return m
		}
	}
	t.Fatal("moto_server does not answer")
	return nil
}

func (m *moto) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var c call
	if scope := strings.Split(r.Header.Get("Authorization"), "/"); len(scope) > 3 {
		c.region = scope[2]
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		c.form, _ = url.ParseQuery(string(body)) // what it could not read a test will miss
		c.action = c.form.Get("Action")
		if m.mend != nil && c.form.Has("StackName") {
			m.mend(c.form)
			body = []byte(c.form.Encode())
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		}
	}
	m.mu.Lock()
	m.calls = append(m.calls, c)
	fault := m.fault
	m.mu.Unlock()

	if fault != nil {
		if code, message := fault(c); code != "" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>",
				code, message)
			return
		}
	}
	m.server.ServeHTTP(w, r)
}

// reset makes the account empty, and refuses nothing.
func (m *moto) reset(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	m.fault = nil
	m.mu.Unlock()
	resp, err := http.Post(m.endpoint+"/moto-api/reset", "", nil)
	check(t, err)
	check(t, resp.Body.Close())
	if resp.StatusCode != http.StatusOK {
		t.Fatal("resetting moto:", resp.Status)
	}
}

// A motoResult is what came of a script.
type motoResult struct {
	result
	calls []call
}

// script runs a command line in a folder that has nothing to do with the checkout, which is $C there. Whatever it is, it
// must not tell the token to those who read its output or the list of processes, nor leave it in a file.
func (m *moto) script(t *testing.T, checkout, region, command string) motoResult {
	t.Helper()
	dir, temp := t.TempDir(), t.TempDir()
	arguments := filepath.Join(t.TempDir(), "arguments")
	env := append(environment(), "C="+checkout, "TOKEN="+token, "ARGUMENTS="+arguments, "TMPDIR="+temp,
		"PATH="+m.programs+string(os.PathListSeparator)+os.Getenv("PATH"),
		"AWS_ENDPOINT_URL="+m.endpoint, "AWS_ACCESS_KEY_ID=someone", "AWS_SECRET_ACCESS_KEY=something",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
		"NO_PROXY=127.0.0.1", "npm_config_offline=true", "npm_config_update_notifier=false")
	if region != "" {
		env = append(env, "AWS_REGION="+region)
	}
	m.mu.Lock()
	m.calls = nil
	m.mu.Unlock()
	r := motoResult{result: run(t, dir, env, "bash", "-c", command)}
	m.mu.Lock()
	r.calls = slices.Clone(m.calls)
	m.mu.Unlock()

	noted, err := os.ReadFile(arguments)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"stdout": r.stdout, "stderr": r.stderr, "arguments of aws": string(noted)} {
		if strings.Contains(text, token) {
			t.Errorf("%s: the token is in %s:\n%s", command, what, text)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("%s leaves %v in the folder for temporary files (%v)", command, left, err)
	}
	return r
}

// wantRefusal is for what a script refuses by itself, before it asks AWS.
func (r motoResult) wantRefusal(t *testing.T, patterns ...string) {
	t.Helper()
	r.wantExit(t, 1)
	r.wantError(t, patterns...)
	if len(r.calls) != 0 {
		t.Errorf("it sent %d requests, the first %+v", len(r.calls), r.calls[0])
	}
}

// wantCall is the one call of that action.
func (r motoResult) wantCall(t *testing.T, action string) call {
	t.Helper()
	var found []call
	for _, c := range r.calls {
		if c.action == action {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d calls of %s, want 1\nstdout:\n%s\nstderr:\n%s", len(found), action, r.stdout, r.stderr)
	}
	return found[0]
}
