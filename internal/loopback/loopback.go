// Package loopback gives tests addresses for servers that start later, or again.
//
// A port that was free on 127.0.0.1 a moment ago may be taken at the next: by a
// server of another test, or by an outgoing connection, which has its own end on
// 127.0.0.1. All of 127.0.0.0/8 is loopback on Linux, so every process has an
// address of its own, on which only its own servers listen.
package loopback

import (
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
)

var (
	mu    sync.Mutex
	given = map[string]bool{} // guarded by mu
)

// Address returns host:port on which nobody listens, and which no other test
// gets. On a machine whose loopback is 127.0.0.1 alone the port was free a moment
// ago.
func Address(t testing.TB) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	for {
		listener, err := net.Listen("tcp", own(os.Getpid()).String()+":0")
		if err != nil {
			listener, err = net.Listen("tcp", "127.0.0.1:0")
		}
		if err != nil {
			t.Fatalf("no port to be had on loopback: %v", err)
		}
		address := listener.Addr().String()
		if err := listener.Close(); err != nil {
			t.Fatalf("close %s: %v", address, err)
		}
		if !given[address] {
			given[address] = true
			return address
		}
	}
}

// Port returns a port for a server that listens on all addresses. Outgoing
// connections take theirs from 32768 on.
func Port(t testing.TB) string {
	t.Helper()
	for i := range 1000 {
		port := strconv.Itoa(20000 + (os.Getpid()+i)%12000)
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatalf("close port %s: %v", port, err)
		}
		return port
	}
	t.Fatal("no port to be had below 32768")
	return ""
}

// own returns the loopback address of a process. Linux counts processes to 2^22
// at most.
func own(pid int) net.IP {
	return net.IPv4(127, 64+byte(pid>>16)&63, byte(pid>>8), byte(pid))
}
