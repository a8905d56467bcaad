package serve

import (
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/dns"
	"google.golang.org/grpc/resolver/manual"

	"github.com/propersim/propersim/pkg/errs"
)

// roundRobin balances calls in turn over the addresses that are connected.
const roundRobin = `{"loadBalancingConfig":[{"round_robin":{}}]}`

// lookUp is the shortest time between two look-ups of a name. It equals the
// longest pause between two attempts to connect, so that every attempt knows the
// present addresses.
const lookUp = maxPause

func init() { dns.SetMinResolutionInterval(lookUp) }

// target returns the target of gRPC for an address, and the options it needs.
func (d *dialing) target(address string) (string, []grpc.DialOption, error) {
	all := strings.Split(address, ",")
	if len(all) > 1 && !d.spread {
		return "", nil, errs.Invalid("address", "found %d addresses in %q, want one: this service keeps the sessions of runs in its own memory", len(all), address)
	}
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
		if err := checkAddress(all[i], d.insecure); err != nil {
			return "", nil, err
		}
	}
	switch {
	case len(all) > 1:
		list := manual.NewBuilderWithScheme("list")
		var state resolver.State
		for _, one := range all {
			state.Addresses = append(state.Addresses, resolver.Address{Addr: one, ServerName: one})
		}
		list.InitialState(state)
		return "list:///" + all[0], []grpc.DialOption{grpc.WithResolvers(list), grpc.WithDefaultServiceConfig(roundRobin)}, nil
	case d.spread && isName(all[0]):
		return "dns:///" + all[0], []grpc.DialOption{grpc.WithDefaultServiceConfig(roundRobin)}, nil
	}
	return "passthrough:///" + all[0], nil, nil
}

// isName reports whether the host of an address is a name, which may have several
// addresses.
func isName(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && host != "localhost" && net.ParseIP(host) == nil
}
