package registrytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// A Proxy is a company's that looks into TLS. A program that HTTPS_PROXY leads there, and that trusts its authority by
// AWS_CA_BUNDLE, finds ECR's hosts at the addresses that a test says, and need not know of tests.
type Proxy struct {
	Authority []byte // the certificate of its authority, in PEM
	http      *httptest.Server
	key       *ecdsa.PrivateKey
	authority *x509.Certificate
	to        func(host string) string
}

// NewProxy starts a proxy. To tells the address at which a host is found; "" where it is not.
func NewProxy(to func(host string) string) (*Proxy, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	p := &Proxy{key: key, to: to, authority: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a company"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, p.authority, p.authority, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	p.Authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	p.http = httptest.NewServer(http.HandlerFunc(p.serve))
	return p, nil
}

// URL is the proxy's own.
func (p *Proxy) URL() string { return p.http.URL }

// Close stops the proxy. Connections through it are cut.
func (p *Proxy) Close() {
	p.http.CloseClientConnections()
	p.http.Close()
}

// serve opens a way to a host. What comes out of TLS goes on without.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	address := p.to(host)
	if r.Method != http.MethodConnect || address == "" {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	far, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer far.Close()
	fmt.Fprint(near, "HTTP/1.1 200 OK\r\n\r\n")
	inside := tls.Server(near, &tls.Config{NextProtos: []string{"http/1.1"}, GetCertificate: p.certificate})
	go func() {
		_, _ = io.Copy(far, inside)
		_ = far.Close()
	}()
	_, _ = io.Copy(inside, far)
}

// certificate is one for the host that is asked for.
func (p *Proxy) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{hello.ServerName}, NotBefore: p.authority.NotBefore, NotAfter: p.authority.NotAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, p.authority, &p.key.PublicKey, p.key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: p.key}, err
}
