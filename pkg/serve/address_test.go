package serve

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
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

// answer returns the response to a query of one question (RFC 1035, 4.1).
func (n *names) answer(query []byte) ([]byte, error) {
	const header = 12
	end := header + bytes.IndexByte(query[min(header, len(query)):], 0) + 5 // the name, its type and its class
	if end < header+5 || end > len(query) {
		return nil, errors.New("not a query")
	}
	var answers [][]byte
	if kind := binary.BigEndian.Uint16(query[end-4:]); kind == 1 { // A
		for _, address := range *n.addresses.Load() {
			record := []byte{0xc0, header, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4} // the name above, A, IN, 1 s, 4 bytes
			answers = append(answers, append(record, net.ParseIP(address).To4()...))
		}
	}
	out := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, byte(len(answers)), 0, 0, 0, 0}, query[header:end]...)
	return append(out, bytes.Join(answers, nil)...), nil
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
