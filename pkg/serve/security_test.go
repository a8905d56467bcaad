package serve

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/propersim/propersim/pkg/errs"
	assistantv1 "github.com/propersim/propersim/proto/gen/propersim/assistant/v1"
	bufferv1 "github.com/propersim/propersim/proto/gen/propersim/buffer/v1"
	environmentv1 "github.com/propersim/propersim/proto/gen/propersim/environment/v1"
	retrievalv1 "github.com/propersim/propersim/proto/gen/propersim/retrieval/v1"
	trainerv1 "github.com/propersim/propersim/proto/gen/propersim/trainer/v1"
	userv1 "github.com/propersim/propersim/proto/gen/propersim/user/v1"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	a.cert, a.key, a.file, _ = a.issue(template, "ca")
	return a
}

// issue signs template with the authority's key, or with its own for the
// authority itself, and writes both files.
func (a *authority) issue(template *x509.Certificate, name string) (*x509.Certificate, *ecdsa.PrivateKey, string, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	certFile, keyFile := filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	require.NoError(a.t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(a.t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return cert, key, certFile, keyFile
}

// leaf issues a certificate for 127.0.0.1 that ends at the given time.
func (a *authority) leaf(name string, ends time.Time) (certFile, keyFile string) {
	_, _, certFile, keyFile = a.issue(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: ends, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, name)
	return certFile, keyFile
}

func load(t *testing.T, files SecurityFiles) *Security {
	t.Helper()
	s, err := files.Load()
	require.NoError(t, err)
	return s
}

func tokenFile(t *testing.T, token string) string {
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(token+"\n"), 0o600))
	return path
}

// everything registers every service of the project, unimplemented.
type everything struct{}

func (everything) Register(r grpc.ServiceRegistrar) {
	environmentv1.RegisterRunServiceServer(r, environmentv1.UnimplementedRunServiceServer{})
	environmentv1.RegisterWorldServiceServer(r, environmentv1.UnimplementedWorldServiceServer{})
	userv1.RegisterPersonaServiceServer(r, userv1.UnimplementedPersonaServiceServer{})
	userv1.RegisterUserAgentServiceServer(r, userv1.UnimplementedUserAgentServiceServer{})
	assistantv1.RegisterAssistantServiceServer(r, assistantv1.UnimplementedAssistantServiceServer{})
	retrievalv1.RegisterRetrievalServiceServer(r, retrievalv1.UnimplementedRetrievalServiceServer{})
	bufferv1.RegisterPreferenceBufferServiceServer(r, bufferv1.UnimplementedPreferenceBufferServiceServer{})
	trainerv1.RegisterTrainerServiceServer(r, trainerv1.UnimplementedTrainerServiceServer{})
	trainerv1.RegisterWorkerServiceServer(r, trainerv1.UnimplementedWorkerServiceServer{})
}

// TestWhoMayCall calls every rpc of every service as every kind of caller.
func TestWhoMayCall(t *testing.T) {
	ours, foreign := newAuthority(t, "ours"), newAuthority(t, "foreign")
	soon := time.Now().Add(time.Hour)
	serverCert, serverKey := ours.leaf("server", soon)
	goodCert, goodKey := ours.leaf("caller", soon)
	oldCert, oldKey := ours.leaf("expired", time.Now().Add(-time.Hour))
	strangeCert, strangeKey := foreign.leaf("stranger", soon)
	token, wrong := tokenFile(t, strings.Repeat("a1", 16)), tokenFile(t, strings.Repeat("b2", 16))
	mtls := SecurityFiles{Cert: serverCert, Key: serverKey, ClientCA: ours.file}

	tests := map[string]struct {
		server, caller SecurityFiles
		want           error // nil: the handler is reached
		health         bool
	}{
		"token: none":          {server: SecurityFiles{Token: token}, want: errs.ErrUnauthorized, health: true},
		"token: wrong":         {server: SecurityFiles{Token: token}, caller: SecurityFiles{Token: wrong}, want: errs.ErrUnauthorized, health: true},
		"token: right":         {server: SecurityFiles{Token: token}, caller: SecurityFiles{Token: token}, health: true},
		"mtls: no certificate": {server: mtls, caller: SecurityFiles{CA: ours.file}, want: errs.ErrUnauthorized, health: true},
		"mtls: ours":           {server: mtls, caller: SecurityFiles{CA: ours.file, Cert: goodCert, Key: goodKey}, health: true},
		"mtls: expired":        {server: mtls, caller: SecurityFiles{CA: ours.file, Cert: oldCert, Key: oldKey}, want: errs.ErrUnavailable},
		// A Go client does not even show a certificate of an authority the server does not know.
		"mtls: foreign":       {server: mtls, caller: SecurityFiles{CA: ours.file, Cert: strangeCert, Key: strangeKey}, want: errs.ErrUnauthorized, health: true},
		"tls: foreign server": {server: mtls, caller: SecurityFiles{CA: foreign.file, Cert: goodCert, Key: goodKey}, want: errs.ErrUnavailable},
		"mtls and token: no token": {server: SecurityFiles{Cert: serverCert, Key: serverKey, ClientCA: ours.file, Token: token},
			caller: SecurityFiles{CA: ours.file, Cert: goodCert, Key: goodKey}, want: errs.ErrUnauthorized, health: true},
		"nobody is kept out": {health: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, err := New(Config{Name: "all", Address: "127.0.0.1:0", Security: load(t, test.server), Reflection: true}, everything{})
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- server.Run(ctx) }()
			defer func() { cancel(); require.NoError(t, <-done) }()
			conn, err := Dial(server.Addr(), Secure(load(t, test.caller)), Timeout(time.Minute))
			require.NoError(t, err)
			defer conn.Close()

			_, err = healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
			require.Equal(t, test.health, err == nil, "health: %v", err)
			called := 0
			for service, info := range server.grpc.GetServiceInfo() {
				if strings.HasPrefix(service, "grpc.health.") {
					continue
				}
				for _, method := range info.Methods {
					err := callAny(ctx, conn, "/"+service+"/"+method.Name, method)
					called++
					if test.want == nil {
						require.NotErrorIs(t, err, errs.ErrUnauthorized, method.Name)
						require.NotErrorIs(t, err, errs.ErrUnavailable, method.Name)
						continue
					}
					require.ErrorIs(t, err, test.want, "%s.%s", service, method.Name)
				}
			}
			require.Greater(t, called, 45)
		})
	}
}

// callAny calls any method with an empty message and returns how it ends.
func callAny(ctx context.Context, conn *grpc.ClientConn, full string, method grpc.MethodInfo) error {
	req, resp := &healthv1.HealthCheckRequest{}, &healthv1.HealthCheckResponse{}
	if !method.IsClientStream && !method.IsServerStream {
		return conn.Invoke(ctx, full, req, resp)
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, full)
	if err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(resp)
}

func TestOffLoopbackNeedsAKey(t *testing.T) {
	_, err := New(Config{Name: "open", Address: "0.0.0.0:0"})
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "token")
	for name, cfg := range map[string]Config{
		"token":       {Address: "0.0.0.0:0", Security: load(t, SecurityFiles{Token: tokenFile(t, strings.Repeat("x", 32))})},
		"spelled out": {Address: "0.0.0.0:0", Insecure: true},
	} {
		s, err := New(cfg)
		require.NoError(t, err, name)
		s.Close()
	}
}

func TestSecurityFilesAreChecked(t *testing.T) {
	ours := newAuthority(t, "ours")
	cert, key := ours.leaf("server", time.Now().Add(time.Hour))
	for name, test := range map[string]struct {
		files SecurityFiles
		says  string
	}{
		"missing token file":   {SecurityFiles{Token: "/nowhere/token"}, "token_file"},
		"short token":          {SecurityFiles{Token: tokenFile(t, "hunter2")}, "7 bytes"},
		"cert without key":     {SecurityFiles{Cert: cert}, "go together"},
		"client ca alone":      {SecurityFiles{ClientCA: ours.file}, "tls_client_ca"},
		"not a certificate":    {SecurityFiles{CA: key}, "no PEM certificate"},
		"key of somebody else": {SecurityFiles{Cert: cert, Key: cert}, "tls_cert"},
	} {
		_, err := test.files.Load()
		require.ErrorIs(t, err, errs.ErrInvalid, name)
		require.ErrorContains(t, err, test.says, name)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
