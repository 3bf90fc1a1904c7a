package record

import (
	"fmt"
	"time"
)

// Bytes writes a number of bytes in decimal units: 1 kB is 1000 of them.
func Bytes(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1000*1000*1000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

// Took writes how long something took.
func Took(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
