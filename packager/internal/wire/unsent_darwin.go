package wire

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unsent is how many bytes that were written to a connection have not arrived
// yet, as far as the system tells.
func unsent(conn net.Conn) (n int) {
	if socket, ok := conn.(syscall.Conn); ok {
		if raw, err := socket.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { n, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NWRITE) }) // 0 where it fails
		}
	}
	return n
}
