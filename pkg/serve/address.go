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

// roundRobin gives each call to the next of the addresses that answer.
const roundRobin = `{"loadBalancingConfig":[{"round_robin":{}}]}`

// lookUp is the least time between two look-ups of a name. It is as long as the
// longest pause between two attempts to connect, so that a service that comes
// back under another address is found at the next one.
const lookUp = maxPause

func init() { dns.SetMinResolutionInterval(lookUp) }

// target says what gRPC is to call for an address. A single address is looked
// up at every connect.
func (d *dialing) target(address string) (string, []grpc.DialOption, error) {
	all := strings.Split(address, ",")
	if len(all) > 1 && !d.spread {
		return "", nil, errs.Invalid("address", "found %d addresses in %q, want one: this service keeps what belongs to a run in its own memory", len(all), address)
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

// isName reports an address whose host may stand for several machines.
func isName(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && host != "localhost" && net.ParseIP(host) == nil
}
