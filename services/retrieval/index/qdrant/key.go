package qdrant

import (
	"context"
	"net"

	"go.uber.org/zap"
)

// apiKey goes with every request. The client's own way of sending one writes
// warnings past our log.
type apiKey string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (k apiKey) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"api-key": string(k)}, nil
}

// RequireTransportSecurity is false: on a private network a key without TLS is
// better than none.
func (k apiKey) RequireTransportSecurity() bool { return false }

// warn says that a key leaves this machine in the clear.
func warn(log *zap.Logger, cfg Config, host string) {
	ip := net.ParseIP(host)
	if log == nil || cfg.APIKey == "" || cfg.TLS || host == "localhost" || (ip != nil && ip.IsLoopback()) {
		return
	}
	log.Warn("the key of Qdrant travels without TLS; keep it to a private network, or set qdrant.tls", zap.String("address", cfg.Address))
}
