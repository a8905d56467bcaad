package serve

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/propersim/propersim/pkg/errs"
)

// minToken is the least length of a token in bytes: 128 bits as hexadecimal.
const minToken = 32

// healthPrefix is the one service that anybody may call.
const healthPrefix = "/grpc.health.v1.Health/"

// SecurityFiles names the files that say who may call a server and how a client
// proves itself. Its zero value means neither token nor TLS.
type SecurityFiles struct {
	// Token holds one secret of at least 32 bytes, shared by all services.
	Token string
	// Cert and Key are PEM: the certificate a server shows, and that a client
	// shows to a server with a ClientCA.
	Cert, Key string
	// ClientCA is PEM: a server then takes only callers whose certificate it
	// has signed.
	ClientCA string
	// CA is PEM: a client then speaks TLS and takes only servers whose
	// certificate it has signed.
	CA string
}

// Security is what SecurityFiles hold, read once.
type Security struct {
	token    string
	certs    []tls.Certificate
	clientCA *x509.CertPool
	ca       *x509.CertPool
}

// Load reads the files. ErrInvalid names the one that is missing or is not what
// it should be.
func (f SecurityFiles) Load() (*Security, error) {
	s := &Security{}
	if f.Token != "" {
		raw, err := os.ReadFile(f.Token)
		if err != nil {
			return nil, errs.Invalid("token_file", "%v", err)
		}
		if s.token = strings.TrimSpace(string(raw)); len(s.token) < minToken {
			return nil, errs.Invalid("token_file", "%s holds %d bytes, want at least %d", f.Token, len(s.token), minToken)
		}
	}
	if (f.Cert == "") != (f.Key == "") {
		return nil, errs.Invalid("tls_cert", "tls_cert and tls_key go together")
	}
	if f.ClientCA != "" && f.Cert == "" {
		return nil, errs.Invalid("tls_client_ca", "needs tls_cert and tls_key")
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, errs.Invalid("tls_cert", "%v", err)
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

func readPool(field, path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, errs.Invalid(field, "%v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, errs.Invalid(field, "%s holds no PEM certificate", path)
	}
	return pool, nil
}

// guards reports whether not everybody may call.
func (s *Security) guards() bool { return s != nil && (s.token != "" || s.clientCA != nil) }

// HasToken reports whether callers have to show a token.
func (s *Security) HasToken() bool { return s != nil && s.token != "" }

// AdmitHTTP decides on a request over HTTP by its authorization header.
// ErrUnauthorized says what is missing.
func (s *Security) AdmitHTTP(r *http.Request) error {
	if !s.HasToken() {
		return nil
	}
	return s.checkToken(r.Header.Values("Authorization"))
}

// serverOptions makes a server speak TLS where it has a certificate. A client's
// certificate is verified where one is given; whether one was needed is decided
// per call, so that health stays open.
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

// admit decides on one call. ErrUnauthorized says what is missing.
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

// checkToken looks at the values of an authorization header.
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

// Secure makes a client prove itself and check the server as s says; nil
// changes nothing.
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

// bearer is a token that goes with every call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": string(b)}, nil
}

// RequireTransportSecurity is false: on a private network of containers a token
// without TLS is the lesser evil, and whoever wants both names both.
func (b bearer) RequireTransportSecurity() bool { return false }
