package serve

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/propersim/propersim/internal/infile"
	"github.com/propersim/propersim/pkg/errs"
)

// minToken is the shortest token, bytes: 128 bits in hexadecimal.
const minToken = 32

// healthPrefix is the one service that needs no proof.
const healthPrefix = "/grpc.health.v1.Health/"

// SecurityFiles names the files with the secrets of servers and clients. Its zero
// value means neither token nor TLS.
type SecurityFiles struct {
	// Token has one secret of at least 32 bytes, shared by all services.
	Token string
	// Cert and Key are PEM: the certificate of a server, and of a client of a
	// server with a ClientCA.
	Cert, Key string
	// ClientCA is PEM: a server then accepts only callers with a certificate that
	// it has signed.
	ClientCA string
	// CA is PEM: a client then uses TLS and accepts only servers with a
	// certificate that it has signed.
	CA string
}

// Security has the contents of SecurityFiles.
type Security struct {
	token    string
	certs    []tls.Certificate
	clientCA *x509.CertPool
	ca       *x509.CertPool
}

// Load reads the files. It returns ErrInvalid with the setting of a file that is
// missing or unusable.
func (f SecurityFiles) Load() (*Security, error) {
	s := &Security{}
	if f.Token != "" {
		raw, err := infile.Secret(f.Token)
		if err != nil {
			return nil, errs.Invalid("token_file", "%v", err)
		}
		if s.token = strings.TrimSpace(string(raw)); len(s.token) < minToken {
			return nil, errs.Invalid("token_file", "%s has %d bytes, want at least %d", f.Token, len(s.token), minToken)
		}
	}
	if (f.Cert == "") != (f.Key == "") {
		return nil, errs.Invalid("tls_cert", "tls_cert and tls_key go together")
	}
	if f.ClientCA != "" && f.Cert == "" {
		return nil, errs.Invalid("tls_client_ca", "needs tls_cert and tls_key")
	}
	if f.Cert != "" {
		pair, err := readPair(f.Cert, f.Key)
		if err != nil {
			return nil, err
		}
		s.certs = []tls.Certificate{pair}
	}
	var err error
	if s.clientCA, err = readPool("tls_client_ca", f.ClientCA); err != nil {
		return nil, err
	}
	s.ca, err = readPool("tls_ca", f.CA)
	return s, err
}

func readPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := infile.Secret(certFile)
	if err != nil {
		return tls.Certificate{}, errs.Invalid("tls_cert", "%v", err)
	}
	key, err := infile.Secret(keyFile)
	if err != nil {
		return tls.Certificate{}, errs.Invalid("tls_key", "%v", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, errs.Invalid("tls_cert", "%s with %s: %v", certFile, keyFile, err)
	}
	return pair, nil
}

func readPool(field, path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := infile.Secret(path)
	if err != nil {
		return nil, errs.Invalid(field, "%v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, errs.Invalid(field, "%s has no PEM certificate", path)
	}
	return pool, nil
}

// guards reports whether callers need a proof.
func (s *Security) guards() bool { return s != nil && (s.token != "" || s.clientCA != nil) }

// HasToken reports whether callers need a token.
func (s *Security) HasToken() bool { return s != nil && s.token != "" }

// AdmitHTTP checks the authorization header of an HTTP request. It returns
// ErrUnauthorized with what is missing.
func (s *Security) AdmitHTTP(r *http.Request) error {
	if !s.HasToken() {
		return nil
	}
	return s.checkToken(r.Header.Values("Authorization"))
}

// serverOptions turns TLS on for a server with a certificate. A certificate of the
// client is verified if there is one; admit requires it per call, so that health
// checks work without.
func (s *Security) serverOptions() []grpc.ServerOption {
	if s == nil || len(s.certs) == 0 {
		return nil
	}
	cfg := &tls.Config{Certificates: s.certs, MinVersion: tls.VersionTLS13}
	if s.clientCA != nil {
		cfg.ClientCAs, cfg.ClientAuth = s.clientCA, tls.VerifyClientCertIfGiven
	}
	return []grpc.ServerOption{grpc.Creds(credentials.NewTLS(cfg))}
}

// admit checks the proof of one call. It returns ErrUnauthorized with what is
// missing.
func (s *Security) admit(ctx context.Context, method string) error {
	if !s.guards() || strings.HasPrefix(method, healthPrefix) {
		return nil
	}
	if s.clientCA != nil && !verified(ctx) {
		return fmt.Errorf("no client certificate: %w", errs.ErrUnauthorized)
	}
	if s.token == "" {
		return nil
	}
	return s.checkToken(metadata.ValueFromIncomingContext(ctx, "authorization"))
}

// checkToken checks the values of an authorization header.
func (s *Security) checkToken(values []string) error {
	if len(values) == 0 {
		return fmt.Errorf("no token: %w", errs.ErrUnauthorized)
	}
	if subtle.ConstantTimeCompare([]byte(values[0]), []byte("Bearer "+s.token)) != 1 {
		return fmt.Errorf("wrong token: %w", errs.ErrUnauthorized)
	}
	return nil
}

func verified(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return false
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	return ok && len(info.State.VerifiedChains) > 0
}

// Secure makes a client send its token and certificate and verify the server's;
// nil changes nothing.
func Secure(s *Security) DialOption {
	return func(d *dialing) {
		if s == nil {
			return
		}
		d.insecure = d.insecure || s.token != "" || s.ca != nil
		if s.ca != nil {
			d.extra = append(d.extra, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
				RootCAs: s.ca, Certificates: s.certs, MinVersion: tls.VersionTLS13,
			})))
		}
		if s.token != "" {
			d.extra = append(d.extra, grpc.WithPerRPCCredentials(bearer("Bearer "+s.token)))
		}
	}
}

// bearer is a token that is sent with every call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": string(b)}, nil
}

// RequireTransportSecurity is false: on a private network of containers a token
// without TLS is better than neither. Configure TLS as well where you need it.
func (b bearer) RequireTransportSecurity() bool { return false }
