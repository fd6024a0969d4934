// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Work in processes of its own, a few at a time. A crash or a hang is a result like any other.
#ifndef ATTN_LIB_FUZZER_POOL_H
#define ATTN_LIB_FUZZER_POOL_H

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>

namespace attn {

/// Tells the parent something: a letter, a number and a text without zero bytes.
using Reporter = std::function<void(char kind, int64_t number, const std::string &text)>;

/// How a process came to its end.
struct Ending {
  enum { Exited, Crashed, TimedOut } how = Exited;
  /// The signal, or the exit status if it is not 0.
  int code = 0;
  /// What it printed to standard error.
  std::string output;

  bool isClean() const { return how == Exited && code == 0; }
  /// "crashes with signal 11 (Segmentation fault): .."
  std::string describe() const;
};

struct Job {
  /// Runs in the child; when it returns the child ends.
  std::function<void(const Reporter &)> body;
  /// Run in the parent.
  Reporter onReport;
  std::function<void(const Ending &)> onEnd;
};

class Pool {
public:
  /// At most `processes` at a time, each killed after so many seconds without a report.
  Pool(int processes, int timeoutSeconds) : processes(processes), timeoutSeconds(timeoutSeconds) {}

  /// Jobs start in this order, those of addFirst() before others.
  void add(Job job) { waiting.push_back(std::move(job)); }
  void addFirst(Job job) { waiting.push_front(std::move(job)); }

  /// Runs all jobs, those that are added meanwhile included.
  void run();

private:
  struct Child;
  void start(Job job);
  /// Takes what has arrived. Returns false at the end of file.
  bool read(Child &child);
  void finish(Child &child, bool timedOut);

  int processes, timeoutSeconds;
  std::deque<Job> waiting;
  std::list<std::shared_ptr<Child>> running;
};

} // namespace attn

#endif // ATTN_LIB_FUZZER_POOL_H
