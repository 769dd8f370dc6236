/* What stands between one process and the C library in tests: each call that changes the world is counted, told, and on
 * demand fails, waits, or is the last one. Loaded by LD_PRELOAD; children are started without it.
 *
 * FLIGHTDECK_FAILING_CALLS  file to which each call is added: `kind path`
 * FLIGHTDECK_FAILING_RULES  file with rules, read again whenever another one is renamed to its place:
 *                           `kind part-of-the-path from to action`, calls counted for each rule from 1, `to` 0: for ever
 *
 * kinds     open write pipe sync rename connect spawn lock look; `*` is any of them but `look`, which is reading /proc
 * actions   an errno by its number; `wait=MS`, then the call; `kill`, `killed-after`; `power`: whatever was not synced is
 *           undone first; `pretend`: nothing is done and success is told
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

enum { RULES = 16, UNDOS = 65536 };
enum action { PASS, FAIL, AFTER, PRETEND };

struct rule { char kind[16], part[128], action[32]; long from, to, seen; };
struct undo { ino_t ino; char path[256]; off_t at, size; size_t had; char *bytes; };

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static __thread int inside;
static pid_t ours;
static int calls = -1, keeps;
static const char *rules_path;
static struct rule rules[RULES];
static int count;
static ino_t rules_ino;
static struct undo undos[UNDOS];
static int undone;

__attribute__((constructor)) static void begin(void) {
    ours = getpid();
    rules_path = getenv("FLIGHTDECK_FAILING_RULES");
    const char *path = getenv("FLIGHTDECK_FAILING_CALLS");
    keeps = getenv("FLIGHTDECK_FAILING_POWER") != NULL;
    if (path) {
        int fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        /* High, so that a low limit of descriptors does not cut us off and numbers stay as they would be. */
        calls = fcntl(fd, F_DUPFD_CLOEXEC, 200);
        if (calls >= 0) syscall(SYS_close, fd); else calls = fd;
    }
}

static void read_rules(void) {
    struct stat now;
    if (!rules_path || syscall(SYS_newfstatat, AT_FDCWD, rules_path, &now, 0) != 0) { count = 0; rules_ino = 0; return; }
    if (now.st_ino == rules_ino) return;
    rules_ino = now.st_ino;
    count = 0;
    char text[4096];
    int fd = syscall(SYS_openat, AT_FDCWD, rules_path, O_RDONLY | O_CLOEXEC);
    long length = fd < 0 ? -1 : syscall(SYS_read, fd, text, sizeof text - 1);
    if (fd >= 0) syscall(SYS_close, fd);
    if (length < 0) { rules_ino = 0; return; }
    text[length] = 0;
    char *rest = text, *line;
    while (count < RULES && (line = strsep(&rest, "\n"))) {
        struct rule *rule = &rules[count];
        memset(rule, 0, sizeof *rule);
        if (sscanf(line, "%15s %127s %ld %ld %31s", rule->kind, rule->part, &rule->from, &rule->to, rule->action) == 5) count++;
    }
}

static void nap(long ms) {
    struct timespec span = { ms / 1000, ms % 1000 * 1000000 };
    syscall(SYS_nanosleep, &span, NULL);
}

static void die(void) { syscall(SYS_kill, getpid(), SIGKILL); for (;;) nap(1000); }

/* The newest first, so that each file ends as it was at its last sync. */
static void undo_all(void) {
    while (undone > 0) {
        struct undo *undo = &undos[--undone];
        if (!undo->ino) continue;
        int fd = syscall(SYS_openat, AT_FDCWD, undo->path, O_RDWR | O_CLOEXEC);
        struct stat now;
        if (fd < 0) continue;
        if (fstat(fd, &now) == 0 && now.st_ino == undo->ino) {
            if (undo->had) syscall(SYS_pwrite64, fd, undo->bytes, undo->had, undo->at);
            syscall(SYS_ftruncate, fd, undo->size);
        }
        syscall(SYS_close, fd);
    }
}

static int is(const char *pattern, const char *text) { return !strcmp(pattern, "*") || strstr(text, pattern) != NULL; }

/* Counts a call; what is to become of it. */
static enum action met(const char *kind, const char *path, int *error, int *killed) {
    *killed = 0;
    if (inside || getpid() != ours) return PASS;
    inside = 1;
    int before = errno;
    enum action answer = PASS;
    long wait = 0;
    pthread_mutex_lock(&lock);
    if (calls >= 0) {
        char line[PATH_MAX + 32];
        int length = snprintf(line, sizeof line, "%s %s\n", kind, path);
        syscall(SYS_write, calls, line, length);
    }
    read_rules();
    for (int at = 0; at < count; at++) {
        struct rule *rule = &rules[at];
        int any = !strcmp(rule->kind, "*") && strcmp(kind, "look");
        if (!(any || !strcmp(rule->kind, kind)) || !is(rule->part, path)) continue;
        rule->seen++;
        if (rule->seen < rule->from || (rule->to && rule->seen > rule->to)) continue;
        if (!strcmp(rule->action, "kill")) die();
        else if (!strcmp(rule->action, "power")) { undo_all(); die(); }
        else if (!strcmp(rule->action, "killed-after")) *killed = 1;
        else if (!strcmp(rule->action, "pretend")) answer = PRETEND;
        else if (!strncmp(rule->action, "wait=", 5)) wait = atol(rule->action + 5);
        else { answer = FAIL; *error = atoi(rule->action); }
    }
    pthread_mutex_unlock(&lock);
    if (wait) nap(wait);
    errno = before;
    inside = 0;
    return answer;
}

#define MEET(kind, path, failed, pretended, call) do { \
        int error_ = 0, killed_ = 0; \
        enum action action_ = met(kind, path, &error_, &killed_); \
        if (action_ == FAIL) { errno = error_; return failed; } \
        if (action_ == PRETEND) return pretended; \
        __typeof__(call) result_ = call; \
        if (killed_) die(); \
        return result_; \
    } while (0)

static const char *where(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

/* `write` of a file, `pipe` of a pipe or socket; NULL: something else, which never fails in the world either. */
static const char *sort(int fd, struct stat *stat) {
    if (fstat(fd, stat) != 0) return NULL;
    if (S_ISREG(stat->st_mode)) return "write";
    return S_ISSOCK(stat->st_mode) || S_ISFIFO(stat->st_mode) ? "pipe" : NULL;
}

static void remember(int fd, const char *path, const struct stat *stat, off_t at, size_t length) {
    if (!keeps || inside || getpid() != ours || !strstr(path, "records.db")) return;
    pthread_mutex_lock(&lock);
    if (undone < UNDOS) {
        struct undo *undo = &undos[undone];
        undo->ino = stat->st_ino;
        snprintf(undo->path, sizeof undo->path, "%s", path);
        undo->at = at;
        undo->size = stat->st_size;
        undo->bytes = malloc(length + 1);
        long had = syscall(SYS_pread64, fd, undo->bytes, length, at);
        undo->had = had < 0 ? 0 : had;
        undone++;
    }
    pthread_mutex_unlock(&lock);
}

static void synced(int fd) {
    struct stat stat;
    if (!keeps || fstat(fd, &stat) != 0) return;
    pthread_mutex_lock(&lock);
    for (int at = 0; at < undone; at++)
        if (undos[at].ino == stat.st_ino) { free(undos[at].bytes); undos[at].ino = 0; }
    while (undone > 0 && !undos[undone - 1].ino) undone--;
    pthread_mutex_unlock(&lock);
}

static const char *opened(const char *path) {
    if (!strncmp(path, "/proc/", 6) || !strncmp(path, "/sys/", 5)) return "look";
    return "open";
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
        MEET(opened(path), path, -1, -1, real(path, flags, mode)); \
    }
#define OPENAT(name) \
    int name(int dir, const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
        MEET(opened(path), path, -1, -1, real(dir, path, flags, mode)); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

#define WRITE(name, args, names, length_, at_) \
    ssize_t name args { \
        REAL(name); \
        struct stat stat; char path[PATH_MAX]; \
        const char *kind = inside ? NULL : sort(fd, &stat); \
        if (!kind) return real names; \
        where(fd, path); \
        if (kind[0] == 'w') remember(fd, path, &stat, at_, length_); \
        MEET(kind, path, -1, (ssize_t)(length_), real names); \
    }
WRITE(write, (int fd, const void *bytes, size_t length), (fd, bytes, length), length, lseek(fd, 0, SEEK_CUR))
WRITE(pwrite, (int fd, const void *bytes, size_t length, off_t at), (fd, bytes, length, at), length, at)
WRITE(pwrite64, (int fd, const void *bytes, size_t length, off64_t at), (fd, bytes, length, at), length, at)
WRITE(writev, (int fd, const struct iovec *parts, int n), (fd, parts, n), parts[0].iov_len, lseek(fd, 0, SEEK_CUR))
WRITE(send, (int fd, const void *bytes, size_t length, int flags), (fd, bytes, length, flags), length, 0)

#define SYNC(name) \
    int name(int fd) { \
        REAL(name); \
        char path[PATH_MAX]; int error, killed; \
        enum action action = met("sync", where(fd, path), &error, &killed); \
        if (action == FAIL) { errno = error; return -1; } \
        if (action == PRETEND) return 0; \
        int result = real(fd); \
        if (result == 0) synced(fd); \
        if (killed) die(); \
        return result; \
    }
SYNC(fsync)
SYNC(fdatasync)

int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    char path[PATH_MAX];
    MEET("write", where(fd, path), -1, 0, real(fd, length));
}

int rename(const char *from, const char *to) {
    REAL(rename);
    MEET("rename", to, -1, 0, real(from, to));
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    REAL(connect);
    const struct sockaddr_un *local = (const struct sockaddr_un *)address;
    MEET("connect", address->sa_family == AF_UNIX ? local->sun_path : "elsewhere", -1, 0, real(fd, address, length));
}

int flock(int fd, int how) {
    REAL(flock);
    char path[PATH_MAX];
    MEET("lock", where(fd, path), -1, 0, real(fd, how));
}

#define SPAWN(name) \
    int name(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files, const posix_spawnattr_t *how, \
             char *const words[], char *const environment[]) { \
        REAL(name); \
        int error = 0, killed = 0; \
        enum action action = met("spawn", path, &error, &killed); \
        if (action != PASS) return error; \
        int result = real(pid, path, files, how, words, environment); \
        if (killed) die(); \
        return result; \
    }
SPAWN(posix_spawn)
SPAWN(posix_spawnp)

pid_t fork(void) {
    REAL(fork);
    int error = 0, killed = 0;
    if (met("spawn", "fork", &error, &killed) != PASS) { errno = error; return -1; }
    pid_t child = real();
    if (child != 0 && killed) die();
    return child;
}
