package main

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// An STS that says nothing, as behind a firewall, is given up, and the message
// says what is wrong: not the credentials.
func TestSilentSTS(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	who := caller{patience: 100 * time.Millisecond, aws: &aws.Config{
		BaseEndpoint: aws.String("http://" + silent.Addr().String()),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	}}
	began := time.Now()
	id := who.self(t.Context(), "us-east-1")
	var problem *problem.Error
	if id != unknownAccount || len(who.problems) != 1 || !errors.As(who.problems[0], &problem) || !strings.Contains(problem.Hint, "STS in us-east-1 cannot be reached from here") {
		t.Errorf("%s, %v", id, who.problems)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}
