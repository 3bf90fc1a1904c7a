package archive

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows"
)

// tryLock takes a lock, unless another process holds it: then busy is true. The lock is
// the file being open, which nobody else may do meanwhile; the system removes it when it
// is closed, as it is when the process ends.
func tryLock(path string) (unlock func(), busy bool, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, false, err
	}
	const flags = windows.FILE_ATTRIBUTE_TEMPORARY | windows.FILE_FLAG_DELETE_ON_CLOSE | windows.FILE_FLAG_OPEN_REPARSE_POINT
	handle, err := windows.CreateFile(name, windows.GENERIC_READ|windows.DELETE, 0, nil, windows.OPEN_ALWAYS, flags, 0)
	if err != nil {
		// Access is denied to a file that is being removed.
		busy = errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
		return nil, busy, fmt.Errorf("opening %s: %w", path, err)
	}
	return func() { _ = windows.CloseHandle(handle) }, false, nil
}
