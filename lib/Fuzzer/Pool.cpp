// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Pool.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/ErrorHandling.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace attn;

using Clock = std::chrono::steady_clock;

/// Complete: reports of a child that is killed in the middle of one are cut.
static void writeAll(int file, const std::string &bytes) {
  for (size_t done = 0; done < bytes.size();) {
    ssize_t count = write(file, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno != EINTR)
      _exit(3); // the parent is gone
    done += std::max<ssize_t>(count, 0);
  }
}

struct Pool::Child {
  Job job;
  pid_t process = 0;
  /// Reports, and what it prints.
  int reports = -1, output = -1;
  std::string pending;
  Clock::time_point lastHeard;
};

std::string Ending::describe() const {
  // An assertion says more than the list of addresses that follows it.
  llvm::StringRef said = output;
  for (llvm::StringRef rest = output; !rest.empty();) {
    auto [line, next] = rest.split('\n');
    if (line.contains("Assertion") || line.contains("LLVM ERROR") || line.contains("UNREACHABLE"))
      said = line;
    rest = next;
  }
  std::string what = how == TimedOut  ? "hangs"
                     : how == Crashed ? "crashes with signal " + std::to_string(code) + " (" + strsignal(code) + ")"
                                      : "exits with status " + std::to_string(code);
  said = said.split('\n').first.take_front(500);
  return what + (said.empty() ? "" : ": " + said.str());
}

void Pool::start(Job job) {
  int ends[2];
  int output = memfd_create("output", MFD_CLOEXEC);
  if (pipe(ends) != 0 || output < 0)
    llvm::report_fatal_error("cannot create a pipe");
  pid_t process = fork();
  if (process < 0)
    llvm::report_fatal_error("cannot start a process");
  if (process == 0) {
    close(ends[0]);
    dup2(output, STDERR_FILENO);
    dup2(output, STDOUT_FILENO);
    rlimit noCore{0, 0};
    setrlimit(RLIMIT_CORE, &noCore);
    // No handlers: printing a stack takes longer than the case did.
    for (int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGTRAP})
      ::signal(signal, SIG_DFL);
    job.body([&](char kind, int64_t number, const std::string &text) {
      writeAll(ends[1], kind + std::to_string(number) + " " + text + '\0');
    });
    _exit(0); // no destructors: memory goes with the process
  }
  close(ends[1]);
  running.push_back(std::make_shared<Child>(Child{std::move(job), process, ends[0], output, "", Clock::now()}));
}

bool Pool::read(Child &child) {
  char bytes[4096];
  ssize_t count = ::read(child.reports, bytes, sizeof bytes);
  if (count < 0 && errno == EINTR)
    return true;
  if (count <= 0)
    return false;
  child.lastHeard = Clock::now();
  child.pending.append(bytes, count);
  for (size_t end; (end = child.pending.find('\0')) != std::string::npos; child.pending.erase(0, end + 1)) {
    llvm::StringRef report(child.pending.data(), end);
    auto [number, text] = report.drop_front().split(' ');
    int64_t value = 0;
    number.getAsInteger(10, value);
    child.job.onReport(report[0], value, text.str());
  }
  return true;
}

void Pool::finish(Child &child, bool timedOut) {
  if (timedOut)
    kill(child.process, SIGKILL);
  int status = 0;
  while (waitpid(child.process, &status, 0) < 0 && errno == EINTR) {
  }
  Ending ending;
  ending.how = timedOut ? Ending::TimedOut : WIFSIGNALED(status) ? Ending::Crashed : Ending::Exited;
  ending.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  char bytes[4096];
  ssize_t count = pread(child.output, bytes, sizeof bytes, 0);
  ending.output.assign(bytes, std::max<ssize_t>(count, 0));
  close(child.reports);
  close(child.output);
  child.job.onEnd(ending);
}

void Pool::run() {
  while (!waiting.empty() || !running.empty()) {
    while (!waiting.empty() && running.size() < static_cast<size_t>(processes)) {
      Job job = std::move(waiting.front());
      waiting.pop_front();
      start(std::move(job));
    }
    std::vector<pollfd> files;
    for (const auto &child : running)
      files.push_back({child->reports, POLLIN, 0});
    poll(files.data(), files.size(), 1000);
    auto file = files.begin();
    for (auto child = running.begin(); child != running.end(); ++file) {
      bool atEnd = file->revents != 0 && !read(**child);
      bool timedOut = !atEnd && Clock::now() - (*child)->lastHeard > std::chrono::seconds(timeoutSeconds);
      auto here = child++;
      if (!atEnd && !timedOut)
        continue;
      finish(**here, timedOut);
      running.erase(here);
    }
  }
}
