//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package archive

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock takes a lock, unless another process holds it: then busy is true.
func tryLock(path string) (unlock func(), busy bool, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o666) //nolint:gosec // other users package here, too
	if err != nil {
		return nil, errors.Is(err, os.ErrPermission), err // of another user's run
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	lockless := errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS)
	if err != nil && !lockless { // on a disk without locks, a run alone needs none
		_ = f.Close()
		return nil, errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR), err
	}
	// Whoever held it has removed the file, perhaps after we opened it: then it is a
	// lock on nothing.
	ours, err := f.Stat()
	there, lerr := os.Lstat(path)
	if err != nil || lerr != nil || !os.SameFile(ours, there) {
		_ = f.Close()
		return nil, true, errors.Join(err, lerr, os.ErrExist)
	}
	return func() {
		_ = os.Remove(path) // before the lock is free: the next one makes a file anew
		_ = f.Close()
	}, false, nil
}
