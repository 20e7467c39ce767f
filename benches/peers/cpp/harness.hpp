// What the C++ programs share: their command line, clocks, and the work that is not the library's.
//
//   peer list                       {"version":"1.2.3","cases":["skynet",…]}
//   peer CASE WORKERS REDUCTION     {"wall_ns":12.3,"cpu_ns":23.4}, per operation
//
// REDUCTION is how many tenths below the full size. A wrong result ends the program with exit code 1.

#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

namespace harness {

[[noreturn]] inline void fail(std::string const &message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

inline void check(bool right, char const *what) {
  if (!right) {
    fail(std::string("wrong: ") + what);
  }
}

// The full number, so many tenths down.
inline std::size_t count(std::size_t full, unsigned reduction) {
  for (; reduction > 0; --reduction) {
    full /= 10;
  }
  return std::max<std::size_t>(full, 1);
}

// Nanoseconds of wall and of CPU time, and how many operations took them.
struct Result {
  double wall, cpu;
  std::size_t operations;
};

class Stopwatch {
  using Clock = std::chrono::steady_clock;
  double cpu = cpu_now();
  Clock::time_point start = Clock::now();

  // User and system time of all threads so far.
  static double cpu_now() {
    timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
  }

public:
  Result stop(std::size_t operations) const {
    std::chrono::duration<double, std::nano> wall = Clock::now() - start;
    return {wall.count(), cpu_now() - cpu, operations};
  }
};

// A case does its work at a size, checks it, and says what it took.
struct Case {
  char const *name;
  Result (*run)(unsigned reduction);
};

inline unsigned number(char const *text) {
  char *end;
  unsigned long number = std::strtoul(text, &end, 10);
  if (end == text || *end != '\0') {
    fail(std::string(text) + " is no number");
  }
  return static_cast<unsigned>(number);
}

// Runs what the command line asks for. `start` is told the number of workers before the first case.
template <typename Start>
int main(int argc, char **argv, char const *version, std::vector<Case> const &cases, Start start) {
  if (argc == 2 && std::string_view(argv[1]) == "list") {
    std::string names;
    for (Case const &one : cases) {
      names += std::string(names.empty() ? "" : ",") + '"' + one.name + '"';
    }
    std::printf("{\"version\":\"%s\",\"cases\":[%s]}\n", version, names.c_str());
    return 0;
  }
  if (argc != 4) {
    fail("usage: list | CASE WORKERS REDUCTION");
  }
  for (Case const &one : cases) {
    if (one.name == std::string_view(argv[1])) {
      // Longer than whoever started this program waits.
      alarm(150);
      unsigned reduction = number(argv[3]);
      start(number(argv[2]));
      // A tenth of the work warms up.
      one.run(reduction + 1);
      Result took = one.run(reduction);
      auto operations = static_cast<double>(took.operations);
      std::printf("{\"wall_ns\":%f,\"cpu_ns\":%f}\n", took.wall / operations, took.cpu / operations);
      return 0;
    }
  }
  fail(std::string("no case is called ") + argv[1]);
}

} // namespace harness
