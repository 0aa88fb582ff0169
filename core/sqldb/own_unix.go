//go:build unix

package sqldb

import (
	"errors"
	"os"
	"syscall"
)

// ownership is the operating system's lock on a file: it ends with the process
// at the latest, so a crash leaves none behind.
type ownership struct{ file *os.File }

// own takes the lock without waiting and returns ErrInUse when somebody has it.
func own(path string) (*ownership, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &ownership{file}, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	} else {
		err = &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return nil, errors.Join(err, file.Close())
}

func (o *ownership) release() error { return o.file.Close() }
