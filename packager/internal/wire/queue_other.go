//go:build !linux && !darwin

package wire

import "net"

// keepQueueShort does nothing: this system has no such setting.
func keepQueueShort(net.Conn) {}
