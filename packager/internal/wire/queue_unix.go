//go:build linux || darwin

package wire

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// mostQueued is about how many bytes of a connection the system takes before it can send them: a
// millisecond or two over a link of a gigabit a second.
const mostQueued = 256 << 10

// keepQueueShort has the system take hardly more to send than it can (Linux, ip-sysctl,
// tcp_notsent_lowat), in the place of some megabytes: what it has taken is sent before all
// that comes later, and seems to be on its way when it is not.
func keepQueueShort(conn net.Conn) {
	if socket, ok := conn.(syscall.Conn); ok {
		if raw, err := socket.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, mostQueued)
			}) // the usual queue where it fails
		}
	}
}
