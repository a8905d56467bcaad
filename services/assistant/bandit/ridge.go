package bandit

import (
	"math"

	"gonum.org/v1/gonum/blas/blas64"
)

// entry is one feature that is not zero.
type entry struct {
	at    int
	value float64
}

// ridge is a ridge regression with weight 1 that learns one example at a time:
// with A the identity plus the sum of x x' over the examples, it keeps the inverse
// of A and the estimate theta = A^-1 sum of reward x (Sherman and Morrison, 1950).
type ridge struct {
	size    int
	inverse []float64 // of A, row by row
	theta   []float64
	product []float64 // A^-1 x of the last project; reused
}

func newRidge(size int) *ridge {
	r := &ridge{size: size, inverse: make([]float64, size*size), theta: make([]float64, size), product: make([]float64, size)}
	for i := range size {
		r.inverse[i*size+i] = 1
	}
	return r
}

// covariance is an entry of A^-1.
func (r *ridge) covariance(i, j int) float64 { return r.inverse[i*r.size+j] }

// project computes A^-1 x into product, and returns the estimate of the reward,
// theta x, and its variance x' A^-1 x.
func (r *ridge) project(x []entry) (mean, variance float64) {
	clear(r.product)
	out := blas64.Vector{N: r.size, Data: r.product, Inc: 1}
	for _, e := range x {
		row := blas64.Vector{N: r.size, Data: r.inverse[e.at*r.size : (e.at+1)*r.size], Inc: 1}
		blas64.Axpy(e.value, row, out)
		mean += r.theta[e.at] * e.value
	}
	for _, e := range x {
		variance += r.product[e.at] * e.value
	}
	return mean, variance
}

// learn takes in one example.
func (r *ridge) learn(x []entry, reward float64) {
	mean, variance := r.project(x)
	product := blas64.Vector{N: r.size, Data: r.product, Inc: 1}
	inverse := blas64.General{Rows: r.size, Cols: r.size, Data: r.inverse, Stride: r.size}
	blas64.Ger(-1/(1+variance), product, product, inverse)
	blas64.Axpy((reward-mean)/(1+variance), product, blas64.Vector{N: r.size, Data: r.theta, Inc: 1})
}

// bound is the upper confidence bound of an estimate.
func bound(mean, variance float64) float64 { return mean + width*math.Sqrt(max(0, variance)) }
