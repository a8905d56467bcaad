package index

// Score returns the cosine of two vectors of length 1 with the same number of
// components, [-1, 1]. Every driver ranks by this function alone. Its order of
// additions is fixed, so the same vectors give the same bits on every machine.
func Score(a, b []float32) float32 {
	return min(1, max(-1, dot(a, b)))
}

// lanes is the number of partial sums of a dot product; component i belongs to sum
// i%lanes. It decides the rounding of the result and must not depend on the
// machine.
const lanes = 16

func dot(a, b []float32) float32 {
	n := min(len(a), len(b))
	whole := n - n%lanes
	var s [lanes]float32
	if whole > 0 {
		addProducts(&s, a[:whole], b[:whole])
	}
	for i := whole; i < n; i++ {
		s[i-whole] += float32(a[i] * b[i])
	}
	return fold(s[0:4], s[8:12], s[4:8], s[12:16])
}

// fold adds the sixteen sums by halving.
func fold(a, b, c, d []float32) float32 {
	a, b, c, d = a[:4:4], b[:4:4], c[:4:4], d[:4:4]
	w := (a[0] + b[0]) + (c[0] + d[0])
	x := (a[1] + b[1]) + (c[1] + d[1])
	y := (a[2] + b[2]) + (c[2] + d[2])
	z := (a[3] + b[3]) + (c[3] + d[3])
	return (w + y) + (x + z)
}

// addProductsGo adds the products of a and b to the sums; len(a) is a multiple of
// lanes and len(b) is at least len(a). The conversion prevents a fused
// multiply-add, which rounds differently on some machines.
func addProductsGo(s *[lanes]float32, a, b []float32) {
	for len(a) >= lanes && len(b) >= lanes {
		x, y := (*[lanes]float32)(a), (*[lanes]float32)(b)
		for i := range x {
			s[i] += float32(x[i] * y[i])
		}
		a, b = a[lanes:], b[lanes:]
	}
}
