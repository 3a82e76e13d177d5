/* Lets the n-th system call that changes something below one folder fail, or the process die there.
   Loaded with LD_PRELOAD; armed by the functions at the end. Linux. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char watched[PATH_MAX];
static int armed_at, action, stays, trace = -1;
static volatile int count;
static char last_call[64], last_path[PATH_MAX];

static int below(const char *path) {
  size_t length = strlen(watched);
  return length && !strncmp(path, watched, length) && (path[length] == '/' || !path[length]);
}

/* The path of a file that is named from the folder `directory`, as open and rename see it. */
static void resolve(int directory, const char *path, char *out) {
  char base[PATH_MAX];
  if (path[0] == '/') { snprintf(out, PATH_MAX, "%s", path); return; }
  if (directory == AT_FDCWD) { if (!getcwd(base, sizeof base)) base[0] = 0; }
  else {
    char link[64]; snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t n = readlink(link, base, sizeof base - 1); base[n < 0 ? 0 : n] = 0;
  }
  snprintf(out, PATH_MAX, "%.2000s/%.2000s", base, path);
}

static void resolve_handle(int handle, char *out) {
  char link[64]; snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
  ssize_t n = readlink(link, out, PATH_MAX - 1); out[n < 0 ? 0 : n] = 0;
}

/* Counts a call; true if it is to fail, with errno set. */
static int fails(const char *call, const char *path) {
  if (!watched[0] || !below(path)) return 0;
  int now = __sync_add_and_fetch(&count, 1);
  if (trace >= 0) {
    char line[PATH_MAX + 80]; int n = snprintf(line, sizeof line, "%s %s\n", call, path);
    if (syscall(SYS_write, trace, line, n) < 0) trace = -1;
  }
  if (!armed_at || (stays ? now < armed_at : now != armed_at)) return 0;
  if (now == armed_at) { snprintf(last_call, sizeof last_call, "%s", call); snprintf(last_path, sizeof last_path, "%s", path); }
  if (action < 0) { if (now == armed_at) kill(getpid(), -action); return 0; }
  errno = action;
  return 1;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define AT(call, directory, path) { char p[PATH_MAX]; int e = errno; resolve(directory, path, p); errno = e; if (fails(call, p)) return -1; }
#define ON(call, handle) if (watched[0]) { char p[PATH_MAX]; int e = errno; resolve_handle(handle, p); errno = e; if (fails(call, p)) return -1; }

ssize_t write(int f, const void *b, size_t n) { REAL(write); ON("write", f) return real(f, b, n); }
ssize_t pwrite(int f, const void *b, size_t n, off_t o) { REAL(pwrite); ON("write", f) return real(f, b, n, o); }
ssize_t pwrite64(int f, const void *b, size_t n, off_t o) { REAL(pwrite64); ON("write", f) return real(f, b, n, o); }
ssize_t writev(int f, const struct iovec *v, int n) { REAL(writev); ON("write", f) return real(f, v, n); }
int fsync(int f) { REAL(fsync); ON("fsync", f) return real(f); }
int fdatasync(int f) { REAL(fdatasync); ON("fsync", f) return real(f); }
int ftruncate(int f, off_t n) { REAL(ftruncate); ON("truncate", f) return real(f, n); }
int ftruncate64(int f, off_t n) { REAL(ftruncate64); ON("truncate", f) return real(f, n); }
int rename(const char *a, const char *b) { REAL(rename); AT("rename", AT_FDCWD, b) return real(a, b); }
int renameat(int d, const char *a, int e, const char *b) { REAL(renameat); AT("rename", e, b) return real(d, a, e, b); }
int unlink(const char *p_) { REAL(unlink); AT("unlink", AT_FDCWD, p_) return real(p_); }
int unlinkat(int d, const char *p_, int f) { REAL(unlinkat); AT("unlink", d, p_) return real(d, p_, f); }
int link(const char *a, const char *b) { REAL(link); AT("link", AT_FDCWD, b) return real(a, b); }
int mkdir(const char *p_, mode_t m) { REAL(mkdir); AT("mkdir", AT_FDCWD, p_) return real(p_, m); }
int mkdirat(int d, const char *p_, mode_t m) { REAL(mkdirat); AT("mkdir", d, p_) return real(d, p_, m); }

#define WRITES(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT))
#define MODE(flags) mode_t m = 0; if ((flags) & O_CREAT) { va_list l; va_start(l, flags); m = va_arg(l, mode_t); va_end(l); }
int open(const char *p_, int f, ...) { MODE(f) REAL(open); if (WRITES(f)) AT("open", AT_FDCWD, p_) return real(p_, f, m); }
int open64(const char *p_, int f, ...) { MODE(f) REAL(open64); if (WRITES(f)) AT("open", AT_FDCWD, p_) return real(p_, f, m); }
int openat(int d, const char *p_, int f, ...) { MODE(f) REAL(openat); if (WRITES(f)) AT("open", d, p_) return real(d, p_, f, m); }
int openat64(int d, const char *p_, int f, ...) { MODE(f) REAL(openat64); if (WRITES(f)) AT("open", d, p_) return real(d, p_, f, m); }

/* Watches a folder (empty: none). The `at`-th change fails with errno `what`, or the signal -what comes;
   `for_good`: so does every later one. */
void fault_arm(const char *folder, int at, int what, int for_good) {
  count = 0; armed_at = at; action = what; stays = for_good; last_call[0] = last_path[0] = 0;
  snprintf(watched, sizeof watched, "%s", folder);
}
/* Has every change told on the open file `handle`, a line each. */
void fault_trace(int handle) { trace = handle; }
int fault_count(void) { return count; }
const char *fault_call(void) { return last_call; }
const char *fault_path(void) { return last_path; }
