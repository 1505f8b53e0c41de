/*
 * Preloaded into a program, this writes down what the program has the disk keep: a line "pid bytes path"
 * in the file RECORD_SYNCS_TO for each fsync and fdatasync that succeeded.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void record(int fd) {
  const char *log_path = getenv("RECORD_SYNCS_TO");
  char link[64], path[PATH_MAX], line[PATH_MAX + 64];
  struct stat stats;
  if (log_path == NULL) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path);
  if (length < 0 || fstat(fd, &stats) != 0) return;
  int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return;
  int bytes = snprintf(line, sizeof line, "%d %lld %.*s\n", (int)getpid(), (long long)stats.st_size,
                       (int)length, path);
  if (write(log, line, bytes) != bytes) abort();
  close(log);
}

static int sync_and_record(const char *name, int fd) {
  int (*sync_file)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  int result = sync_file(fd);
  int error = errno;
  if (result == 0) record(fd);
  errno = error;
  return result;
}

int fsync(int fd) { return sync_and_record("fsync", fd); }

int fdatasync(int fd) { return sync_and_record("fdatasync", fd); }
