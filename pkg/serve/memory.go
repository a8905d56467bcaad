package serve

import (
	"google.golang.org/grpc/test/bufconn"
)

// memoryListener accepts connections from within the process.
type memoryListener struct{ *bufconn.Listener }

func newMemoryListener() *memoryListener { return &memoryListener{bufconn.Listen(1 << 20)} }
