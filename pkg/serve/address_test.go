package serve

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// names is a name server that gives every name the same addresses.
type names struct{ addresses atomic.Pointer[[]string] }

// asked makes it the one that this process asks, until the test ends.
func (n *names) asked(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		require.NoError(t, conn.Close())
	})
	go func() {
		buf := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer, err := n.answer(buf[:size]); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
}

func (n *names) answer(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	m.Response, m.Additionals = true, nil
	for _, q := range m.Questions {
		if q.Type != dnsmessage.TypeA {
			continue
		}
		for _, address := range *n.addresses.Load() {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
				Body:   &dnsmessage.AResource{A: [4]byte(net.ParseIP(address).To4())},
			})
		}
	}
	return m.Pack()
}

// needSecondLoopback skips where nobody can listen on 127.0.0.2.
func needSecondLoopback(t *testing.T, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Skipf("this machine has no second loopback address: %v", err)
	}
	require.NoError(t, l.Close())
}

func TestANameMayStandForSeveralAddresses(t *testing.T) {
	var counts [3]atomic.Int64
	first := launch(t, Config{Name: "a", Address: "127.0.0.1:0"}, named("a", &counts[0]))
	_, port, err := net.SplitHostPort(first.Addr())
	require.NoError(t, err)
	needSecondLoopback(t, port)
	second := launch(t, Config{Name: "b", Address: "127.0.0.2:" + port}, named("b", &counts[1]))

	var n names
	n.addresses.Store(&[]string{"127.0.0.1", "127.0.0.2"})
	n.asked(t)
	client := dial(t, "pool.test.:"+port, Spread(), Insecure())
	untilSpread(t, client, &counts[0], &counts[1])

	launch(t, Config{Name: "c", Address: "127.0.0.3:" + port}, named("c", &counts[2]))
	n.addresses.Store(&[]string{"127.0.0.1", "127.0.0.3"})
	second.kill()
	untilSpread(t, client, &counts[0], &counts[2])
}

func TestANameIsLookedUpAtEveryConnect(t *testing.T) {
	var old, moved atomic.Int64
	first := launch(t, Config{Name: "old", Address: "127.0.0.1:0"}, named("old", &old))
	_, port, err := net.SplitHostPort(first.Addr())
	require.NoError(t, err)
	needSecondLoopback(t, port)
	var n names
	n.addresses.Store(&[]string{"127.0.0.1"})
	n.asked(t)
	client := dial(t, "user.test.:"+port, Insecure())
	untilSpread(t, client, &old)
	first.kill()
	n.addresses.Store(&[]string{"127.0.0.2"})
	launch(t, Config{Name: "moved", Address: "127.0.0.2:" + port}, named("moved", &moved))
	untilSpread(t, client, &moved)
}
