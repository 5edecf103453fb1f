package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// beside makes a file for its owner alone in the folder of one that it is to become, if it may: whatever is forced, never in place of the
// ledger or of another database in use. The caller writes it, has putInPlace give it its name, and removes what is left.
func beside(ledger, path string, force bool) (*os.File, error) {
	if sameFile(ledger, path) {
		return nil, fmt.Errorf("%w: it is the ledger itself", ErrInUse)
	}
	if err := mayReplace(path, force); err != nil {
		return nil, err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	return temp, reasonOf(err)
}

// reasonOf is the system's reason without the name of a file that nobody knows of: the caller names the one that is meant.
func reasonOf(err error) error {
	if wrong := (*fs.PathError)(nil); errors.As(err, &wrong) {
		return wrong.Err
	}
	return err
}

func sameFile(a, b string) bool {
	ofA, errA := os.Stat(a)
	ofB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ofA, ofB)
}

// mayReplace says why a file may not be written.
func mayReplace(path string, force bool) error {
	if _, err := os.Lstat(path + "-wal"); err == nil {
		return fmt.Errorf("%w: %s-wal lies beside it", ErrInUse, path)
	}
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return ErrNoFile
	case !force:
		return fs.ErrExist
	}
	return nil
}

// syncFile has a file on disk before it returns, and says how large it is.
func syncFile(path string) (size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	info, err := file.Stat()
	if err == nil {
		size = info.Size()
		err = file.Sync()
	}
	return size, errors.Join(err, file.Close())
}

// putInPlace gives a file its name, on disk. Without force it never takes the place of another, not even of one that has come meanwhile;
// where the file system has no hard links, nearly never.
func putInPlace(temp, path string, force bool) error {
	err := os.ErrInvalid
	if !force {
		if err = os.Link(temp, path); errors.Is(err, fs.ErrExist) {
			return fs.ErrExist
		}
	}
	if err != nil {
		if err := mayReplace(path, force); err != nil {
			return err
		}
		if err := os.Rename(temp, path); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
