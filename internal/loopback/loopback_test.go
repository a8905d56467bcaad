package loopback

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryProcessHasAnAddressOfItsOwn(t *testing.T) {
	seen := map[string]int{}
	for _, pid := range []int{1, 255, 256, 65535, 65536, 1<<22 - 1} {
		ip := own(pid)
		require.True(t, ip.IsLoopback(), ip)
		require.NotContains(t, seen, ip.String(), "process %d", pid)
		require.False(t, ip.Equal(net.IPv4(127, 0, 0, 1)))
		seen[ip.String()] = pid
	}
}

// TestAnAddressStaysFree connects to a server many times, as its clients do, and
// starts it again where it was.
func TestAnAddressStaysFree(t *testing.T) {
	address := Address(t)
	for range 20 {
		listener, err := net.Listen("tcp", address)
		require.NoError(t, err)
		for range 20 {
			conn, err := net.Dial("tcp", address)
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			require.NotEqual(t, address, Address(t), "no other test gets it")
		}
		require.NoError(t, listener.Close())
	}
}
