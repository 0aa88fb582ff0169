package sqldb

import (
	"errors"
	"os"
	"syscall"
)

// errSharingViolation is what Windows answers when somebody has the file open,
// https://learn.microsoft.com/windows/win32/debug/system-error-codes--0-499-
const errSharingViolation syscall.Errno = 32

// ownership is a file opened so that nobody else can open it: the handle ends
// with the process at the latest, so a crash leaves none behind.
type ownership struct{ handle syscall.Handle }

// own opens the file without waiting and returns ErrInUse when somebody has it.
func own(path string) (*ownership, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	const shareWithNobody = 0
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE,
		shareWithNobody, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharingViolation) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return &ownership{handle}, nil
}

func (o *ownership) release() error { return syscall.CloseHandle(o.handle) }
