// Package personas carries the people that come with the program: one YAML
// file each, the full 2^5 factorial of the Big Five. Package persona reads them.
package personas

import "embed"

// FS holds the files NN-slug.yaml; NN is the number of the persona.
//
// Person 2k+1 (k = 0..15) is high in extraversion, and has agreeableness,
// conscientiousness, neuroticism and openness by bits 0..3 of k (0 means
// high); person 2k+2 is the mirror image. So every prefix of even length is
// balanced in every trait.
//
//go:embed *.yaml
var FS embed.FS

// Hard holds a second set of 32, the same factorial with numbers from 33, in
// files hard/NN-slug.yaml. They are harder to please: few topics, several closed
// times, conditions, and prose as people write it, so that each brings its spec.
// No setting of the program is chosen on them.
//
//go:embed hard/*.yaml
var Hard embed.FS
