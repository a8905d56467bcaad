package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// mostSeeds is the greatest number of seeds of one experiment.
const mostSeeds = 1000

// seeds is a list of seeds, in which a range means all its numbers:
// "1-5,11".
func seeds(key string, at *[]uint64, doc string) Field {
	allowed := fmt.Sprintf("whole numbers from 0 to 18446744073709551615 and ranges of them, at most %d seeds in all, e.g. 7 or 1-5,11", mostSeeds)
	return Field{Key: key, Doc: doc, Allowed: allowed, get: func() any { return writeSeeds(*at) }, set: func(v string) error {
		parsed, err := parseSeeds(v)
		if err != nil {
			return err
		}
		*at = parsed
		return nil
	}}
}

// parseSeeds reads a list of seeds, sorted and each once.
func parseSeeds(text string) ([]uint64, error) {
	var out []uint64
	for part := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(part), "-")
		low, err := strconv.ParseUint(first, 10, 64)
		if err != nil {
			return nil, err
		}
		high := low
		if ranged {
			if high, err = strconv.ParseUint(last, 10, 64); err != nil {
				return nil, err
			}
		}
		if high < low || high-low >= mostSeeds || len(out)+int(high-low) >= mostSeeds {
			return nil, errors.New("too many seeds, or a range that runs backwards")
		}
		for n := low; ; n++ {
			out = append(out, n)
			if n == high {
				break
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// writeSeeds writes a list of seeds as parseSeeds reads it, with ranges where
// three or more follow each other.
func writeSeeds(list []uint64) string {
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		if j-i < 2 {
			parts = append(parts, strconv.FormatUint(list[i], 10))
			i++
			continue
		}
		parts = append(parts, fmt.Sprintf("%d-%d", list[i], list[j]))
		i = j + 1
	}
	return strings.Join(parts, ",")
}
