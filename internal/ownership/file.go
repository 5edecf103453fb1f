package ownership

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Open is os.OpenFile for a file that is this user's alone. What another may have put in its place is an *Error, and is neither written to nor
// truncated: a link of either kind, a file of another user's, or something that is no file. A pipe is not waited for.
func Open(path string, flag int, perm fs.FileMode) (*os.File, error) {
	file, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, perm)
	switch {
	case errors.Is(err, syscall.ELOOP):
		return nil, &Error{"file", path, "it is a symbolic link: remove it, or name the file that it leads to"}
	case errors.Is(err, syscall.ENXIO): // a pipe without a reader, or a socket
		return nil, &Error{"file", path, notRegular}
	case err != nil:
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = own(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

const notRegular = "it is no regular file: remove it, or name another"

// own says whether an open file is this user's, and known by one name.
func own(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return &Error{"file", path, notRegular}
	case !ok || int(stat.Uid) != os.Geteuid():
		return &Error{"file", path, fmt.Sprintf("it belongs to user %d, not to this one: remove it, or chown it", ownerOf(info))}
	case stat.Nlink > 1:
		return &Error{"file", path, "it has another name too (a hard link): put a copy of it in its place"}
	}
	return nil
}
