package ownership

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Own checks a folder that is to hold what is this user's alone: it must be this user's, and not everybody may write to it. Whatever this
// user is: what root writes into the folder of another user, that one can lead elsewhere by a link.
func Own(dir string) error {
	info, err := look(dir)
	if err != nil {
		return err
	}
	if owner := ownerOf(info); owner != os.Geteuid() {
		return &Error{"folder", dir, fmt.Sprintf("it belongs to user %d, not to this one: choose another, or chown it", owner)}
	}
	return closed(dir, info)
}

// Real is Own for a folder within such a one, which must not be a link to another place either.
func Real(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &Error{"folder", dir, fmt.Sprintf("it is no folder (%v): remove it", info.Mode().Type())}
	}
	return Own(dir)
}

// Trusted checks a folder that is to be read from: it must be this user's or root's, and not everybody may write to it. Root may read anybody's.
func Trusted(dir string) error {
	info, err := look(dir)
	if err != nil {
		return err
	}
	if owner, me := ownerOf(info), os.Geteuid(); owner != me && owner != 0 && me != 0 {
		return &Error{"folder", dir, fmt.Sprintf("it belongs to user %d, not to this one: choose another, or run this as that user", owner)}
	}
	return closed(dir, info)
}

// Shared checks a folder in which this user is to have a file among those of others, such as /tmp: nobody may be able to put another file in
// that one's place. So the folder must be this user's or root's, and where everybody may write to it, it must be sticky.
func Shared(dir string) error {
	info, err := look(dir)
	if err != nil {
		return err
	}
	if owner := ownerOf(info); owner != os.Geteuid() && owner != 0 {
		return &Error{"folder", dir, fmt.Sprintf("it belongs to user %d, who could put another file in place of this one: choose another", owner)}
	}
	if info.Mode()&fs.ModeSticky != 0 {
		return nil
	}
	return closed(dir, info)
}

// look is os.Stat, but for a link of another user's, who chose which folder of this user's it leads to. Root's are trusted.
func look(dir string) (fs.FileInfo, error) {
	info, err := os.Lstat(filepath.Clean(dir)) // with a slash at its end it would be followed
	if err != nil || info.Mode().Type() != fs.ModeSymlink {
		return info, err
	}
	if owner := ownerOf(info); owner != os.Geteuid() && owner != 0 {
		return nil, &Error{"folder", dir, fmt.Sprintf("it is a symbolic link of user %d: choose another, or name the folder that it leads to", owner)}
	}
	return os.Stat(dir)
}

// closed says that not everybody may write to a folder.
func closed(dir string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o002 != 0 {
		return &Error{"folder", dir, fmt.Sprintf("its mode %04o lets every user write to it: chmod 0700 it, and remove what is not yours", mode)}
	}
	return nil
}

// ownerOf gives the user that a file belongs to; -1 where the system does not tell.
func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// Ours says whether a file is this user's.
func Ours(info fs.FileInfo) bool { return ownerOf(info) == os.Geteuid() }
