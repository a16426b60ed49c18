/* Faults on request, for a program that is linked with -Wl,--wrap (tests/faults/meson.build): the n-th
 * allocation of headflow's own code fails (HEADFLOW_FAIL_ALLOCATION=n), or the n-th time that anything,
 * libraries too, is written, flushed, cut or renamed (HEADFLOW_FAIL_WRITE=n), for want of room; with
 * HEADFLOW_FAIL_QUOTA set from the n-th time on, because a quota is used up. HEADFLOW_FAIL_COUNT=FILE: how
 * many there were of both. At the end memory that headflow has allocated and not freed is a failure of its
 * own, exit 99. */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS /* both names of what has two */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LEAK = 99, SLOTS = 1 << 20, CLOSING = 86 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long allocations, writes, fail_allocation, fail_write;
static bool quota;
static const char *count_file;
static pid_t process;
static void *live[SLOTS]; /* blocks by hash of their address, open addressing; a mark where one was freed */
static char freed;

static long number(const char *name) {
    const char *text = getenv(name);
    return text != NULL ? strtol(text, NULL, 10) : 0;
}

static void finish(void) {
    long blocks = 0;
    if (getpid() != process) /* a child that has not become another program */
        return;
    for (size_t k = 0; k < SLOTS; k++)
        blocks += live[k] != NULL && live[k] != &freed;
    FILE *file = count_file != NULL ? fopen(count_file, "w") : NULL;
    if (file != NULL) {
        fprintf(file, "%ld %ld\n", allocations, writes);
        fclose(file);
    }
    if (blocks > 0) {
        fprintf(stderr, "leak: %ld blocks\n", blocks);
        _exit(LEAK);
    }
}

/* NetCDF may crash where a write fails as it closes a file: faults.py tells that apart. */
static void crash(int reason) {
    void *frames[64];
    Dl_info info;
    for (int k = backtrace(frames, 64); k-- > 0;)
        if (dladdr(frames[k], &info) != 0 && info.dli_sname != NULL &&
            strcmp(info.dli_sname, "nc_close") == 0)
            _exit(CLOSING);
    signal(reason, SIG_DFL);
    raise(reason);
}

__attribute__((constructor)) static void begin(void) {
    fail_allocation = number("HEADFLOW_FAIL_ALLOCATION");
    fail_write = number("HEADFLOW_FAIL_WRITE");
    count_file = getenv("HEADFLOW_FAIL_COUNT");
    quota = getenv("HEADFLOW_FAIL_QUOTA") != NULL;
    process = getpid();
    signal(SIGSEGV, crash);
    atexit(finish);
}

/* ---- memory ----------------------------------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);

static size_t slot_of(const void *block) {
    return (size_t)((uintptr_t)block / 16 * UINT64_C(0x9e3779b97f4a7c15) >> 44);
}

static void forget(const void *block) {
    pthread_mutex_lock(&lock);
    for (size_t k = slot_of(block); live[k] != NULL; k = (k + 1) % SLOTS)
        if (live[k] == block) {
            live[k] = &freed;
            break;
        }
    pthread_mutex_unlock(&lock);
}

static void *remember(void *block) {
    if (block == NULL)
        return NULL;
    pthread_mutex_lock(&lock);
    size_t k = slot_of(block);
    while (live[k] != NULL && live[k] != &freed)
        k = (k + 1) % SLOTS;
    live[k] = block;
    pthread_mutex_unlock(&lock);
    return block;
}

static bool no_memory(void) {
    bool refuse = __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED) == fail_allocation;
    if (refuse)
        errno = ENOMEM;
    return refuse;
}

void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size) {
    return no_memory() ? NULL : remember(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) {
    return no_memory() ? NULL : remember(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size) {
    if (no_memory())
        return NULL;
    if (block != NULL)
        forget(block);
    return remember(__real_realloc(block, size));
}

void *__wrap_reallocarray(void *block, size_t count, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size) {
    return __wrap_realloc(block, count * size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return no_memory() ? NULL : remember(__real_aligned_alloc(alignment, size));
}

char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = __wrap_malloc(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

void __wrap_free(void *block);
void __wrap_free(void *block) {
    if (block != NULL)
        forget(block);
    __real_free(block);
}

/* ---- files: calls of libraries as well, which find these before those of libc ------------------------- */

/* Shared memory is no file: clang's OpenMP keeps a note there. */
static bool is_memory(int file) {
    char link[64], path[16] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    return readlink(link, path, sizeof path - 1) > 0 && strncmp(path, "/dev/shm/", 9) == 0;
}

static bool no_room(int file) {
    if (file <= STDERR_FILENO || is_memory(file))
        return false;
    long number = __atomic_add_fetch(&writes, 1, __ATOMIC_RELAXED);
    bool refuse = number == fail_write || (quota && fail_write > 0 && number > fail_write);
    if (refuse)
        errno = quota ? EDQUOT : ENOSPC;
    return refuse;
}

ssize_t write(int file, const void *data, size_t size) {
    return no_room(file) ? -1 : syscall(SYS_write, file, data, size);
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset) {
    return no_room(file) ? -1 : syscall(SYS_pwrite64, file, data, size, offset);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) {
    return no_room(file) ? -1 : syscall(SYS_pwrite64, file, data, size, offset);
}

int ftruncate(int file, off_t size) {
    return no_room(file) ? -1 : (int)syscall(SYS_ftruncate, file, size);
}

int ftruncate64(int file, off64_t size) {
    return no_room(file) ? -1 : (int)syscall(SYS_ftruncate, file, size);
}

int fsync(int file) {
    return no_room(file) ? -1 : (int)syscall(SYS_fsync, file);
}

int rename(const char *from, const char *to) {
    return no_room(STDERR_FILENO + 1) ? -1 : (int)syscall(SYS_rename, from, to);
}

/* What stdio could not write is seen when the file is closed. */
int __real_fclose(FILE *file);
int __wrap_fclose(FILE *file);
int __wrap_fclose(FILE *file) {
    int mode = __fwriting(file) ? fileno(file) : -1;
    bool refuse = no_room(mode);
    int code = __real_fclose(file);
    if (refuse)
        errno = quota ? EDQUOT : ENOSPC;
    return refuse ? EOF : code;
}
