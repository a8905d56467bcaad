// Package simtime turns step numbers into the simulated clock. Step 0 begins at
// midnight of day 1.
package simtime

import "fmt"

// SecondsPerDay is the length of a simulated day.
const SecondsPerDay = 86400

// Scale is the time scale of a run: simulated seconds per step. It must divide
// a day; 150 is the paper's (576 steps a day).
type Scale int32

// Validate reports a scale that does not divide a day.
func (s Scale) Validate() error {
	if s < 10 || s > 3600 || SecondsPerDay%int(s) != 0 {
		return fmt.Errorf("step_seconds: found %d, want a divisor of 86400 from 10 to 3600", s)
	}
	return nil
}

// StepsPerDay returns the number of steps in a simulated day.
func (s Scale) StepsPerDay() int32 { return SecondsPerDay / int32(s) }

// Day returns the simulated day of a step, 1-based.
func (s Scale) Day(step int32) int32 { return step/s.StepsPerDay() + 1 }

// SecondOfDay returns the simulated second at which a step begins, [0, 86400).
func (s Scale) SecondOfDay(step int32) int32 { return step % s.StepsPerDay() * int32(s) }

// MinuteOfDay returns the simulated minute at which a step begins, [0, 1440).
func (s Scale) MinuteOfDay(step int32) float64 { return float64(s.SecondOfDay(step)) / 60 }

// Minutes returns the length of so many steps in simulated minutes.
func (s Scale) Minutes(steps int32) float64 { return float64(steps) * float64(s) / 60 }

// FirstStep returns the first step of a day, 1-based.
func (s Scale) FirstStep(day int32) int32 { return (day - 1) * s.StepsPerDay() }

// Clock formats a second of the day as "07:30" (or "07:32:30" off the minute).
func Clock(secondOfDay int32) string {
	h, m, sec := secondOfDay/3600, secondOfDay/60%60, secondOfDay%60
	if sec != 0 {
		return fmt.Sprintf("%02d:%02d:%02d", h, m, sec)
	}
	return fmt.Sprintf("%02d:%02d", h, m)
}
