package index

// addProducts is addProductsGo with four lanes to an SSE register, which every
// amd64 machine has. Multiplication and addition round apart, lane by lane, so
// that both give the same bits.
//
//go:noescape
func addProducts(s *[lanes]float32, a, b []float32)
