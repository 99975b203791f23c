// Preloaded into a program, this writes down what the program does to the files below a directory, in order: what it
// writes, what it waits for to be on the disk, and which names it gives. And it can let one such wait fail, as a dying
// disk does.
//
//   SYNC_TRACE        the file to append to
//   SYNC_TRACE_ROOT   the directory; what happens elsewhere is not noted
//   SYNC_TRACE_FAIL   the number, from 1, of the wait that fails with EIO
//
// A line is an operation, an inode and a path, and of a link its target, with tabs between. A write is noted when it
// has been done, a wait when it begins and when it has succeeded.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_int waits;

static void note(const char *operation, unsigned long inode, const char *path, const char *more) {
    const char *root = getenv("SYNC_TRACE_ROOT"), *log = getenv("SYNC_TRACE");
    if (!root || !log || strncmp(path, root, strlen(root)) != 0) return;
    char line[3 * PATH_MAX];
    int length = snprintf(line, sizeof line, "%s\t%lu\t%s\t%s\n", operation, inode, path, more);
    int saved = errno;
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor >= 0) {
        // One call, so that lines of several threads do not mix.
        (void)syscall(SYS_write, descriptor, line, length);
        syscall(SYS_close, descriptor);
    }
    errno = saved;
}

static void note_descriptor(const char *operation, int descriptor) {
    int saved = errno;
    char link[64], path[PATH_MAX];
    struct stat status;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0 && fstat(descriptor, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
        path[length] = 0;
        note(operation, status.st_ino, path, "");
    }
    errno = saved;
}

static void note_path(const char *operation, const char *path, const char *more) {
    struct stat status;
    if (lstat(path, &status) == 0) note(operation, status.st_ino, path, more);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    ssize_t result = NEXT(write)(descriptor, bytes, count);
    if (result > 0) note_descriptor("write", descriptor);
    return result;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    ssize_t result = NEXT(pwrite)(descriptor, bytes, count, offset);
    if (result > 0) note_descriptor("write", descriptor);
    return result;
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t offset) {
    return pwrite(descriptor, bytes, count, offset);
}

int ftruncate(int descriptor, off_t size) {
    int result = NEXT(ftruncate)(descriptor, size);
    if (result == 0) note_descriptor("write", descriptor);
    return result;
}

int ftruncate64(int descriptor, off_t size) { return ftruncate(descriptor, size); }

static int fails(void) {
    const char *number = getenv("SYNC_TRACE_FAIL");
    return atomic_fetch_add(&waits, 1) + 1 == (number ? atoi(number) : 0);
}

int fsync(int descriptor) {
    if (fails()) return errno = EIO, -1;
    note_descriptor("waits", descriptor);
    int result = NEXT(fsync)(descriptor);
    if (result == 0) note_descriptor("waited", descriptor);
    return result;
}

int fdatasync(int descriptor) { return fsync(descriptor); }

int rename(const char *from, const char *to) {
    int result = NEXT(rename)(from, to);
    if (result == 0) note_path("name", to, from);
    return result;
}

int symlink(const char *target, const char *path) {
    int result = NEXT(symlink)(target, path);
    if (result == 0) note_path("link", path, target);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    int result = NEXT(mkdir)(path, mode);
    if (result == 0) note_path("directory", path, "");
    return result;
}
