// libfork: fork-join by continuation stealing. It has no detached tasks, channels or timers.

#include <memory>

#include <libfork.hpp>

#include "work.hpp"

namespace {

std::unique_ptr<lf::lazy_pool> pool;

constexpr auto branch = [](auto branch, std::size_t first, std::size_t leaves) -> lf::task<std::size_t> {
  if (leaves == 1) {
    co_return first;
  }
  std::size_t each = leaves / work::fan_out;
  std::array<std::size_t, work::fan_out> sums;
  for (std::size_t child = 0; child + 1 < work::fan_out; ++child) {
    co_await lf::fork(&sums[child], branch)(first + child * each, each);
  }
  co_await lf::call(&sums.back(), branch)(first + (work::fan_out - 1) * each, each);
  co_await lf::join;
  std::size_t sum = 0;
  for (std::size_t one : sums) {
    sum += one;
  }
  co_return sum;
};

harness::Result skynet(unsigned reduction) {
  work::Tree tree(reduction);
  harness::Stopwatch watch;
  std::size_t sum = lf::sync_wait(*pool, branch, std::size_t{0}, tree.leaves);
  harness::Result took = watch.stop(tree.nodes());
  harness::check(sum == tree.sum(), "sum of the leaves");
  return took;
}

constexpr auto call = [](auto call, unsigned n) -> lf::task<std::uint64_t> {
  if (n < 2) {
    co_return n;
  }
  std::uint64_t a, b;
  co_await lf::fork(&a, call)(n - 1);
  co_await lf::call(&b, call)(n - 2);
  co_await lf::join;
  co_return a + b;
};

harness::Result fib(unsigned reduction) {
  work::Fibonacci expected(reduction);
  harness::Stopwatch watch;
  std::uint64_t value = lf::sync_wait(*pool, call, expected.n);
  harness::Result took = watch.stop(expected.calls);
  harness::check(value == expected.value, "Fibonacci number");
  return took;
}

constexpr auto place = [](auto place, work::Board board) -> lf::task<work::Found> {
  if (board.is_full()) {
    co_return work::Found{1, 1};
  }
  std::array<work::Found, work::Board::most_children> children;
  std::size_t spawned = 0;
  for (std::uint32_t column = 0; column < board.size; ++column) {
    if (board.is_free(column)) {
      co_await lf::fork(&children[spawned++], place)(board.with(column));
    }
  }
  co_await lf::join;
  work::Found found;
  for (std::size_t child = 0; child < spawned; ++child) {
    found.add(children[child]);
  }
  co_return found;
};

harness::Result nqueens(unsigned reduction) {
  work::Queens queens(reduction);
  harness::Stopwatch watch;
  work::Found found = lf::sync_wait(*pool, place, queens.board);
  harness::Result took = watch.stop(queens.found.tasks);
  harness::check(found == queens.found, "solutions and placements");
  return took;
}

constexpr auto multiply = [](auto multiply, work::Product *product, work::Part part) -> lf::task<> {
  if (part.side == 1) {
    product->multiply_block(part);
    co_return;
  }
  for (std::size_t phase = 0; phase < 2; ++phase) {
    for (std::size_t number = 0; number < 3; ++number) {
      co_await lf::fork(multiply)(product, part.quarter(phase, number));
    }
    co_await lf::call(multiply)(product, part.quarter(phase, 3));
    co_await lf::join;
  }
};

harness::Result matmul(unsigned reduction) {
  work::Product product(reduction);
  harness::Stopwatch watch;
  lf::sync_wait(*pool, multiply, &product, product.whole());
  harness::Result took = watch.stop(product.blocks());
  harness::check(product.is_right(), "product of the matrices");
  return took;
}

#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)
constexpr char version[] =
    TEXT(LF_VERSION_MAJOR) "." TEXT(LF_VERSION_MINOR) "." TEXT(LF_VERSION_PATCH);

} // namespace

int main(int argc, char **argv) {
  std::vector<harness::Case> cases{
      {"skynet", skynet},     {"fib", fib},         {"skynet_join", skynet},
      {"fib_join", fib},      {"nqueens", nqueens}, {"matmul", matmul},
  };
  auto start = [](unsigned workers) { pool = std::make_unique<lf::lazy_pool>(workers); };
  int code = harness::main(argc, argv, version, cases, start);
  pool.reset();
  return code;
}
