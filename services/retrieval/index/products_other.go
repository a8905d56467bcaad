//go:build !amd64

package index

func addProducts(s *[lanes]float32, a, b []float32) { addProductsGo(s, a, b) }
