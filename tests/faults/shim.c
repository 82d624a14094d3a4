/* Faults of a disk and of a clock, put between a program and its C library by LD_PRELOAD.
 *
 * FAULTS_PREFIX   files whose absolute path begins with this are the store's
 * FAULTS_CONTROL  page of numbers shared with the test, see `struct control`; read at every call, so that a fault comes and goes at any time
 * FAULTS_LOG      where given, every change of those files is written there, and every line said on standard output: what a power cut may
 *                 leave of it is worked out afterwards
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
    _Atomic uint64_t calls;   /* that change the store's files, so far */
    _Atomic uint64_t first;   /* the first that fails, from 1; 0: none */
    _Atomic uint64_t last;    /* the last that fails */
    _Atomic uint64_t error;   /* with this errno */
    _Atomic uint64_t half;    /* 1: half of what was to be written is, before it fails */
    _Atomic uint64_t delay;   /* microseconds that each call takes longer */
    _Atomic uint64_t failed;  /* calls that failed */
    _Atomic int64_t clock;    /* nanoseconds by which the clock on the wall is ahead */
};

enum { WRITE = 1, TRUNCATE, SYNC, UNLINK, CREATE, SAID };
struct record { uint64_t kind, file, offset, length; };

#define FILES 65536
static struct control none;
static struct control *control = &none;
static const char *prefix;
static int log_file = -1;
static uint32_t number_of[FILES];  /* descriptor -> number of the file; 0: not the store's */
static uint32_t numbers;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); real; })

__attribute__((constructor)) static void begin(void) {
    const char *page = getenv("FAULTS_CONTROL"), *log = getenv("FAULTS_LOG");
    prefix = getenv("FAULTS_PREFIX");
    if (page) {
        int file = syscall(SYS_openat, AT_FDCWD, page, O_RDWR | O_CLOEXEC);
        void *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (mapped == MAP_FAILED) abort();
        control = mapped;
        syscall(SYS_close, file);
    }
    if (log) {
        log_file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (log_file < 0) abort();
    }
}

/* Appends to the log; the caller holds the lock. */
static void note(uint64_t kind, uint64_t file, uint64_t offset, const void *data, uint64_t length) {
    if (log_file < 0) return;
    struct record record = {kind, file, offset, length};
    struct iovec parts[2] = {{&record, sizeof record}, {(void *)data, data ? length : 0}};
    ssize_t whole = sizeof record + (data ? length : 0);
    if (syscall(SYS_writev, log_file, parts, 2) != whole) abort();
}

/* Counts a call that changes the store, waits as long as it is to take; 1 where it is to fail. */
static int is_due(void) {
    uint64_t delay = atomic_load(&control->delay);
    if (delay) usleep(delay);
    uint64_t call = atomic_fetch_add(&control->calls, 1) + 1;
    uint64_t first = atomic_load(&control->first);
    if (!first || call < first || call > atomic_load(&control->last)) return 0;
    atomic_fetch_add(&control->failed, 1);
    return 1;
}

static int fails(void) {
    errno = atomic_load(&control->error);
    return -1;
}

static int is_store(const char *path) {
    return prefix && path && strncmp(path, prefix, strlen(prefix)) == 0;
}

static uint32_t number(int file) {
    return file >= 0 && file < FILES ? number_of[file] : 0;
}

/* Takes note of a descriptor of the store; `path` is what it was opened by. */
static int opened(int file, const char *path, int is_new) {
    if (file < 0 || file >= FILES) return file;
    pthread_mutex_lock(&lock);
    /* Every descriptor of one file has its number: that of the device's inode would be used again. */
    struct stat about;
    static struct { ino_t inode; uint32_t number; } known[FILES];
    uint32_t found = 0;
    if (fstat(file, &about) == 0) {
        for (uint32_t i = 0; i < numbers && !is_new; i++)
            if (known[i].inode == about.st_ino) found = known[i].number;
        if (!found && numbers < FILES) {
            known[numbers].inode = about.st_ino;
            known[numbers].number = found = numbers + 1;
            numbers++;
            note(CREATE, found, is_new, path, strlen(path));
        }
    }
    number_of[file] = found;
    pthread_mutex_unlock(&lock);
    return file;
}

#define OPEN(name)                                                       \
    int name(const char *path, int flags, ...) {                         \
        mode_t mode = 0;                                                 \
        if (flags & (O_CREAT | O_TMPFILE)) {                             \
            va_list more;                                                \
            va_start(more, flags);                                       \
            mode = va_arg(more, mode_t);                                 \
            va_end(more);                                                \
        }                                                                \
        if (!is_store(path)) return REAL(name)(path, flags, mode);       \
        int is_new = (flags & O_CREAT) && access(path, F_OK) != 0;       \
        if (is_new && is_due()) return fails();                          \
        return opened(REAL(name)(path, flags, mode), path, is_new);      \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                     \
    int name(int folder, const char *path, int flags, ...) {             \
        mode_t mode = 0;                                                 \
        if (flags & (O_CREAT | O_TMPFILE)) {                             \
            va_list more;                                                \
            va_start(more, flags);                                       \
            mode = va_arg(more, mode_t);                                 \
            va_end(more);                                                \
        }                                                                \
        if (!is_store(path)) return REAL(name)(folder, path, flags, mode); \
        int is_new = (flags & O_CREAT) && access(path, F_OK) != 0;       \
        if (is_new && is_due()) return fails();                          \
        return opened(REAL(name)(folder, path, flags, mode), path, is_new); \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int file) {
    if (file >= 0 && file < FILES) number_of[file] = 0;
    return REAL(close)(file);
}

/* Writes, or half of it and then fails. */
static ssize_t put(int file, const void *data, size_t length, int64_t offset) {
    int is_to_fail = is_due();
    if (is_to_fail && !atomic_load(&control->half)) return fails();
    size_t part = is_to_fail ? length / 2 : length;
    pthread_mutex_lock(&lock);
    if (offset < 0) offset = lseek(file, 0, SEEK_CUR), syscall(SYS_lseek, file, part, SEEK_CUR);
    ssize_t put = syscall(SYS_pwrite64, file, data, part, offset);
    if (put > 0) note(WRITE, number(file), offset, data, put);
    pthread_mutex_unlock(&lock);
    return is_to_fail ? fails() : put;
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t offset) {
    return number(file) ? put(file, data, length, offset) : REAL(pwrite64)(file, data, length, offset);
}

ssize_t pwrite(int file, const void *data, size_t length, off_t offset) {
    return number(file) ? put(file, data, length, offset) : REAL(pwrite)(file, data, length, offset);
}

ssize_t write(int file, const void *data, size_t length) {
    if (number(file)) return put(file, data, length, -1);
    if (file == 1 && log_file >= 0) {
        pthread_mutex_lock(&lock);
        note(SAID, 0, 0, data, length);
        pthread_mutex_unlock(&lock);
    }
    return REAL(write)(file, data, length);
}

#define TRUNCATED(name)                                                  \
    int name(int file, off64_t length) {                                 \
        if (!number(file)) return REAL(name)(file, length);              \
        if (is_due()) return fails();                                    \
        pthread_mutex_lock(&lock);                                       \
        int done = REAL(name)(file, length);                             \
        if (done == 0) note(TRUNCATE, number(file), length, NULL, 0);    \
        pthread_mutex_unlock(&lock);                                     \
        return done;                                                     \
    }
TRUNCATED(ftruncate64)
TRUNCATED(ftruncate)

#define SYNCED(name)                                                     \
    int name(int file) {                                                 \
        if (!number(file)) return REAL(name)(file);                      \
        if (is_due()) return fails();                                    \
        pthread_mutex_lock(&lock);                                       \
        int done = REAL(name)(file);                                     \
        if (done == 0) note(SYNC, number(file), 0, NULL, 0);             \
        pthread_mutex_unlock(&lock);                                     \
        return done;                                                     \
    }
SYNCED(fsync)
SYNCED(fdatasync)

int unlink(const char *path) {
    if (!is_store(path)) return REAL(unlink)(path);
    if (is_due()) return fails();
    pthread_mutex_lock(&lock);
    int done = REAL(unlink)(path);
    if (done == 0) note(UNLINK, 0, 0, path, strlen(path));
    pthread_mutex_unlock(&lock);
    return done;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int done = REAL(clock_gettime)(clock, time);
    int64_t ahead = atomic_load(&control->clock);
    if (done == 0 && clock == CLOCK_REALTIME && ahead) {
        int64_t moment = time->tv_sec * 1000000000LL + time->tv_nsec + ahead;
        time->tv_sec = moment / 1000000000LL;
        time->tv_nsec = moment % 1000000000LL;
    }
    return done;
}
