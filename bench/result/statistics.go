package result

import (
	"slices"
	"time"
)

// Median is the middle of the values, or the mean of the two in the middle. There must be one.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Quantile is the time that the share of the times does not exceed, in seconds: the nearest rank. There must be one.
func Quantile(times []time.Duration, share float64) float64 {
	sorted := slices.Sorted(slices.Values(times))
	rank := int(share*float64(len(sorted)) + 0.999999)
	return sorted[min(max(rank, 1), len(sorted))-1].Seconds()
}

// Trips is the median and the 99th percentile of how long calls took.
func Trips(times []time.Duration) Figures {
	return Figures{P50: Quantile(times, 0.5), P99: Quantile(times, 0.99)}
}
