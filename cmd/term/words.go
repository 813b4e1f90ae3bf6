package term

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Bytes is a size in decimal units (SI: 1 kB is 1000 B) and at most three
// significant digits: "999 B", "9.8 MB", "12.4 GB". There is no other spelling
// of sizes for people; machines get the number.
func Bytes(n int64) string {
	value, units := float64(n), []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	if value < 0 {
		return "-" + Bytes(-max(n, -1<<63+1))
	}
	for value >= 999.5 {
		value, units = value/1000, units[1:]
	}
	digits := 2
	for limit := 9.995; digits > 0 && value >= limit; limit *= 10 {
		digits--
	}
	text := strconv.FormatFloat(value, 'f', digits, 64)
	if digits > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + " " + units[0]
}

// Ago is a time that lies d back: "just now", "5 minutes ago", "3 days ago".
// A clock that was set back shows as "in the future".
func Ago(d time.Duration) string {
	switch {
	case d <= -time.Minute:
		return "in the future"
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return count(d/time.Minute, "minute") + " ago"
	case d < day:
		return count(d/time.Hour, "hour") + " ago"
	case d < 60*day:
		return count(d/day, "day") + " ago"
	case d < 2*365*day:
		return count(d/(30*day), "month") + " ago"
	}
	return count(d/(365*day), "year") + " ago"
}

func count(n time.Duration, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// Left is a time that work will still take, rounded up: "4 s left",
// "3 min left", "2 h 5 min left".
func Left(d time.Duration) string {
	up := func(unit time.Duration) time.Duration { return (d + unit - 1) / unit }
	switch {
	case d <= 0:
		return "0 s left"
	case up(time.Second) < 60:
		return fmt.Sprintf("%d s left", up(time.Second))
	case up(time.Minute) < 60:
		return fmt.Sprintf("%d min left", up(time.Minute))
	case d < 2*day:
		return fmt.Sprintf("%d h %d min left", up(time.Minute)/60, up(time.Minute)%60)
	}
	return fmt.Sprintf("%d days left", up(day))
}
